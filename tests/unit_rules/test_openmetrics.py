"""Dumps with timestamps: both text formats, and what is wrong with a bad one."""

from __future__ import annotations

import math

import pytest

from rules.openmetrics import MAX_LINE, OpenMetricsError, load_openmetrics
from rules.series import SeriesWindow


def content(window: SeriesWindow) -> dict[tuple[str, str], list[tuple[int, float]]]:
    found = {}
    for series in window.find([()]):
        samples = series.window(-(2**62), 2**62)
        assert samples is not None
        labels = ",".join(f"{name}={value}" for name, value in series.labels)
        found[series.name, labels] = list(zip(*samples, strict=True))
    return found


def test_openmetrics_counts_in_seconds() -> None:
    text = (
        "# TYPE m gauge\n# HELP m about \\n m\n# UNIT m seconds\n"
        'm{a="1",b="x"} 1.5 1700000000.123 # {trace_id="KOO5S4vxi0o"} 0.67\n'
        "m_total 17.0 1700000015\n"
        "m_total 18 1700000030 # {} 1 1700000029.5\n"
        "# EOF\n"
    )
    assert content(load_openmetrics(text)) == {
        ("m", "a=1,b=x"): [(1_700_000_000_123, 1.5)],
        ("m_total", ""): [(1_700_000_015_000, 17.0), (1_700_000_030_000, 18.0)],
    }


def test_a_byte_order_mark_and_windows_line_ends_are_passed_over() -> None:
    assert content(load_openmetrics("\ufeffm 1 5\r\n# EOF\r\n")) == {("m", ""): [(5000, 1.0)]}


def test_prometheus_text_counts_in_milliseconds() -> None:
    lines = ["# a comment\r\n", "m +Inf 1000\r\n", "\r\n", "m\t-1e3\t2000\r\n", "n{} 3 -5\n"]
    assert content(load_openmetrics(lines)) == {
        ("m", ""): [(1000, math.inf), (2000, -1000.0)],
        ("n", ""): [(-5, 3.0)],
    }


def test_labels_in_every_spelling() -> None:
    text = (
        'm{ a="say \\"hi\\" \\\\ \\n}" , b = "x",} 1 1\n'.replace(" = ", "=")
        + '{"dotted.name","label name"="é ✓"} 2 1\n{__name__="plain",empty=""} 3 1\n'
    )
    assert content(load_openmetrics(text)) == {
        ("m", 'a=say "hi" \\ \n},b=x'): [(1, 1.0)],
        ("dotted.name", "label name=é ✓"): [(1, 2.0)],
        ("plain", ""): [(1, 3.0)],
    }


def test_order_does_not_matter_and_nan_is_a_value() -> None:
    found = content(load_openmetrics("m 2 2000\nm NaN 1000\n"))["m", ""]
    assert [at for at, _ in found] == [1000, 2000]
    assert math.isnan(found[0][1])


def test_samples_without_time_are_taken_at_the_time_given() -> None:
    assert content(load_openmetrics("m 1\nn 2 5\n", at=7)) == {("m", ""): [(7, 1.0)], ("n", ""): [(5, 2.0)]}


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("m 1 1\nm\n", 2, 2, "expected a value and a timestamp"),
        ("m one 1\n", 1, 3, "not a number: one"),
        ("m 1_0 1\n", 1, 3, "not a number: 1_0"),
        ("m 0x10 1\n", 1, 3, "not a number: 0x10"),
        ("m 1 soon\n", 1, 5, "not a number: soon"),
        ("m 1 1e300\n", 1, 5, "not a timestamp: 1e300"),
        ("m 1 NaN\n", 1, 5, "not a timestamp: NaN"),
        ("m 1 1 1\n", 1, 2, "expected a value and a timestamp"),
        ("1m 1 1\n", 1, 1, "expected a metric name"),
        ('m{a="1" 1 1\n', 1, 2, "the labels are not closed"),
        ('m{a="1} 1 1\n', 1, 2, "the labels are not closed"),
        ("m{a=1} 1 1\n", 1, 4, 'expected ="value"'),
        ('m{1a="1"} 1 1\n', 1, 3, "expected a label name"),
        ('m{a="1" b="2"} 1 1\n', 1, 8, "expected , or }"),
        ('m{a="1",a="2"} 1 1\n', 1, 9, "label a is written twice"),
        ('{a="1"} 1 1\n', 1, 1, "no metric name"),
        ("m 1\n", 1, 1, "sample has no timestamp"),
        ("m 1 1\nm 2 1\n", 2, 1, "a second value of this m at the same time"),
        ("m 1 1000\nm 1 1700000000\n", 2, 1, "'# EOF' is missing"),
        ("# EOF\nm 1 1\n", 2, 1, "something after '# EOF'"),
        ("# EOF\n\n# a comment\n", 3, 1, "something after '# EOF'"),
        ("m 1 1\n" + "#" * (MAX_LINE + 1), 2, MAX_LINE, "longer than"),
        ("m{" + ",".join(f'l{index}="1"' for index in range(129)) + "} 1 1", 1, 1052, "more than 128 labels"),
    ],
)
def test_every_mistake_has_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(OpenMetricsError) as caught:
        load_openmetrics(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert message in caught.value.message
    assert str(caught.value).startswith(f"{line}:{column}: ")
