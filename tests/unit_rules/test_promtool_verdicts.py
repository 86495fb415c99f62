"""The same file, the same verdict as Debian's promtool, key by key: also for files that must fail."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rules.unittest import run_test_file

RULES = """
groups:
- name: second
  rules:
  - {alert: Twice, expr: 'i:x:twice >= 18', labels: {severity: page}, annotations: {summary: 's {{ $value }}'}}
- name: first
  rules:
  - {record: 'i:x:twice', expr: x * 2}
"""
HEAD = "rule_files: [rules.yml]\nevaluation_interval: 1m\n"
SERIES = "tests:\n- interval: 1m\n  input_series:\n  - {series: 'x{i=\"1\"}', values: '1 9x9'}\n"
EXPECTED = "exp_alerts: [{exp_labels: {i: '1', severity: page}, exp_annotations: {summary: 's 18'}}]"
FIRES = f"  alert_rule_test: [{{eval_time: 3m, alertname: Twice, {EXPECTED}}}]\n"
QUIET = "  alert_rule_test: [{eval_time: 1m, alertname: Twice}]\n"


def samples(expr: str, expected: str, time: str = "3m") -> str:
    return f"  promql_expr_test: [{{expr: '{expr}', eval_time: {time}, exp_samples: [{expected}]}}]\n"


def values(text: str, expected: str) -> str:
    return HEAD + SERIES.replace("1 9x9", text) + samples("x", expected)


X9 = "{labels: 'x{i=\"1\"}', value: 9}"
FILES = {
    "plain": HEAD + SERIES + FIRES,
    "a pattern": HEAD.replace("rules.yml", "'rul*.yml'") + SERIES + FIRES,
    "a pattern that matches nothing": HEAD.replace("rules.yml", "rules.yml, 'none*.yml'") + SERIES + FIRES,
    "no such rule file": HEAD.replace("rules.yml", "none.yml") + SERIES,
    "no rule files": SERIES,
    "nothing at all": "",
    "no tests": HEAD,
    "tests empty": HEAD + "tests: []\n",
    "tests are no list": HEAD + "tests: {a: b}\n",
    "a key twice": HEAD + SERIES + FIRES + FIRES,
    "an unknown key": HEAD + "foo: 1\n" + SERIES + FIRES,
    "an unknown key of a test": HEAD + SERIES + FIRES + "  bar: 1\n",
    "a group twice in the order": HEAD + "group_eval_order: [first, first]\n" + SERIES + FIRES,
    "an unknown group in the order": HEAD + "group_eval_order: [first, none, second]\n" + SERIES + FIRES,
    "the order makes it late": HEAD + "group_eval_order: [second, first]\n" + SERIES + QUIET,
    "the order makes it early": HEAD + "group_eval_order: [first, second]\n" + SERIES + QUIET,
    "no evaluation interval": HEAD.splitlines()[0] + "\n" + SERIES + FIRES,
    "an evaluation interval of nothing": HEAD.replace("1m", "0s") + SERIES + FIRES,
    "a series twice": HEAD + SERIES + "  - {series: 'x{i=\"1\"}', values: '1 8x9'}\n" + FIRES,
    "no alert name": HEAD + SERIES + "  alert_rule_test: [{eval_time: 3m, exp_alerts: []}]\n",
    "the alert's name among its labels": HEAD + SERIES + FIRES.replace("i: '1'", "i: '1', alertname: Twice"),
    "another name among its labels": HEAD + SERIES + FIRES.replace("i: '1'", "i: '1', alertname: Other"),
    "a label as a number": HEAD + SERIES + FIRES.replace("i: '1'", "i: 1"),
    "an annotation is missing": HEAD + SERIES + FIRES.replace(", exp_annotations: {summary: 's 18'}", ""),
    "after the data": HEAD + SERIES + FIRES.replace("3m", "30m"),
    "before the start": HEAD + SERIES + FIRES.replace("3m", "-3m"),
    "a time without unit": HEAD + SERIES + FIRES.replace("3m", "180"),
    "a time in words": HEAD + SERIES + FIRES.replace("3m", "3 minutes"),
    "external labels": HEAD + SERIES + "  external_labels: {a: b}\n  external_url: http://x/\n" + FIRES,
    "values that are none": HEAD + SERIES.replace("1 9x9", "1 foo") + FIRES,
    "a series that is none": HEAD + SERIES.replace("x{i=", "x{i") + FIRES,
    "a series with a negative matcher": HEAD + SERIES.replace("x{i=", "x{i!=") + FIRES,
    "falling values": values("-2x4", "{labels: 'x{i=\"1\"}', value: -2}"),
    "fractions": values("1.5+.5x4 1e3 Inf NaN", "{labels: 'x{i=\"1\"}', value: 3}"),
    "hexadecimal": values("0x10 0x11", "{labels: 'x{i=\"1\"}', value: 0}"),
    "blanks in values": values("1+1 x 5", "{labels: 'x{i=\"1\"}', value: 4}"),
    "no values": values("", ""),
    "a scalar": HEAD + SERIES + samples("1+1", "{value: 2}"),
    "a range": HEAD + SERIES + samples("x[5m]", ""),
    "a string": HEAD + SERIES + samples('"a"', ""),
    "nothing as expected": HEAD + SERIES + samples("x > 100", ""),
    "the wrong sample": HEAD + SERIES + samples("x", "{labels: 'x{i=\"2\"}', value: 9}"),
    "a sample twice": HEAD + SERIES + samples("x", f"{X9}, {X9}"),
    "between two samples": HEAD + SERIES + samples("x", "{labels: 'x{i=\"1\"}', value: 1}", "30s"),
    "infinity": HEAD + SERIES + samples("x/0", "{labels: '{i=\"1\"}', value: .inf}"),
    "infinity as PromQL writes it": HEAD + SERIES + samples("x/0", "{labels: '{i=\"1\"}', value: +Inf}"),
    "an exponent": HEAD + SERIES + samples("x+1", "{labels: '{i=\"1\"}', value: 1e1}"),
    "a number in quotes": HEAD + SERIES + samples("x+1", "{labels: '{i=\"1\"}', value: '10'}"),
    "a broken expression": HEAD + SERIES + samples("x+", ""),
    "no expression": HEAD + SERIES + "  promql_expr_test: [{eval_time: 3m}]\n",
}


@pytest.mark.server("promtool")
@pytest.mark.parametrize("name", FILES)
def test_same_verdict(name: str, tmp_path: Path, require: Callable[[str], Path]) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    path = tmp_path / "case.test.yml"
    path.write_text(FILES[name])
    done = subprocess.run([require("promtool"), "test", "rules", path], capture_output=True, text=True, timeout=20)
    report = run_test_file(path)
    assert report.passed == (done.returncode == 0), f"{report}\n{done.stdout}{done.stderr}"
