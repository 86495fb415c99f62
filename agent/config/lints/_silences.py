"""Silences: comments in a rule file, and ``rules.lints`` of the configuration.

    # tocsin: allow lint/flap - the value moves once a day       in a rule, or right above it
    # tocsin: allow-file lint/fleet - one machine, one cluster   anywhere: for the whole file

The YAML parser drops comments, so they are found in the text, line by line. A comment inside of a block of text counts
too: PromQL has the same comments. A silence that names no check, gives no reason or silences nothing is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from agent.config.lint_names import PREFIX, lint_names
from agent.config.lints._registry import SILENCE
from agent.config.schema import Lints
from rules.api import Problem, RuleFile, Severity, did_you_mean

_COMMENT = re.compile(r"(?:^|\s)#\s*tocsin:\s*(.*)$")
_ALLOW = re.compile(r"(allow|allow-file)\s+([\w/,\s-]*?)(?:\s+-\s+(.*))?$")
_HOW = "write '# tocsin: allow lint/NAME - the reason'"


@dataclass(slots=True)
class Silence:
    """``rule_line`` is where the rule begins that it is for; None is the whole file."""

    check: str
    line: int
    column: int
    rule_line: int | None
    used: bool = field(default=False)


class Silences:
    """The silences of one file."""

    def __init__(self, file: RuleFile, text: str, config: Lints) -> None:
        self._file = file.file
        self._config = config
        self._problems: list[Problem] = []
        self._starts = sorted(rule.line for rule in file.rules)
        self._silences = list(self._read(text)) if "tocsin:" in text else []

    def allow(self, check: str, rule: str, line: int) -> bool:
        """Whether a finding of this check (without prefix) on this rule, which begins on this line, is silenced."""
        fitting = [each for each in self._silences if each.check == check and each.rule_line in (None, line)]
        for each in fitting:
            each.used = True
        return bool(fitting) or configured(self._config, check, rule)

    def problems(self) -> Iterable[Problem]:
        """What is wrong with the silences, once all findings were asked for."""
        for each in self._silences:
            if not each.used:
                message = f"the silence of {PREFIX}{each.check} silences nothing"
                self._say(each.line, each.column, message, "remove it: nothing is found here any more")
        return self._problems

    def _read(self, text: str) -> Iterator[Silence]:
        lines = text.splitlines()
        for number, line in enumerate(lines, 1):
            comment = _COMMENT.search(line)
            if comment is None:
                continue
            column = line.index("#", comment.start()) + 1
            found = _ALLOW.match(comment[1].strip())
            if found is None:
                self._say(number, column, f"'{comment[1].strip()[:80]}' is no silence", _HOW)
                continue
            word, names, reason = found.groups()
            if not reason:
                self._say(number, column, "a silence without its reason", _HOW)
            rule_line = None if word == "allow-file" else self._rule_at(lines, number)
            if word == "allow" and rule_line is None:
                hint = "move it above or into a rule, or write 'allow-file' for the whole file"
                self._say(number, column, "this silence belongs to no rule", hint)
                continue
            for name in re.split(r"[,\s]+", names.strip()):
                check = name.removeprefix(PREFIX)
                if check in lint_names():
                    yield Silence(check, number, column, rule_line)
                else:
                    near = did_you_mean(name, [PREFIX + each for each in lint_names()])
                    hint = near or "docs/lints/README.md lists the checks"
                    self._say(number, column, f"there is no check '{name[:80]}'", hint)

    def _rule_at(self, lines: list[str], number: int) -> int | None:
        """The rule that a comment is in; for one on a line of its own right above a rule, that rule."""
        following = number
        while following <= len(lines) and (not lines[following - 1].strip() or lines[following - 1].lstrip()[0] == "#"):
            following += 1
        if following in self._starts:
            return following
        return max((start for start in self._starts if start <= number), default=None)

    def _say(self, line: int, column: int, message: str, hint: str) -> None:
        check = PREFIX + SILENCE
        self._problems.append(Problem(self._file, line, column, message, hint, check, Severity.WARNING))


def configured(config: Lints, check: str, rule: str) -> bool:
    """Whether the configuration turns this check off, for all rules or for this one."""
    if {check, PREFIX + check} & set(config.off):
        return True
    return any(
        {check, PREFIX + check} & set(each.lints) and any(fnmatchcase(rule, pattern) for pattern in each.rules)
        for each in config.allow
    )
