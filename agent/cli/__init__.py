"""The command ``tocsin``. One file per sub-command, offering ``SUMMARY``, ``DETAILS``, ``arguments`` and ``execute``.

A command's module imports what it needs inside ``execute``: ``tocsin --help`` must not pay for the daemon.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from agent.cli._errors import CommandError
from agent.cli.parser import build_parser
from agent.config.places import completing
from agent.packages import clash

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status (see ``tocsin --help``)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # labels may hold what this locale cannot show
    try:
        status = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (a pager, head) has gone; nothing is left to say, and the interpreter must not try again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _run(argv: Sequence[str] | None) -> int:
    args = _parsed(argv)
    if isinstance(args, int):
        return args
    if (mixed := clash()) is not None:
        print(f"tocsin {args.command}: {mixed}", file=sys.stderr)
        return os.EX_CONFIG
    try:
        status: int = args.execute(args)
    except CommandError as error:
        print(f"tocsin {args.command}: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace | int:
    """The arguments, or the exit status when argparse has said all. The daemon need not keep the parser."""
    parser = build_parser()
    if completing():
        import argcomplete  # noqa: PLC0415 - only the shell's completion needs it

        argcomplete.autocomplete(parser)
    try:
        return parser.parse_args(argv)
    except SystemExit as stop:  # 0 after --help, 2 after a mistake
        return stop.code if isinstance(stop.code, int) else os.EX_USAGE
