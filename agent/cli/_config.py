"""Commands that need the configuration: where it is, and what to say when it is wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli._errors import CONFIG, NO_INPUT, CommandError
from agent.cli._output import Colour, clean, paint
from agent.config.places import SYSTEM_CONFIG, default_config, state_directory

PROFILES = ("device",)

if TYPE_CHECKING:
    from agent.config.load import Loaded
    from rules.api import Problem


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"the configuration (default: {SYSTEM_CONFIG} if it exists, else the embedded defaults)",
    )


def add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="",
        metavar="NAME",
        help="the defaults of a kind of machine, beneath what the configuration says: device (a switch, a router)",
    )


def config_path(given: Path | None) -> Path | None:
    """The file to read, or None for the embedded defaults; a named file must exist."""
    if given is None:
        return default_config()
    if not given.exists():
        raise CommandError(f"{given} does not exist; name the configuration with --config", NO_INPUT)
    return given


def load_or_fail(given: Path | None) -> Loaded:
    """The configuration, without errors; otherwise every mistake is printed and the command ends."""
    from agent.config.load import load  # noqa: PLC0415 - light commands need no configuration

    loaded = load(config_path(given))
    if loaded.config is None:
        print_problems(loaded.errors)
        raise CommandError(f"the configuration has {_count(len(loaded.errors), 'error')}", CONFIG)
    return loaded


def state_of(config: Path | None, state: Path | None) -> Path:
    """The agent's state directory: as given, else as the configuration says."""
    if state is not None:
        return state
    if config_path(config) is None:
        return state_directory("auto")
    loaded = load_or_fail(config)
    return state_directory(loaded.config.state.directory if loaded.config else "auto")


def print_problems(problems: Iterable[Problem]) -> None:
    """One line each on standard error: ``file:line:column: severity: message (mend) [check]``."""
    for problem in problems:
        colour = Colour.RED if problem.severity.value == "error" else Colour.YELLOW
        print(paint(clean(problem), colour, sys.stderr), file=sys.stderr)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
