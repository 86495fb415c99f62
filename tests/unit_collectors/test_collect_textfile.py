"""Files other programs leave: the format is read strictly, and one bad file spoils nothing but itself."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from exporter_kit import exporter, fetched
from golden_host import GoldenHost, gather, notices, plant, table
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from collectors import textfile
from collectors._exposition import SERIES_LIMIT, ExpositionError, parse
from collectors.api import Sample, family_of

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


def described(tmp_path: Path, *texts: str) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """(type, help) of each family in these files, and what is said of them."""
    host = plant(tmp_path, {f"{FOLDER}/{number}.prom": text for number, text in enumerate(texts)})
    collector = make(host)
    items = gather(collector)
    return {each.name: (each.type.value, each.help) for each in collector.families()}, notices(items)


def test_families_keep_their_type_and_help(tmp_path: Path) -> None:
    told, said = described(
        tmp_path,
        "# HELP a First\\nline \\\\ here\n# TYPE a gauge\n# a comment\na 1\n#TYPE b\tCounter\n b 2\nbare 3\n"
        '# TYPE "c d" gauge\n{"c d"} 1\n# HELP unused Of nothing\n# TYPE\n#\n',
        '# HELP bare Else\n# HELP a Other\na{x="1"} 1\n',
        'bare{x="1"} 1\nboth 1\n',
        'both{x="1"} 1\n',
        '# TYPE h histogram\n# HELP h Of h.\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\nh_max 1\n'
        '# TYPE s summary\ns{quantile="1"} 1\ns_sum 1\ns_count 1\ns_bucket 1\n',
    )
    folder = f"/{FOLDER}"
    assert told == {
        "a": ("gauge", "First\nline \\ here"),
        "b": ("counter", f"Metric read from {folder}/0.prom"),
        "bare": ("untyped", "Else"),
        "c d": ("gauge", f"Metric read from {folder}/0.prom"),
        "both": ("untyped", f"Metric read from {folder}/2.prom, {folder}/3.prom"),
        "h": ("histogram", "Of h."),
        "h_max": ("untyped", f"Metric read from {folder}/4.prom"),
        "s": ("summary", f"Metric read from {folder}/4.prom"),
        "s_bucket": ("untyped", f"Metric read from {folder}/4.prom"),
    }
    assert said == []


SMART = """\
# HELP smartmon_device_smart_healthy SMART metric device_smart_healthy
# TYPE smartmon_device_smart_healthy gauge
smartmon_device_smart_healthy{disk="/dev/sda",type="sat"} 1
# HELP smartctl_device_bytes_read Bytes \\\\ read
# TYPE smartctl_device_bytes_read counter
smartctl_device_bytes_read{device="sda"} 5e9
"""
IPMI = """\
# HELP ipmi_temperature_celsius Temperature.
# TYPE ipmi_temperature_celsius gauge
ipmi_temperature_celsius{id="1",name="CPU"} 41
ipmi_temperature_state{id="1",name="CPU"} 0
# TYPE job_seconds histogram
job_seconds_bucket{le="1"} 3
job_seconds_bucket{le="+Inf"} 4
job_seconds_sum 7
job_seconds_count 4
# TYPE query_seconds summary
query_seconds{quantile="0.9"} 2
query_seconds_sum 7
query_seconds_count 4
"""


@pytest.mark.server("prometheus-node-exporter")
def test_types_and_helps_as_node_exporter_has_them(require: Callable[[str], Path], tmp_path: Path) -> None:
    host = plant(tmp_path, {f"{FOLDER}/smart.prom": SMART, f"{FOLDER}/ipmi.prom": IPMI})
    collector = make(host)
    names = {item.name for item in gather(collector) if isinstance(item, Sample)}
    flags = (
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={tmp_path / FOLDER}",
    )
    with exporter(require("prometheus-node-exporter"), *flags) as url:
        text = fetched(url)
    families = {each.name: each for each in collector.families()}
    assert len(families) == 6
    for family in families.values():
        told = family.help.replace("\\", "\\\\").replace(f"/{FOLDER}/", f"{tmp_path}/{FOLDER}/")
        assert f"# HELP {family.name} {told}\n# TYPE {family.name} {family.type.value}\n" in text
    kinds = {name: of.type.value for name in names if (of := family_of(name, families)) is not None}
    assert kinds["query_seconds_count"] == "summary"
    assert kinds["job_seconds_bucket"] == "histogram"
    assert len(kinds) == 10


def test_a_second_type_loses_no_sample_and_is_said(tmp_path: Path) -> None:
    texts = ("# TYPE x gauge\nx 1\n", '# TYPE x counter\nx{a="1"} 2\n')
    told, said = described(tmp_path, *texts)
    assert told["x"][0] == "gauge"
    assert said == [f"/{FOLDER}/1.prom: x is a counter here and a gauge in /{FOLDER}/0.prom (write the same)"]
    collector = make(plant(tmp_path, {}))
    assert table(gather(collector))['x{a="1"}'] == 2
    assert notices(gather(collector)) == said, "also when nothing has changed"
    (tmp_path / FOLDER / "0.prom").unlink()
    assert notices(gather(collector)) == []
    assert [each.type.value for each in collector.families()] == ["counter"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# TYPE x foo\nx 1\n", "line 1: 'foo' is not a type of a metric (write one of counter, gauge, untyped, his"),
        ("# TYPE x\nx 1\n", "line 1: '' is not a type of a metric"),
        ("x 1\n# TYPE x gauge\n", "line 2: the TYPE of x stands after its samples"),
        ("x_sum 1\n# TYPE x summary\n", "line 2: the TYPE of x stands after its samples"),
        ("# TYPE x gauge\n# TYPE x gauge\n", "line 2: a second TYPE of x"),
        ("# HELP x a\n# HELP x a\n", "line 2: a second HELP of x"),
        ("# HELP x a\\q\n", "line 1: unknown escape"),
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
    ids=range(28),
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
    assert parse(text).samples == tuple(Sample(name, pairs, value) for (name, pairs), value in content.items())


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('xy_{}=",\\ \t\n#019.eE+-NaInf\x00ä'), max_size=60))
def test_any_text_is_read_or_refused_and_never_read_differently(text: str) -> None:
    try:
        samples = parse(text + "\n").samples
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
