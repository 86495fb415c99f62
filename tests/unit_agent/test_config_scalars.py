from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.scalars import BadScalarError, duration_text, to_bool, to_duration, to_float, to_go_duration, to_int


@pytest.mark.parametrize(
    ("text", "ms"),
    [("0", 0), ("0s", 0), ("500ms", 500), ("15s", 15_000), ("5m", 300_000), ("1h30m", 5_400_000), ("1d", 86_400_000),
     ("1w", 604_800_000), ("1y", 31_536_000_000), ("1y2w3d4h5m6s7ms", 33_019_506_007), ("90m", 5_400_000)],
)  # fmt: skip
def test_durations(text: str, ms: int) -> None:
    assert to_duration(text) == ms


@pytest.mark.parametrize(
    "text", ["", "15", "-1s", "+1s", "1.5m", "1m1h", "s", "1 s", "1S", "1s1s", "٣s", "1" * 80 + "s", "101y"]
)
def test_not_durations(text: str) -> None:
    with pytest.raises(BadScalarError):
        to_duration(text)


@given(st.integers(0, 50 * 31_536_000_000))
def test_duration_text_is_the_inverse(ms: int) -> None:
    assert to_duration(duration_text(ms)) == ms


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0s"), (7_776_000_000, "90d"), (604_800_000, "1w"), (5_400_000, "1h30m"), (1_500, "1s500ms")]
)
def test_duration_text_reads_well(ms: int, text: str) -> None:
    assert duration_text(ms) == text


def test_booleans_and_numbers() -> None:
    assert [to_bool(text) for text in ("true", "Yes", "ON", "false", "no", "off")] == [True] * 3 + [False] * 3
    assert to_int("-12") == -12
    assert to_float("1e-3") == 0.001
    for convert, text in ((to_bool, "1"), (to_int, "0x10"), (to_int, "1_000"), (to_int, "1e3"), (to_float, "nan"),
                          (to_float, "1e999"), (to_float, "inf"), (to_int, "9" * 30)):  # fmt: skip
        with pytest.raises(BadScalarError):
            convert(text)


@pytest.mark.parametrize(
    ("text", "ms"),
    [("1.5s", 1500), ("300ms", 300), ("1h2m", 3_720_000), ("0", 0), ("2.s", 2000), ("1500us", 2), ("1m1m", 120_000)],
)
def test_durations_of_go(text: str, ms: int) -> None:
    assert to_go_duration(text) == ms


@pytest.mark.parametrize("text", ["", "5", "s", "1.5", "1d", "-1s", "1s ", "1e3s", "９s", "9" * 15 + "h"])
def test_what_is_no_duration_of_go(text: str) -> None:
    with pytest.raises(BadScalarError):
        to_go_duration(text)
