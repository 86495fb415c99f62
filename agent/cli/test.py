"""``tocsin test``: unit tests of rules in promtool's format, and scenarios that go on to the ticket."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli._errors import FINDINGS, NO_INPUT, USAGE, CommandError
from agent.cli._output import Colour, add_format, clean, paint, print_json, wants_json
from agent.cli._progress import Progress

if TYPE_CHECKING:
    from rules.api import CaseResult, TestReport

SUMMARY = "Run tests of rules: the files that 'promtool test rules' takes, and scenarios that go on to the ticket."
DETAILS = """\
A file with the key 'scenarios' is run through the whole agent on virtual time, from samples to the
tickets of an embedded desk in memory; any other file is one of 'promtool test rules'. Both kinds are
described in docs/testing-rules.md.

examples:
  tocsin test rules/host.test.yml
  tocsin test rules.d/*.test.yml scenarios/*.yml --format json
  tocsin test scenarios/disk.yml --run 'fills up' --verbose
  tocsin test rules.d/*.test.yml --junit report.xml

exit status:
  0 all passed   1 a test failed, or a file is wrong   2 wrong usage   66 no such file
  73 the report cannot be written
"""
MAX_BYTES = 1 << 20
_SCENARIOS = re.compile(rb"""^(?:\xef\xbb\xbf)?["']?scenarios["']?[ \t]*:""", re.MULTILINE)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a file of tests or of scenarios")
    parser.add_argument(
        "--run", action="append", metavar="REGEX", help="only tests whose name matches (may be given several times)"
    )
    parser.add_argument("--junit", type=Path, metavar="OUT", help="write a report in JUnit's format too")
    parser.add_argument(
        "--ignore-unknown-fields", action="store_true", help="keys that nobody knows are warnings, no mistakes"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="name the tests that passed too")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    chosen = _chosen(args.run)
    for path in args.files:
        if not path.is_file():
            raise CommandError(f"{path} is not a file", NO_INPUT)
    reports = []
    with Progress("testing", len(args.files)) as bar:
        for path in args.files:
            reports.append(_run(path, chosen, args.ignore_unknown_fields))
            bar.step(str(path))
    if args.junit is not None:
        from agent.cli._junit import write_junit  # noqa: PLC0415 - only when it is asked for

        write_junit(args.junit, reports)
    if wants_json(args):
        print_json([_plain(report) for report in reports])
    else:
        for report in reports:
            _print(report, verbose=args.verbose)
    return 0 if all(report.passed for report in reports) else FINDINGS


def _chosen(patterns: list[str] | None) -> Callable[[str], bool]:
    if not patterns:
        return lambda name: True
    from agent.config.regex import compile_regex  # noqa: PLC0415 - patterns of people are matched by RE2

    try:
        for pattern in patterns:
            compile_regex(pattern)  # by itself, so that a mistake is shown as it was written
        tests = [compile_regex(f".*(?:{pattern}).*") for pattern in patterns]
    except ValueError as error:
        raise CommandError(f"--run: {error}", USAGE) from None
    return lambda name: any(test(name) for test in tests)


def _run(path: Path, chosen: Callable[[str], bool], ignore_unknown: bool) -> TestReport:
    from rules.api import Severity, run_test_file  # noqa: PLC0415 - the engine, for this command only

    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if _SCENARIOS.search(content):
        from agent.scenario.run import run_scenarios  # noqa: PLC0415 - the whole daemon

        return run_scenarios(path, content, chosen)
    return run_test_file(path, chosen=chosen, unknown=Severity.WARNING if ignore_unknown else Severity.ERROR)


def _print(report: TestReport, *, verbose: bool) -> None:
    print(paint(clean(report.summary), Colour.PLAIN if report.passed else Colour.RED))
    for problem in report.problems:
        colour = Colour.RED if problem in report.errors else Colour.YELLOW
        print("  " + paint(clean(problem), colour))
    for case in report.cases:
        if case.failures:
            _print_failures(report, case)
        elif verbose:
            print(f"  {paint('passed', Colour.GREEN)} {_title(case)} ({case.seconds:.2f} s)")


def _title(case: CaseResult) -> str:
    return f"line {case.line}" + (f": {clean(case.name)}" if case.name else "")


def _print_failures(report: TestReport, case: CaseResult) -> None:
    print(f"  {paint('FAILED', Colour.RED)} {_title(case)}")
    for failure in case.failures:
        print(f"    {report.file}:{failure.line}: {clean(failure.title)}")
        for line in failure.lines:
            colour = {"-": Colour.RED, "+": Colour.GREEN}.get(line[:1], Colour.PLAIN)
            print("      " + paint(clean(line), colour))


def _plain(report: TestReport) -> dict[str, Any]:
    return {
        "file": report.file,
        "passed": report.passed,
        "problems": [str(problem) for problem in report.problems],
        "tests": [
            {
                "name": case.name,
                "line": case.line,
                "passed": not case.failures,
                "failures": [
                    {"line": each.line, "title": each.title, "diff": list(each.lines)} for each in case.failures
                ],
            }
            for case in report.cases
        ],
    }
