from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lint_bench import defaults, found
from msgspec.structs import replace

from agent.cli import main
from agent.config.load import load_section
from agent.config.schema import AllowedLint, Config, Lints
from rules.api import read_yaml

RULES = """\
groups:
  - name: g
    rules:
      # ABOVE
      - alert: First  # BEHIND
        # INSIDE
        expr: irate(node_forks_total[5m]) > 5
        keep_firing_for: 5m
        labels: {severity: info}
        annotations: {summary: s, runbook_url: r}
      # BETWEEN
      - alert: Second
        expr: |
          # WITHIN
          irate(node_forks_total[5m]) > 5
        keep_firing_for: 5m
        labels: {severity: info}
        annotations: {summary: s, runbook_url: r}
"""
FIRST, SECOND = "7 lint/irate", "15 lint/irate"


def with_comment(place: str, comment: str) -> list[str]:
    return [f"{problem.line} {problem.check}" for problem in found(RULES.replace(f"# {place}", f"# {comment}"))]


@pytest.mark.parametrize(
    ("place", "left"),
    [("ABOVE", SECOND), ("BEHIND", SECOND), ("INSIDE", SECOND), ("BETWEEN", FIRST), ("WITHIN", FIRST)],
)
def test_a_comment_silences_the_rule_it_is_in_or_above(place: str, left: str) -> None:
    assert with_comment(place, "tocsin: allow lint/irate - only here") == [left]
    assert with_comment(place, "tocsin: allow irate, lint/flap - only here") == sorted(
        [left, *_unused(place)], key=lambda found: int(found.split()[0])
    )


def _unused(place: str) -> list[str]:
    line = next(number for number, text in enumerate(RULES.splitlines(), 1) if f"# {place}" in text)
    return [f"{line} lint/silence"]


def test_a_comment_silences_a_file() -> None:
    assert with_comment("BETWEEN", "tocsin: allow-file lint/irate - all of it") == []


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("tocsin: allow lint/irates - typo", "there is no check 'lint/irates'"),
        ("tocsin: allow lint/window - not so", "the silence of lint/window silences nothing"),
        ("tocsin: allow lint/silence - never", "there is no check 'lint/silence'"),
        ("tocsin: disable lint/irate - other word", "'disable lint/irate - other word' is no silence"),
        ("tocsin:", "'' is no silence"),
    ],
)
def test_a_silence_that_does_nothing_is_found(comment: str, message: str) -> None:
    problems = [problem for problem in found(RULES.replace("# INSIDE", f"# {comment}")) if "silence" in problem.check]
    assert [(problem.line, problem.column, problem.message) for problem in problems] == [(6, 9, message)]
    assert problems[0].hint


def test_a_silence_without_reason_counts_and_is_found() -> None:
    assert with_comment("INSIDE", "tocsin: allow lint/irate") == ["6 lint/silence", SECOND]


def test_a_silence_before_all_rules_needs_to_say_file() -> None:
    problems = found("# tocsin: allow lint/irate - where?\n" + RULES)
    assert (problems[0].line, problems[0].check) == (1, "lint/silence")
    assert "allow-file" in problems[0].hint


def test_words_that_only_look_like_a_silence_are_left_alone() -> None:
    assert with_comment("INSIDE", "see tocsin: allow is explained in the manual") == [FIRST, SECOND]


def _config(lints: Lints) -> Config:
    config = defaults().config
    assert config is not None
    return replace(config, rules=replace(config.rules, lints=lints))


@pytest.mark.parametrize("name", ["irate", "lint/irate"])
def test_the_configuration_turns_a_check_off(name: str) -> None:
    assert found(RULES, _config(Lints(off=(name,)))) == []


def test_the_configuration_allows_a_check_to_some_rules() -> None:
    allowed = AllowedLint(lints=("irate",), rules=("Fi*", "Third"), reason="for a test")
    assert [f"{p.line} {p.check}" for p in found(RULES, _config(Lints(allow=(allowed,))))] == [SECOND]


def test_names_in_the_configuration_are_checked() -> None:
    root, _ = read_yaml("{rules: {lints: {off: [flap], allow: [{lints: [lint/flop], rules: [A], reason: r}]}}}", "c")
    assert root is not None
    (problem,) = load_section(root, "c").problems
    assert (problem.line, problem.column, problem.hint) == (1, 48, "did you mean 'flap'?")


def test_the_running_agent_loads_no_check() -> None:
    code = "import sys, agent.app, agent.config.load as l; l.load(None); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "agent.config.lint_names" in loaded
    assert [name for name in loaded if "lints" in name or name == "rules.template.uses"] == []


def test_a_file_named_twice_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.yaml").write_text("rules: {packs: [], files: [r.yml]}\n")
    (tmp_path / "r.yml").write_text(RULES.replace("irate", "rate"))
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--strict", "--config", "c.yaml", "r.yml"]) == 0
    (tmp_path / "copy.yml").write_text(RULES.replace("irate", "rate"))
    assert main(["check", "--strict", "--config", "c.yaml", "copy.yml"]) == 1
