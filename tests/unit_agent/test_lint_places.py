"""A finding points at the very selector, whatever the style of the YAML around it."""

from __future__ import annotations

import pytest
from lint_bench import defaults, found, rule_file

from agent.config import packs
from agent.config.lints._model import at
from agent.config.lints._places import Places
from agent.config.lints._walk import label_matchers, selectors
from rules.api import RuleFile, metric_name

HEAD = "groups:\n  - name: g\n    rules:\n      - alert: A\n        annotations: {summary: s, runbook_url: r}\n"
HEAD += "        labels: {severity: info}\n        keep_firing_for: 5m\n"


@pytest.mark.parametrize(
    "written",
    [
        "expr: node_load5 > 1 and node_lod1 > 2\n",
        "expr: 'node_load5 > 1 and node_lod1 > 2'\n",
        "expr: 'node_load5{job=''node''} > 1 and node_lod1 > 2'\n",
        'expr: "node_load5{job=\\"node\\"} > 1 and\\n node_lod1 > 2"\n',
        'expr: "node_load5{job=\\x22\\u006eode\\U00000022} > 1\\tand \\\n          node_lod1 > 2"\n',
        "expr: |\n          node_load5 > 1\n          and\n          node_lod1 > 2\n",
        "expr: |-\n          # a word: node_lod1\n          node_load5 > 1 and node_lod1 > 2\n",
        "expr: >\n          node_load5 > 1\n          and node_lod1 > 2\n",
        "expr: >-\n\n          node_load5 > 1\n\n          and node_lod1 > 2\n",
        "expr: node_load5 > 1\n          and\n          node_lod1 > 2\n",
        '"expr" : sum by (instance, job) (node_load5{job=~"no.e"} @ start() offset 5m) > 1 and node_lod1 > 2\n',
        "expr: node_load5 / 0x1F + 1e-3 > -.5 and ON (instance) rate(node_load5[5m:30s])"
        " < BOOL 1 or last_over_time(node_lod1[2m]) > 2\n",
        'expr: \'{__name__="node_load5"} > 1 and {"node_lod1"} > 2\'\n',
    ],
)
def test_a_selector_is_found_in_every_style(written: str) -> None:
    text = HEAD + "        " + written
    (problem,) = [problem for problem in found(text) if problem.check == "lint/metric"]
    line = text.splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith(("node_lod1", '{"node_lod1"')), (problem, line)


@pytest.mark.parametrize("pack", packs.available())
def test_every_selector_and_matcher_of_the_packs_is_found(pack: str) -> None:
    file, content = packs.read(pack)
    rules = rule_file(content.decode(), file)
    assert _count(rules, content.decode()) > 0


def _count(rules: RuleFile, text: str) -> int:
    lines, places, count = text.splitlines(), Places(rules.file, text), 0
    for rule in (rule for group in rules.groups for rule in group.rules):
        for selector in selectors(rule.expr):
            line, column = places.locate(rule, at(selector))
            assert lines[line - 1][column - 1 :].startswith(metric_name(selector)), (rule.name, line, column)
            for matcher in label_matchers(selector):
                line, column = places.locate(rule, at(selector, matcher))
                assert lines[line - 1][column - 1 :].startswith(matcher.name), (rule.name, line, column)
                count += 1
    return count


def test_what_is_no_call_is_not_counted_as_one() -> None:
    text = HEAD + "        expr: rate(node_forks_total[5m] @ start()) > 1 and irate(node_forks_total[5m]) > 2\n"
    assert [(p.column, p.check) for p in found(text)] == [(60, "lint/irate")]


def test_keys_of_the_group_and_of_a_merged_mapping_are_found() -> None:
    text = (
        "groups:\n"
        "  - name: g\n"
        "    labels: {severity: page}\n"
        "    rules:\n"
        "      - &common\n"
        "        alert: A\n"
        "        expr: node_load1 > 5\n"
        "        for: 5m\n"
        "        annotations: {summary: s, runbook_url: r}\n"
        "      - <<: *common\n"
        "        alert: B\n"
    )
    positions = [(p.line, p.column, p.message[:1], p.check) for p in found(text)]
    assert positions == [
        (3, 14, "A", "lint/severity"),
        (3, 14, "B", "lint/severity"),
        (8, 9, "A", "lint/flap"),
        (8, 9, "B", "lint/flap"),
    ]


def test_rules_without_a_text_point_at_the_rule() -> None:
    from agent.config.lints import Subject, lint

    config = defaults().config
    assert config is not None
    rules = rule_file("groups: [{name: g, rules: [{record: 'a:b', expr: node_lod1}]}]")
    (problem,) = lint([Subject(rules)], config)
    assert (problem.line, problem.column) == (1, 28)
