"""A rule in words."""

from __future__ import annotations

import pytest

from rules.explain import explain_rule, show
from rules.files import AlertingRule, parse_rule_file
from rules.promql.parse import parse


def explain(body: str) -> list[str]:
    loaded, problems = parse_rule_file(f"groups: [{{name: g, rules: [{{alert: A, {body}}}]}}]", "f.yml")
    assert loaded is not None, problems
    rule = loaded.groups[0].rules[0]
    assert isinstance(rule, AlertingRule)
    return explain_rule(rule)


def test_all_that_a_rule_waits_for_and_what_takes_its_alerts_back() -> None:
    assert explain("expr: 'rate(x[5m]) > 5 and (y < 1 or absent(z)) unless m', for: 2m, keep_firing_for: 1m30s") == [
        "waits 2m (for) while the condition holds; one evaluation without it starts over",
        "after a start it waits for two cycles, because it asks for what is not there",
        "after a start it waits 2m30s, until half of its window is known",
        "a firing alert recovers only when fresh data for its labels shows this:",
        "  there is m, or:",
        "  - either of these:",
        "    - rate(x[5m]) has a value that is not > 5",
        "    - both of these (a side that had no data while the alert was true does not count):",
        "      - y has a value that is not < 1",
        "      - there is z",
        "the same as PromQL:",
        "  ((rate(x[5m]) <= 5) or ((y >= 1) and z)) or m",
        "it is then kept firing for 1m30s (keep_firing_for)",
        "while data is missing the alert is held as no_data",
    ]


def test_a_condition_without_comparison_says_that_nothing_takes_it_back() -> None:
    lines = explain("expr: 'sum(x)'")
    assert lines[1] == "  nothing: sum(x) holds whenever it has a value, and without one nothing is known"


@pytest.mark.parametrize(
    "text",
    [
        "sum by (a, b) (rate(x{c=\"d\", e!~\"f.*\"}[5m] offset 1h))",
        "a + on (i) group_left (n) b",
        "a > bool ignoring (d) b",
        "topk without (a) (3, x)",
        "max_over_time((a > 5)[1h:1m] @ 100)",
        "-x offset -5m",
        "{job=\"a\"}",
        "(a or b) and c @ end()",
        'label_replace(x, "a", "$1", "b", "(.*)")',
        "x[1h30m]",
        '{"http.requests", "service.name"="x", a="1"}',
        '{"http.requests"}[5m] offset 1m',
        'sum by ("service.name", a) (x)',
        'a * on ("service.name") group_left ("a b") b',
    ],
)  # fmt: skip
def test_an_expression_is_shown_as_promql(text: str) -> None:
    assert show(parse(text)) == text
    assert parse(show(parse(text))) == parse(text)
