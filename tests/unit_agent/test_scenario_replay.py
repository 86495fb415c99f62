"""Replays: recorded samples through the whole agent, with the interval and the machine learnt from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.load import Loaded, load
from agent.scenario import replay as module
from agent.scenario.replay import TooLong, host_of, interval_of, replay
from rules.api import SeriesWindow, load_openmetrics

RULES = "groups: [{name: g, rules: [{alert: Down, expr: up == 0, for: 2m, labels: {severity: critical}}]}]\n"
T = 1_700_000_000


def dump(values: str, step: float = 60, more: str = "") -> SeriesWindow:
    lines = [
        f'up{{instance="web-1", job="shop"}} {value} {T + n * step}'
        for n, value in enumerate(values.split())
        if value != "_"
    ]
    return load_openmetrics("\n".join([*lines, *more.splitlines(), "# EOF"]))


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "r.yml").write_text(RULES)
    (tmp_path / "c.yaml").write_text("rules: {packs: [], files: [r.yml]}\nidentity: {ci: shop-1}\n")
    return load(tmp_path / "c.yaml")


def test_what_would_have_been_opened_when_and_why(loaded: Loaded) -> None:
    done = replay(loaded, dump("1 1 0 0 0 0 1 1 1 1"), "web-1", 60_000)
    (told,), ((backend, page),) = done.incidents, done.tickets
    assert (done.begin, done.passes, done.rule_failures) == (T * 1000, 10, 0)
    assert (backend, page.ticket.number, page.ticket.state.value) == ("desk", "INC0000001", "resolved")
    assert (page.ticket.opened_at, page.ticket.ended_at) == ((T + 240) * 1000, (T + 420) * 1000)
    assert told.incident.ci.name == "shop-1"
    assert told.lines[0].reason == "new_fault"
    assert "resolved on evidence" in " ".join(line.text for line in told.lines)


def test_data_that_ends_resolves_nothing(loaded: Loaded) -> None:
    more = f'other{{instance="web-1"}} 1 {T + 3600}'
    done = replay(loaded, dump("1 0 0 0 0", more=more), "web-1", 60_000)
    assert [page.ticket.state.value for _, page in done.tickets] == ["new"]
    assert done.incidents[0].incident.state.value == "no_data"


def test_a_sample_that_comes_late_is_no_gap(loaded: Loaded) -> None:
    """Jitter up to half an interval: one of two passes would otherwise find nothing."""
    lines = [f'up{{instance="web-1"}} 0 {T + n * 60 + (25 if n % 2 else 0)}' for n in range(20)]
    done = replay(loaded, load_openmetrics("\n".join([*lines, "# EOF"])), "web-1", 60_000)
    assert [(told.incident.state.value, told.incident.no_data_since) for told in done.incidents] == [("open", None)]


@pytest.mark.parametrize(("step", "interval"), [(15, 15_000), (60, 60_000), (14.7, 15_000), (0.2, 1_000)])
def test_the_interval_is_that_of_the_samples(step: float, interval: int) -> None:
    assert interval_of(dump("1 1 1 1 1 1 1 1 1 1 1 1", step)) == interval


def test_without_samples_nothing_is_opened(loaded: Loaded) -> None:
    empty = load_openmetrics("# EOF")
    assert (interval_of(empty), host_of(empty)) == (15_000, "host")
    assert replay(loaded, empty, "h", 15_000).incidents == ()


def test_the_machine_is_the_one_most_series_name() -> None:
    assert host_of(dump("1", more=f'b{{instance="z"}} 1 {T}\nc{{instance="z"}} 1 {T}')) == "z"


def test_a_dump_of_too_many_passes_is_refused(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PASSES", 5)
    with pytest.raises(TooLong, match="the dump covers 10 passes of 60 s; 5 is the most"):
        replay(loaded, dump("1 1 1 1 1 1 1 1 1 1"), "web-1", 60_000)
