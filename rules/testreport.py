"""What came of a file of tests, whatever its format: values, and their text for people."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from rules.model import Problem, Severity


@dataclass(frozen=True, slots=True)
class TestFailure:
    """One thing that is not as expected. ``lines`` are those of a diff (`` ``, ``-`` expected, ``+`` there) or of an
    explanation; ``line`` is where the file says otherwise.
    """

    __test__ = False
    line: int
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One test of a file; without ``failures`` it passed. ``seconds`` is the real time it took."""

    name: str
    line: int
    failures: tuple[TestFailure, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TestReport:
    """What came of a test file. ``problems`` are mistakes in it or in its rule files; with an error nothing was run."""

    __test__ = False
    file: str
    problems: tuple[Problem, ...]
    cases: tuple[CaseResult, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        return tuple(case for case in self.cases if case.failures)

    @property
    def passed(self) -> bool:
        return not self.errors and not self.failed

    @property
    def summary(self) -> str:
        """The first line of its text."""
        if self.errors:
            return f"{self.file}: FAILED, nothing was run"
        count = f"{len(self.cases)} test{'s' if len(self.cases) != 1 else ''}"
        return f"{self.file}: FAILED, {len(self.failed)} of {count}" if self.failed else f"{self.file}: passed, {count}"

    def details(self) -> list[str]:
        """All that went wrong, line by line."""
        lines = [str(problem) for problem in self.problems]
        for case in self.failed:
            lines.append(f"test on line {case.line}{f', {case.name!r}' if case.name else ''}:")
            for failure in case.failures:
                lines.append(f"  {self.file}:{failure.line}: {failure.title}")
                lines += [f"    {line}" for line in failure.lines]
        return lines

    def __str__(self) -> str:
        return "\n".join([self.summary, *(f"  {line}" for line in self.details())])


def diff(expected: Sequence[str], got: Sequence[str]) -> tuple[str, ...]:
    """The lines of a unified diff, without its header; ``...`` where lines that agree were left out."""
    lines = list(difflib.unified_diff(expected, got, lineterm="", n=3))[2:]
    hunks = ["..." if line.startswith("@@") else line for line in lines]
    return tuple(hunks[1:] if hunks and hunks[0] == "..." else hunks)
