"""Results of queries for people: columns, order, charts, numbers, and what a narrow or plain terminal gets."""

from __future__ import annotations

import io
from typing import Any

import pytest

from agent.cli._result import BLOCKS, PLAIN_BLOCKS, humanised, print_result, sparkline


def vector(*series: tuple[dict[str, str], str]) -> dict[str, Any]:
    return {"resultType": "vector", "result": [{"metric": metric, "value": [5, value]} for metric, value in series]}


def printed(capsys: pytest.CaptureFixture[str], data: dict[str, Any], expr: str = "x", **more: bool) -> list[str]:
    print_result(data, expr, **more)
    return capsys.readouterr().out.splitlines()


A, B = {"__name__": "load", "cpu": "1", "job": "n"}, {"__name__": "load", "cpu": "0", "job": "n", "mode": "idle"}


def test_labels_that_differ_are_columns_and_those_all_share_are_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, vector((A, "9.5"), (B, "10"))) == [
        'each: load{job="n"}',
        "VALUE  cpu  mode",
        "   10  0    idle",
        "  9.5  1    -",
    ]


def test_one_series_is_a_row_of_its_labels(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, vector((A, "1"))) == ["VALUE  METRIC  cpu  job", "    1  load    1    n"]
    assert printed(capsys, vector(({}, "1"))) == ["VALUE", "    1"]


@pytest.mark.parametrize(("expr", "first"), [("x", "0"), ("sort_desc(x)", "1"), (" topk(2, x)", "1"), ("sorted", "0")])
def test_an_order_that_was_asked_for_is_kept(capsys: pytest.CaptureFixture[str], expr: str, first: str) -> None:
    assert printed(capsys, vector((A, "9"), (B, "1")), expr)[2].split()[1] == first


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1500", "1.5k"), ("0.25", "250m"), ("-3000000", "-3M"), ("0", "0"), ("1e21", "1000E"), ("1e-12", "1e-12"),
        ("NaN", "NaN"), ("+Inf", "+Inf"), ("12.3456789", "12.35"),
    ],
)  # fmt: skip
def test_numbers_for_people(text: str, shown: str) -> None:
    assert humanised(text) == shown


@pytest.mark.parametrize(
    ("values", "columns", "chart"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 20, "▁▂▃▄▅▆▇█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], 4, "▁▃▆█"),
        ([5, 5, 5], 20, "▁▁▁"),
        ([1, None, float("nan"), 2], 20, "▁  █"),
        ([None, None], 20, "  "),
        ([float("inf"), 1, 2], 20, " ▁█"),
    ],
)  # fmt: skip
def test_a_chart_is_as_wide_as_there_is_room(values: list[float | None], columns: int, chart: str) -> None:
    assert sparkline(values, columns, BLOCKS) == chart


MATRIX = {
    "resultType": "matrix",
    "result": [
        {"metric": A, "values": [[0, "1"], [60, "2"], [120, "4"]]},
        {"metric": B, "values": [[0, "0.5"], [120, "0.25"]]},
    ],
}


def test_a_range_shows_the_course_of_each_series(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, MATRIX)
    assert lines == [
        "1970-01-01T00:00:00Z to 1970-01-01T00:02:00Z, 3 points",
        'each: load{job="n"}',
        "LAST   MIN  MAX  CHART  cpu  mode",
        "   4     1    4  ▁▃█    1    -",
        "0.25  0.25  0.5  █ ▁    0    idle",
    ]
    assert printed(capsys, MATRIX, values=True)[1:3] == ["TIME                  VALUE  cpu  mode",
                                                        "1970-01-01T00:00:00Z      1  1    -"]  # fmt: skip


def test_a_terminal_without_utf_8_gets_plain_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    print_result(MATRIX, "x")
    assert f" {PLAIN_BLOCKS[0]}{PLAIN_BLOCKS[2]}{PLAIN_BLOCKS[-1]} " in raw.getvalue().decode("ascii")


def test_a_wide_range_fits_the_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    data = {"resultType": "matrix", "result": [{"metric": A, "values": [[n, str(n)] for n in range(500)]}]}
    assert max(map(len, printed(capsys, data)[1:])) <= 60


def test_what_is_no_series(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, {"resultType": "scalar", "result": [0, "1500"]}, human=True) == ["1.5k"]
    assert printed(capsys, {"resultType": "string", "result": [0, "a\x1bb"]}) == ["a b"]
    assert printed(capsys, vector()) == ["no result"]
