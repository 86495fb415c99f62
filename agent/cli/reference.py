"""``python -m agent.cli.reference``: writes ``docs/command.md`` from the command line; a test compares both."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.cli.parser import COMMANDS, build_parser

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "command.md"

_INTRODUCTION = """\
# The command

Generated from the program by `make docs`; do not edit. Each text is what `tocsin COMMAND --help` prints.

Text output is made for people: aligned, coloured on a terminal (not with `NO_COLOR` set), with a progress bar where one
waits. `--format json` prints the same for programs. `tocsin completion SHELL` teaches a shell to complete all of it.
"""


def render() -> str:
    """The whole page."""
    parser = build_parser()
    parts = [_INTRODUCTION, "\n## tocsin\n\n" + _block(parser)]
    commands = _inner(parser)
    for name in COMMANDS:
        command = commands[name]
        parts.append(f"\n## tocsin {name}\n\n{_block(command)}")
        parts += [f"\n### tocsin {name} {action}\n\n{_block(inner)}" for action, inner in _inner(command).items()]
    return "".join(parts)


def _inner(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of sub-commands, which argparse keeps in its one action of this kind."""
    found = (a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(next(found, {}))


def _block(parser: argparse.ArgumentParser) -> str:
    return f"```text\n{parser.format_help().rstrip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
