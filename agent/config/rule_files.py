"""The rule files of a configuration. One with mistakes takes nothing but itself out of force.

A running agent keeps the version it has; at a start the last good version is in the state directory; where there is
none, the rules of the other files run without it. Whoever only looks (``tocsin check``) wants every mistake instead,
and gives no ``Kept``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from rules.api import Problem, RuleFile, Severity, parse_rule_file


@dataclass(frozen=True, slots=True)
class Kept:
    """Versions of rule files that once were right: those in force, and the texts of the last good configuration."""

    rules: Mapping[str, RuleFile] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict)

    def version(self, name: str) -> RuleFile | None:
        """The version of that file to fall back to; a text counts only if this program still finds it right."""
        if name in self.rules:
            return self.rules[name]
        return parse_rule_file(self.texts[name], name)[0] if name in self.texts else None


class RefusedFile(msgspec.Struct, frozen=True):
    """A rule file that is not in force as it is now, with its first mistake.

    ``kept`` is True while an older version of it is in force, and False while none of its rules are.
    """

    file: str
    problem: Problem
    kept: bool


@dataclass(slots=True)
class RuleFiles:
    """The rule files read so far. ``texts``, for the copy of the last good configuration, become those in force."""

    kept: Kept | None
    texts: dict[str, bytes]
    rules: list[RuleFile] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    digests: list[tuple[str, str]] = field(default_factory=list)

    def take(self, name: str, content: bytes) -> None:
        """A file as it is on the disk."""
        found, problems = parse_rule_file(content, name)
        self.problems += problems
        if found is None:
            first = next(problem for problem in problems if problem.severity is Severity.ERROR)
            self.refuse(name, first)
            return
        self.rules.append(found)
        self.digests.append((name, hashlib.sha256(content).hexdigest()))

    def refuse(self, name: str, problem: Problem) -> None:
        """A file that cannot be in force as it is."""
        if self.kept is None:
            return
        before = self.kept.version(name)
        self.texts.pop(name, None)
        text = self.kept.texts.get(name)
        if before is not None:
            self.rules.append(before)
            if text is not None:
                self.texts[name] = text
        self.digests.append((name, hashlib.sha256(text or b"").hexdigest()))
        self.refused.append(RefusedFile(name, problem, before is not None))
