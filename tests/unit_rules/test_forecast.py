"""How many samples rules will want: retention by rhythm by series, and the metric that wants most."""

from __future__ import annotations

import pytest

from rules.forecast import Forecast, forecast
from rules.series import SeriesWindow

HOUR = 3_600_000


def test_nothing_wants_nothing() -> None:
    assert forecast(SeriesWindow(), 15_000) == Forecast(0, "", 0, 600_000)


@pytest.mark.parametrize("cycles", [1, 2])
def test_each_series_wants_its_retention_in_its_own_rhythm(cycles: int) -> None:
    window = SeriesWindow()
    window.retain({"deep": 24 * HOUR, "slow": 24 * HOUR}, HOUR)
    for cycle in range(cycles):
        fast = [("deep", (("i", str(i)),), 1.0, None) for i in range(3)]
        window.ingest("s", [*fast, ("flat", (), 1.0, None)], cycle * 15_000)
        window.ingest("recorded", [("slow", (), 1.0, None)], cycle * HOUR)
    slow = 24 if cycles > 1 else 24 * 240
    assert forecast(window, 15_000) == Forecast(3 * 24 * 240 + 240 + slow, "deep", 3 * 24 * 240, 24 * HOUR)
