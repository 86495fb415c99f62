"""What the tests of the checks share: rules in one line, and what is found of them."""

from __future__ import annotations

from functools import cache

from agent.config.lints import Subject, lint
from agent.config.load import Loaded, load, load_section
from agent.config.schema import Config
from rules.api import Problem, RuleFile, parse_rule_file, read_yaml


@cache
def defaults() -> Loaded:
    return load(None)


def rule_file(text: str, file: str = "r.yml") -> RuleFile:
    found, problems = parse_rule_file(text, file)
    assert found is not None, [str(problem) for problem in problems]
    return found


def found(text: str, config: Config | None = None, known: tuple[RuleFile, ...] = ()) -> list[Problem]:
    """The findings of a rule file by position."""
    config = config or defaults().config
    assert config is not None
    return sorted(lint([Subject(rule_file(text), text)], config, known))


def one(expr: str, rest: str = "") -> str:
    """A file with an alert that fails no check by itself."""
    texts = "labels: {severity: warning}, annotations: {summary: s, runbook_url: r}, keep_firing_for: 5m"
    return f"groups:\n  - name: g\n    rules:\n      - {{alert: A, {rest or texts}, expr: '{expr}'}}\n"


def names(expr: str, rest: str = "", config: Config | None = None) -> list[str]:
    """The checks that an alert with this expression fails."""
    return sorted({problem.check.removeprefix("lint/") for problem in found(one(expr, rest), config)})


PROBING = """\
collect:
  probes:
    interval: 1m
    targets:
      - {http: https://shop.example.net/, name: shop, labels: {site: x}}
      - {tcp: db1:5432, interval: 2m}
"""

ON_REQUEST = """\
  host:
    certificates: {paths: [/etc/ssl/shop.pem]}
    files: {paths: [/backup/shop.tar]}
    journal: on
    kmsg: on
    ntp: {server: ntp.example.net}
    nut: on
    apcupsd: on
"""
"""More of the section ``collect``: the collectors that the packs host-extra and hardware are about."""


@cache
def configured(text: str) -> Config:
    """A configuration from its text."""
    root, _ = read_yaml(text, "c")
    assert root is not None
    loaded = load_section(root, "c")
    assert loaded.config is not None, [str(problem) for problem in loaded.problems]
    return loaded.config


def probing() -> Config:
    """The defaults with two targets."""
    return configured(PROBING)
