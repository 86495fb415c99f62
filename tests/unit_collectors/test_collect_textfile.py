"""Files other programs leave: the format is read strictly, and one bad file spoils nothing but itself."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from golden_host import GoldenHost, gather, notices, plant, table
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from collectors import textfile
from collectors._exposition import SERIES_LIMIT, ExpositionError, parse
from collectors.api import Sample

FOLDER = "var/lib/node"


def make(host: GoldenHost, *directories: str) -> textfile.Textfile:
    return textfile.build(textfile.Options(directories=directories or (f"/{FOLDER}",)), host)


def test_samples_and_their_files_age(tmp_path: Path) -> None:
    host = plant(
        tmp_path, {f"{FOLDER}/a.prom": '# HELP x y\n# TYPE x gauge\nx{b="1",a="2"} 3.5\n', f"{FOLDER}/no.txt": "?"}
    )
    os.utime(tmp_path / FOLDER / "a.prom", (5, 5))
    items = gather(make(host))
    assert table(items) == {
        'x{a="2",b="1"}': 3.5,
        f'node_textfile_mtime_seconds{{file="/{FOLDER}/a.prom"}}': 5,
        "node_textfile_scrape_error": 0,
    }
    assert notices(items) == []


def test_names_of_any_text_stand_in_quotes(tmp_path: Path) -> None:
    content = '{"http.requests"} 1\n{ "b c" ,"service.name" = "shop", a="2",} 2\nplain{"\\"é\\""="3"} 3\n'
    host = plant(tmp_path, {f"{FOLDER}/a.prom": content})
    items = gather(make(host))
    assert notices(items) == []
    assert {(s.name, s.labels, s.value) for s in items if isinstance(s, Sample) and not s.name.startswith("node_")} == {
        ("http.requests", (), 1.0),
        ("b c", (("a", "2"), ("service.name", "shop")), 2.0),
        ("plain", (('"é"', "3"),), 3.0),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{a="1"} 1\n', "line 1: a metric name is expected"),
        ('{""} 1\n', "line 1: a metric name is expected"),
        ('{"a" "b"="1"} 1\n', "line 1: a metric name is expected"),
        ('{"a"\n', "line 1: a metric name is expected"),
        ('{"a","b"} 1\n', "line 1: label pairs are not closed"),
        ('x{"a"} 1\n', "line 1: label pairs are not closed"),
        ("x 1\ny 2 1700000000000\n", "line 2: y has a timestamp"),
        ("x 1\nx 2\n", "line 2: x is there twice with the same labels"),
        ("x 1", "the last line does not end"),
        ("x{a='1'} 1\n", "line 1: label pairs are not closed"),
        ('x{a="1} 1\n', "line 1: label pairs are not closed"),
        ('x{a="1",a="2"} 1\n', "line 1: label a is there twice"),
        ('x{a="\\q"} 1\n', "line 1: unknown escape"),
        ("x\n", "line 1: x has no value"),
        ("x one\n", "line 1: 'one' is not a number"),
        ("x 1_000\n", "line 1: '1_000' is not a number"),
        ("9x 1\n", "line 1: a metric name is expected"),
        ("x-1\n", "line 1: a blank or brace is expected after x, not '-'"),
        (b"x 1 # \xff\n", "not UTF-8"),
        ("".join(f"x{n} 1\n" for n in range(SERIES_LIMIT + 1)), f"more than {SERIES_LIMIT} series"),
        ("#" * (textfile.FILE_LIMIT + 1), "is larger than 1048576 bytes; not read"),
    ],
    ids=range(21),
)
def test_a_bad_file_is_named_and_gives_nothing(tmp_path: Path, content: str | bytes, message: str) -> None:
    host = plant(tmp_path, {f"{FOLDER}/bad.prom": content, f"{FOLDER}/good.prom": "good 1\n"})
    items = gather(make(host))
    got = table(items)
    assert got["node_textfile_scrape_error"] == 1
    assert sorted(got) == [
        "good", f'node_textfile_mtime_seconds{{file="/{FOLDER}/good.prom"}}', "node_textfile_scrape_error",
    ]  # fmt: skip
    (notice,) = notices(items)
    assert "bad.prom" in notice
    assert message in notice


def test_a_series_in_two_files_is_kept_from_the_first(tmp_path: Path) -> None:
    host = plant(tmp_path, {f"{FOLDER}/a.prom": "x 1\n", f"{FOLDER}/b.prom": "x 2\ny 1\n"})
    items = gather(make(host))
    assert table(items)["x"] == 1
    assert "y" not in table(items)
    assert notices(items) == [f"/{FOLDER}/b.prom: x is already in another file with the same labels"]


def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = plant(tmp_path, {f"{FOLDER}/a.prom": "x 1\n"})
    reads = []
    monkeypatch.setattr(textfile, "parse", lambda text: reads.append(text) or parse(text))
    collector = make(host)
    for _ in range(3):
        assert table(gather(collector))["x"] == 1
    plant(tmp_path, {f"{FOLDER}/a.prom": "x 25\n"})
    assert table(gather(collector))["x"] == 25
    assert len(reads) == 2
    (tmp_path / FOLDER / "a.prom").unlink()
    assert table(gather(collector)) == {"node_textfile_scrape_error": 0}


def test_what_is_not_a_file_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    host = plant(tmp_path, {f"{FOLDER}/sub.prom/x": ""})
    os.mkfifo(tmp_path / FOLDER / "pipe.prom")
    items = gather(make(host, f"/{FOLDER}", "/nowhere"))
    assert notices(items) == [
        "/nowhere does not exist (make it, or mend `directories`)",
        f"/{FOLDER}/pipe.prom: not a regular file",
        f"/{FOLDER}/sub.prom: not a regular file",
    ]
    assert table(items) == {"node_textfile_scrape_error": 1}


def test_a_very_full_folder_is_cut_and_said(tmp_path: Path) -> None:
    files = {f"{FOLDER}/{n:04}.prom": f"x{n} 1\n" for n in range(textfile.FILES_LIMIT + 5)}
    items = gather(make(plant(tmp_path, files)))
    assert "more than 256 .prom files" in notices(items)[0]
    assert f"x{textfile.FILES_LIMIT - 1}" in table(items)
    assert f"x{textfile.FILES_LIMIT}" not in table(items)


label_values = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
series = st.dictionaries(
    st.tuples(
        st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,6}", fullmatch=True),
        st.dictionaries(
            st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,4}", fullmatch=True), label_values.filter(bool), max_size=3
        ).map(lambda pairs: tuple(sorted(pairs.items()))),
    ),
    st.floats(allow_nan=False),
    max_size=5,
)


def written(name: str, pairs: tuple[tuple[str, str], ...], value: float) -> str:
    escaped = ((key, text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')) for key, text in pairs)
    inside = ",".join(f'{key}="{text}"' for key, text in escaped)
    return f"{name}{{{inside}}} {value!r}\n"


@settings(max_examples=60, deadline=None)
@given(series)
@example({("x", (("a", 'q"\\\n{},= '),)): math.inf})
def test_what_is_written_is_read_back(content: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> None:
    text = "".join(written(name, pairs, value) for (name, pairs), value in content.items())
    assert parse(text) == [Sample(name, pairs, value) for (name, pairs), value in content.items()]


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('xy_{}=",\\ \t\n#019.eE+-NaInf\x00ä'), max_size=60))
def test_any_text_is_read_or_refused_and_never_read_differently(text: str) -> None:
    try:
        samples = parse(text + "\n")
    except ExpositionError:
        return
    theirs = [s for family in text_string_to_metric_families(text + "\n") for s in family.samples]
    assert sorted(s.name for s in samples) == sorted(s.name for s in theirs)


SMART_AND_IPMI = """\
# HELP smartmon_device_smart_healthy SMART metric device_smart_healthy
# TYPE smartmon_device_smart_healthy gauge
smartmon_device_smart_healthy{disk="/dev/sda",type="sat"} 1
# TYPE smartmon_reallocated_sector_ct_raw_value gauge
smartmon_reallocated_sector_ct_raw_value{disk="/dev/sda",smart_id="5",type="sat"} 8.000000e+00
smartctl_device_temperature{device="nvme0",temperature_type="current"} 41
smartctl_device_percentage_used{device="nvme0"} 3
ipmi_temperature_state{id="4",name="Inlet Temp",type="Temperature"} 0
ipmi_fan_speed_rpm{id="48",name="Fan1A"} 5880
ipmi_chassis_power_state 1
"""


def test_the_usual_names_of_smart_and_ipmi_come_through(tmp_path: Path) -> None:
    plant(tmp_path, {"var/lib/prometheus/node-exporter/hardware.prom": SMART_AND_IPMI})
    got = table(gather(textfile.build(textfile.Options(), GoldenHost(tmp_path))))
    assert got['smartmon_device_smart_healthy{disk="/dev/sda",type="sat"}'] == 1
    assert got['smartmon_reallocated_sector_ct_raw_value{disk="/dev/sda",smart_id="5",type="sat"}'] == 8
    assert got['smartctl_device_temperature{device="nvme0",temperature_type="current"}'] == 41
    assert got['ipmi_temperature_state{id="4",name="Inlet Temp",type="Temperature"}'] == 0
    assert got['ipmi_fan_speed_rpm{id="48",name="Fan1A"}'] == 5880
    assert got["ipmi_chassis_power_state"] == 1
    assert got["node_textfile_scrape_error"] == 0
