"""``tocsin version``."""

from __future__ import annotations

import argparse
import platform

from agent.cli._output import add_format, print_fields, print_json, wants_json

SUMMARY = "Print the version of Tocsin and of what it runs on."
DETAILS = """\
examples:
  tocsin version
  tocsin version --format json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from agent.version import VERSION  # noqa: PLC0415 - costs more than all the rest of a light command

    facts = {"tocsin": VERSION, "python": platform.python_version(), "system": platform.platform()}
    if wants_json(args):
        print_json(facts)
    else:
        print_fields(list(facts.items()))
    return 0
