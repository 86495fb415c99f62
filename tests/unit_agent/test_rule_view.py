"""A rule explained with what it reads now."""

from __future__ import annotations

from agent.rule_view import explained, rules_named
from rules.api import AlertingRule, SeriesWindow, parse_rule_file


def rule(expr: str) -> AlertingRule:
    loaded, problems = parse_rule_file(f"groups: [{{name: g, rules: [{{alert: A, expr: '{expr}'}}]}}]", "f.yml")
    assert loaded is not None, problems
    (made,) = loaded.groups[0].rules
    assert isinstance(made, AlertingRule)
    return made


def test_what_it_reads_is_shown_with_its_values() -> None:
    window = SeriesWindow()
    for number in range(7):
        window.append("a", (("i", str(number)),), 1000, number + 0.5)
    shown = explained([("f.yml", rule("rate(a[5m]) > 1 unless b"))], series=window, now=2000)
    (one,) = shown["rules"]
    assert one["recovery"] == "(rate(a[5m]) <= 1) or b"
    begin = shown["lines"].index("what it reads, and what is there now:")
    assert shown["lines"][begin + 1 :] == [
        "  b: nothing",
        "  a: 7 series",
        *(f'    {n}.5  {{i="{n}"}}' for n in range(5)),
        "    ...",
    ]
    assert one["reads"][0] == {"selector": "b", "series": 0, "values": []}
    assert one["reads"][1]["values"][0] == {"labels": {"i": "0"}, "value": "0.5"}


def test_without_an_agent_nothing_is_said_about_now() -> None:
    shown = explained([("f.yml", rule("a"))])
    assert shown["rules"] == [{"file": "f.yml", "line": 1, "recovery": ""}]
    assert not any("there now" in line for line in shown["lines"])


def test_all_rules_of_a_name_are_shown() -> None:
    text = "groups: [{name: g, rules: [{alert: A, expr: a > 1}, {alert: B, expr: b > 1}, {alert: A, expr: a > 9}]}]"
    loaded, problems = parse_rule_file(text, "f.yml")
    assert loaded is not None, problems
    shown = explained(rules_named("A", [loaded, loaded]))
    assert [each["recovery"] for each in shown["rules"]] == ["a <= 1", "a <= 9"] * 2
    assert [line for line in shown["lines"] if line.startswith("fires when")][:2] == [
        "fires when: a > 1", "fires when: a > 9",
    ]  # fmt: skip
    assert shown["lines"].count("") == 3


def test_a_condition_that_is_recorded_is_written_out() -> None:
    text = """
groups: [{name: g, rules: [
  {record: busy, expr: a > 1}, {record: plain, expr: a * 2}, {record: two, expr: a > 1}, {record: two, expr: b > 1},
  {alert: A, expr: busy}, {alert: B, expr: sum by (i) (busy)}, {alert: C, expr: plain}, {alert: D, expr: two},
  {alert: E, expr: 'busy{x="1"}'}]}]
"""
    loaded, problems = parse_rule_file(text, "f.yml")
    assert loaded is not None, problems
    shown = {name: explained(rules_named(name, [loaded]), [loaded])["rules"][0]["recovery"] for name in "ABCDE"}
    assert shown == {
        "A": "a <= 1",
        "B": "count by (i) (a <= 1) unless count by (i) (a > 1)",
        "C": "",
        "D": "",
        "E": "",
    }
