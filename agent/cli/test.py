"""``tocsin test``: unit tests of rules, in promtool's format."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli._errors import FINDINGS, NO_INPUT, CommandError
from agent.cli._output import Colour, add_format, paint, print_json, wants_json
from agent.cli._progress import Progress

if TYPE_CHECKING:
    from rules.api import TestReport

SUMMARY = "Run unit tests of rules: the files that 'promtool test rules' takes, unchanged."
DETAILS = """\
examples:
  tocsin test rules/host.test.yml
  tocsin test rules.d/*.test.yml --format json

exit status:
  0 all passed   1 a test failed, or a file is wrong   66 no such file
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a file of tests")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    for path in args.files:
        if not path.is_file():
            raise CommandError(f"{path} is not a file", NO_INPUT)
    from rules.api import run_test_file  # noqa: PLC0415 - the engine, for this command only

    reports = []
    with Progress("testing", len(args.files)) as bar:
        for path in args.files:
            reports.append(run_test_file(path))
            bar.step(str(path))
    if wants_json(args):
        print_json([_plain(report) for report in reports])
    else:
        for report in reports:
            first, _, rest = str(report).partition("\n")
            print(paint(first, Colour.PLAIN if report.passed else Colour.RED) + (f"\n{rest}" if rest else ""))
    return 0 if all(report.passed for report in reports) else FINDINGS


def _plain(report: TestReport) -> dict[str, Any]:
    return {
        "file": report.file,
        "passed": report.passed,
        "problems": [str(problem) for problem in report.problems],
        "tests": [{"name": case.name, "line": case.line, "failures": list(case.failures)} for case in report.cases],
    }
