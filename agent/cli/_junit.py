"""A report in JUnit's XML, as continuous integration reads it: one suite for each file, one case for each test.

Source: the schema of Jenkins's xUnit plugin, junit-10.xsd.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from agent.cli._errors import NO_OUTPUT, CommandError
from agent.cli._output import clean

if TYPE_CHECKING:
    from rules.api import CaseResult, TestReport


def write_junit(path: Path, reports: Sequence[TestReport]) -> None:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for report in reports:
        lines += _suite(report)
    lines.append("</testsuites>")
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}", NO_OUTPUT) from None


def _suite(report: TestReport) -> list[str]:
    broken = bool(report.errors)
    count = f'tests="{len(report.cases)}" failures="{len(report.failed)}" errors="{int(broken)}"'
    seconds = sum(case.seconds for case in report.cases)
    lines = [f'  <testsuite name={_attribute(report.file)} {count} time="{seconds:.3f}">']
    if broken:
        text = "\n".join(map(str, report.errors))
        lines += ['    <testcase name="the file is read">', f"      <error>{_text(text)}</error>", "    </testcase>"]
    for case in report.cases:
        lines += _case(report.file, case)
    return [*lines, "  </testsuite>"]


def _case(file: str, case: CaseResult) -> list[str]:
    name = case.name or f"line {case.line}"
    head = f'    <testcase name={_attribute(name)} classname={_attribute(file)} time="{case.seconds:.3f}"'
    if not case.failures:
        return [head + "/>"]
    lines = [head + ">"]
    for failure in case.failures:
        text = "\n".join([f"{file}:{failure.line}", *failure.lines])
        lines.append(f"      <failure message={_attribute(failure.title)}>{_text(text)}</failure>")
    return [*lines, "    </testcase>"]


def _attribute(text: str) -> str:
    return quoteattr(clean(text))


def _text(text: str) -> str:
    """XML has no control characters, however they are written."""
    return escape("\n".join(clean(line) for line in text.splitlines()))
