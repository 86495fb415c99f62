"""Equal expressions of an engine's rules are computed once a pass, and never when something was written in between."""

from __future__ import annotations

import pytest

from rules.api import Engine, SeriesWindow, Start, compile_expr, parse, parse_rule_file
from rules.promql.sharing import Pool
from rules.promql.values import EvalOptions, Results

STEP = 15_000


def engine(window: SeriesWindow, rules: str) -> Engine:
    file, problems = parse_rule_file("groups: [{name: g, rules: [" + rules + "]}]", "t.yml")
    assert file is not None, problems
    made = Engine(window, interval_ms=STEP, start=Start.WARM)
    made.load([file])
    return made


def firing(made: Engine, window: SeriesWindow, value: float, at: int) -> set[str]:
    window.ingest("s", [("x", (), value, None)], at)
    made.evaluate_due(at)
    return {alert.rule for alert in made.alerts()}


def test_a_result_is_computed_once_for_all_who_share_it() -> None:
    window, pool = SeriesWindow(), Pool()
    window.ingest("s", [("x", (), 3.0, None)], STEP)
    queries = [compile_expr(parse(text), pool) for text in ("abs(x) > 1", "abs(x) > 2")]
    results: Results = {}
    options = EvalOptions(results=results)
    assert queries[0].instant(window, STEP, options)
    assert len(results) == 1, "only what both share is kept: abs(x), which alone asks for x"
    (plan,) = results
    frame, _ = results[plan][1]
    results[plan] = STEP, (frame, [1.5])
    assert not queries[1].instant(window, STEP, options).elements  # type: ignore[union-attr] # a vector
    assert queries[1].instant(window, STEP + 1, options).elements, "of another time"  # type: ignore[union-attr] # a vector


def test_a_rule_behind_a_recording_rule_sees_what_it_wrote() -> None:
    window = SeriesWindow()
    made = engine(
        window,
        "{alert: Before, expr: abs(r) > 5}, {record: r, expr: x}, {alert: Behind, expr: abs(r) > 5}",
    )
    assert firing(made, window, 9.0, STEP) == {"Behind"}
    assert firing(made, window, 9.0, 2 * STEP) == {"Before", "Behind"}


@pytest.mark.parametrize("reads", ['ALERTS{alertname="A"}', '{alertname="A"}'])
def test_alerts_are_seen_by_the_very_next_rule(reads: str) -> None:
    window = SeriesWindow()
    rest = f"expr: 'count({reads}) > 0'"
    made = engine(window, f"{{alert: Before, {rest}}}, {{alert: A, expr: x > 5}}, {{alert: Behind, {rest}}}")
    assert firing(made, window, 9.0, STEP) == {"A", "Behind"}


def test_a_change_of_the_data_between_passes_is_seen() -> None:
    window = SeriesWindow()
    made = engine(window, "{alert: A, expr: abs(x) > 5}, {alert: B, expr: abs(x) > 7}")
    assert firing(made, window, 9.0, STEP) == {"A", "B"}
    assert firing(made, window, 6.0, 2 * STEP) == {"A"}


def test_expressions_that_evaluate_differently_are_not_equal() -> None:
    assert parse("x / 0") != parse("x / -0")
    assert parse("x / 1") == parse("x / 1.0")
    assert hash(parse("x == NaN")) == hash(parse("x == NaN"))
    assert parse("x == NaN") == parse("x == NaN")
