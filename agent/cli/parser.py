"""The command line as argparse sees it. ``docs/command.md`` is generated from this (``agent.cli.reference``)."""

from __future__ import annotations

import argparse
from importlib import import_module
from types import ModuleType

COMMANDS = (
    "run",
    "check",
    "once",
    "query",
    "test",
    "replay",
    "status",
    "alerts",
    "incidents",
    "outbox",
    "explain",
    "idle",
    "drill",
    "snmp",
    "doctor",
    "completion",
    "version",
)

_EPILOG = """\
a first look:
  tocsin once                      what this machine measures, and what would alert
  tocsin run                       the agent, with embedded defaults
  tocsin incidents                 what it has opened
  tocsin COMMAND --help            each command with examples

exit status:
  0 fine   1 findings (alerts, failed tests, mistakes in a file)   2 wrong usage
  66 no such input   69 no agent answers   75 busy   76 unexpected answer   77 not permitted   78 bad configuration
"""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps our line breaks; the same width everywhere, so that help reads alike in a terminal, a pipe and the docs."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)
        self._action_max_length = 14  # argparse forgets the names of sub-commands when it sets the column of the texts


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tocsin",
        description="Turns what is wrong on a machine into exactly one incident, and takes it back on evidence.",
        epilog=_EPILOG,
        formatter_class=Formatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    for name in COMMANDS:
        module = command_module(name)
        command = commands.add_parser(
            name, help=module.SUMMARY, description=module.SUMMARY, epilog=module.DETAILS, formatter_class=Formatter
        )
        module.arguments(command)
        command.set_defaults(execute=module.execute)
    return parser


def command_module(name: str) -> ModuleType:
    """The module of a command."""
    return import_module(f"agent.cli.{name}")
