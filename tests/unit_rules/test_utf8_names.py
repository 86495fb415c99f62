"""Names of any UTF-8: of metrics, labels, rules and groups, from the rule file to the text of the alert."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.files import parse_rule_file
from rules.openmetrics import load_openmetrics
from rules.promql.compile import compile_expr
from rules.promql.errors import EvalError
from rules.promql.parse import parse
from rules.promql.values import Vector
from rules.unittest import run_test_file

RULES = """
groups:
- name: 服务/http
  labels: {team.name: "web é"}
  rules:
  - record: service.requests/s
    expr: sum by ("service.name") (rate({"http.requests", "service.name"!=""}[5m]))
    labels: {"recorded by": tocsin}
  - alert: 请求太多 (busy)
    expr: |
      {"service.requests/s"} * on ("service.name") group_left ("build.id") {"build.info"} > 1
    labels: {"alert.kind": '{{ index $labels "service.name" }}'}
    annotations:
      summary.text: '{{ index $labels "service.name" }} {{ index .Labels "build.id" }} {{ printf "%.1f" $value }}'
      all: '{{ $labels }}'
      first: '{{ with query "sort({\\"service.requests/s\\"})" }}{{ . | first | label "service.name" }}{{ end }}'
"""
CASE = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - {series: '{"http.requests", "service.name"="shop"}', values: '0+120x10'}
  - {series: '{"build.info", "service.name"="shop", "build.id"="a.1"}', values: '1x10'}
  alert_rule_test:
  - eval_time: 6m
    alertname: 请求太多 (busy)
    exp_alerts:
    - exp_labels:
        {service.name: shop, recorded by: tocsin, team.name: "web é", build.id: a.1, alert.kind: shop}
      exp_annotations:
        summary.text: shop a.1 2.0
        all: 'map[build.id:a.1 recorded by:tocsin service.name:shop team.name:web é]'
        first: shop
  promql_expr_test:
  - expr: '{"service.requests/s"}'
    eval_time: 6m
    exp_samples:
    - {labels: '{"service.requests/s", "service.name"="shop", "recorded by"="tocsin", "team.name"="web é"}', value: 2}
  - expr: count({__name__="ALERTS", "alert.kind"="shop", alertname="请求太多 (busy)"})
    eval_time: 6m
    exp_samples: [{labels: '{}', value: 1}]
"""


def test_a_rule_file_and_its_test(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(RULES, encoding="utf-8")
    case = tmp_path / "case.yml"
    case.write_text(CASE, encoding="utf-8")
    report = run_test_file(case)
    assert report.passed, str(report)
    case.write_text(CASE.replace("summary.text: shop", "summary.text: ship"), encoding="utf-8")
    assert not run_test_file(case).passed


def test_groups_rules_and_labels_keep_their_names() -> None:
    found, problems = parse_rule_file(RULES, "rules.yml")
    assert problems == []
    assert found is not None
    assert found.groups[0].name == "服务/http"
    assert [rule.name for rule in found.groups[0].rules] == ["service.requests/s", "请求太多 (busy)"]


M, L = "http.requests", "le vel"


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ('{"http.requests"}', [(M, {L: "1"}, 3.0)]),
        ('{__name__="http.requests"} > bool 1', [("", {"le vel": "1"}, 1.0)]),
        ('sum without ("le vel") ({"http.requests"})', [("", {}, 3.0)]),
        ('{"http.requests", "le vel"=~"1|2"} and on ("le vel") {"http.requests"}',
         [(M, {L: "1"}, 3.0)]),
        ('label_replace({"http.requests"}, "é.x", "${1}y", "le vel", "(.*)")',
         [(M, {L: "1", "é.x": "1y"}, 3.0)]),
        ('label_join({"http.requests"}, "a b", "-", "le vel", "__name__")',
         [(M, {L: "1", "a b": f"1-{M}"}, 3.0)]),
        ('count_values("the value", {"http.requests"})', [("", {"the value": "3"}, 1.0)]),
        ('absent({"no.such", "le vel"="x"})', [("", {"le vel": "x"}, 1.0)]),
    ],
)  # fmt: skip
def test_expressions(expr: str, expected: list[tuple[str, dict[str, str], float]]) -> None:
    window = load_openmetrics('{"http.requests","le vel"="1"} 3 1\n# EOF\n')
    result = compile_expr(parse(expr)).instant(window, 1_000)
    assert isinstance(result, Vector)
    assert [(each.name, dict(each.labels), each.value) for each in result.elements] == expected


def test_an_error_writes_names_as_the_query_would() -> None:
    window = load_openmetrics('{"a.b","c d"="1"} 3 1\n{"a.b","c d"="2"} 3 1\n# EOF\n')
    with pytest.raises(EvalError, match=r'\{__name__="a.b", "c d"="1"\}, \{__name__="a.b", "c d"="2"\}'):
        compile_expr(parse('{"a.b"} * on () {"a.b"}')).instant(window, 1_000)
