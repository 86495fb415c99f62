"""Rule files: what every field becomes, and a corpus of broken files with the exact message for each."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from rules.files import AlertingRule, RecordingRule, parse_rule_file, read_rule_file
from rules.model import Severity
from rules.source import MAX_PROBLEMS

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yml"))


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_file_is_refused_with_these_messages(path: Path) -> None:
    """Beside each file named after its mistake stands the expected output."""
    rules, problems = parse_rule_file(path.read_bytes(), path.name)
    assert rules is None
    assert "\n".join(map(str, problems)) == path.with_suffix(".txt").read_text().rstrip("\n")


def test_the_corpus_is_there() -> None:
    assert len(BROKEN) >= 300


FULL = """
groups:
  - name: disk
    interval: 1m30s
    query_offset: 5s
    limit: 010
    labels: {team: storage, severity: none}
    rules:
      - record: disk:free:ratio
        expr: |
          disk_free
            / disk_size
        labels: {unit: ratio, team: ''}
      - alert: DiskFull
        expr: disk:free:ratio < 0.1
        for: 5m
        keep_firing_for: 1h
        labels:
          severity: critical
        annotations:
          summary: '{{ $labels.device }} is full'
          empty: ~
          yes: 0x10
  - name: later
"""


def test_every_field_is_read() -> None:
    rules, problems = parse_rule_file(FULL, "f.yml")
    assert problems == []
    assert rules is not None
    disk, later = rules.groups
    assert (disk.name, disk.interval, disk.query_offset, disk.limit) == ("disk", 90_000, 5_000, 10)
    assert (later.interval, later.query_offset, later.limit, later.rules) == (None, None, 0, ())
    record, alert = disk.rules
    assert isinstance(record, RecordingRule)
    assert record.labels == (("severity", "none"), ("team", ""), ("unit", "ratio"))
    assert (record.name, record.line, record.column) == ("disk:free:ratio", 9, 9)
    assert record.text == "disk_free\n  / disk_size\n"
    assert isinstance(alert, AlertingRule)
    assert (alert.for_, alert.keep_firing_for) == (300_000, 3_600_000)
    assert [(name, text.source) for name, text in alert.labels] == [("severity", "critical"), ("team", "storage")]
    assert [(name, text.source) for name, text in alert.annotations] == [
        ("empty", ""), ("summary", "{{ $labels.device }} is full"), ("yes", "0x10"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "expr",
    [
        'up{a=~"x{1001}"}', 'up{a=~"a**"}', 'label_replace(up, "a", "$1", "b", "(")', 'label_join(up, "", "-", "b")',
        'count_values("", up)',
    ],
)  # fmt: skip
def test_what_only_the_compiler_refuses_is_refused_when_the_file_is_read(expr: str) -> None:
    """Or the agent would end at the next reload, with a file that was said to be right."""
    rules, (problem,) = parse_rule_file(f"groups: [{{name: g, rules: [{{alert: A, expr: '{expr}'}}]}}]", "f.yml")
    assert rules is None
    assert problem.check == "promql/syntax"


def test_of_very_many_mistakes_the_first_are_told_at_little_cost() -> None:
    rule = "  - {alert: A, expr: 'avarage(x[5x]) =>', annotations: {summary: '{{ nope }}'}}\n"
    text = "groups:\n- name: g\n  rules:\n" + rule * 12_000
    began = time.thread_time()
    rules, problems = parse_rule_file(text, "f.yml")
    assert time.thread_time() - began < 5  # a fifth of that on an idle machine, nearly all of it to read the YAML
    assert rules is None
    assert MAX_PROBLEMS < len(problems) < MAX_PROBLEMS + 4
    assert problems[0].check == "yaml/many"


@pytest.mark.parametrize("text", ["", "groups:\n", "groups: []\n", "groups: ~\n", "{}\n"])
def test_a_file_without_rules_is_valid(text: str) -> None:
    rules, problems = parse_rule_file(text, "f.yml")
    assert (rules is not None and rules.groups, problems) == ((), [])


def test_a_rule_is_the_same_rule_wherever_it_stands() -> None:
    text = "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up == 0}\n"
    (here, _), (there, _) = parse_rule_file(text, "f.yml"), parse_rule_file("# moved\n" + text, "f.yml")
    assert here == there
    assert here is not None
    assert there is not None
    assert here.groups[0].rules[0].line != there.groups[0].rules[0].line


def test_doubtful_things_are_warnings_that_load() -> None:
    text = (
        "groups:\n- name: g\n  rules:\n"
        "  - {alert: A, expr: up == 0, labels: {alertname: B}}\n"
        "  - {alert: A, expr: up == 1, labels: {alertname: B}}\n"
        "---\nmore: 1\n"
    )
    rules, problems = parse_rule_file(text, "f.yml")
    assert rules is not None
    assert [(problem.line, problem.check) for problem in problems] == [
        (4, "label/name"), (5, "rule/duplicate"), (5, "label/name"), (6, "yaml/documents"),
    ]  # fmt: skip
    assert {problem.severity for problem in problems} == {Severity.WARNING}


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yml", tmp_path):
        rules, (problem,) = read_rule_file(path)
        assert rules is None
        assert (problem.file, problem.check) == (str(path), "file/read")


def test_what_only_mistakes_and_tests_of_rules_need_is_loaded_by_none() -> None:
    program = (
        "import sys, agent.light, agent.app\n"
        "from agent.config.load import load\n"
        "load(None)\n"
        "names = ('rules.promql.diagnose', 'rules.places', 'rules.slips')\n"
        "names += ('rules.test', 'rules.unit', 'rules.openmetrics')\n"
        "print(sorted(name for name in sys.modules if name.startswith(names)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_a_recording_rule_may_have_the_keys_of_alerts_where_they_say_nothing() -> None:
    text = "groups: [{name: g, rules: [{record: a:b, expr: up, for: 0s, keep_firing_for: , annotations: {}}]}]"
    rules, problems = parse_rule_file(text, "f.yml")
    assert rules is not None
    assert problems == []
