"""``tocsin test``: unit tests of rules, in promtool's format."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.cli._errors import FINDINGS, NO_INPUT, CommandError
from agent.cli._output import Colour, add_format, paint, print_json, wants_json
from agent.cli._progress import Progress

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
            reports.append((path, run_test_file(path)))
            bar.step(str(path))
    if wants_json(args):
        print_json([{"file": str(path), "passed": r.passed, "failures": list(r.failures)} for path, r in reports])
    else:
        for path, report in reports:
            word = paint("passed", Colour.GREEN) if report.passed else paint("FAILED", Colour.RED)
            print(f"{path}: {word}")
            for failure in report.failures:
                print("  " + str(failure).rstrip().replace("\n", "\n  "))
    return 0 if all(report.passed for _, report in reports) else FINDINGS
