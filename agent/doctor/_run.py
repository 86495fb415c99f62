"""Which checks there are, and how those that were asked for are run."""

from __future__ import annotations

import pkgutil
from collections.abc import AsyncIterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import cast

from agent.config.schema import Config
from agent.doctor._model import Case, Check, Finding, State


class UnknownNameError(LookupError):
    """Neither a check nor something that one looks at; the text lists what there is."""


@cache
def names() -> tuple[str, ...]:
    """Names of all checks, sorted."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return tuple(sorted(each.name for each in found if not each.name.startswith("_")))


def check(name: str) -> Check:
    return cast("Check", import_module(f"agent.doctor.{name}"))


def chosen(config: Config, wanted: Sequence[str]) -> dict[str, list[str]]:
    """By check what it is to look at: everything, or what ``wanted`` names, be it a check or one of its subjects.

    Raises UnknownNameError.
    """
    every = {name: list(dict.fromkeys(check(name).subjects(config))) for name in names()}
    if not wanted:
        return {name: subjects for name, subjects in every.items() if subjects}
    found: dict[str, list[str]] = {}
    for each in wanted:
        if each in every:
            found[each] = every[each]
            continue
        holders = [name for name, subjects in every.items() if each in subjects]
        if not holders:
            there = sorted({*every, *(subject for subjects in every.values() for subject in subjects)})
            more = "" if len(there) <= 40 else f" and {len(there) - 40} more"
            raise UnknownNameError(f"there is nothing called {each[:100]!a}; there are {', '.join(there[:40])}{more}")
        for name in holders:
            found.setdefault(name, []).append(each)
    return found


async def examine(case: Case, wanted: Sequence[str]) -> AsyncIterator[tuple[str, Finding]]:
    """What the checks find, each with the name of its check, as it is found. Raises UnknownNameError."""
    for name, subjects in chosen(case.config, wanted).items():
        try:
            async for finding in check(name).examine(case, subjects):
                yield name, finding
        except Exception as error:  # noqa: BLE001 - one check that fails must not hide the others
            text = f"the check itself failed: {type(error).__name__}: {error}"
            yield name, Finding(name, State.ERROR, text, "report this; the other checks are not affected")
