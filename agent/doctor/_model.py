"""What a check is given, and what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from enum import Enum
from typing import Protocol

import msgspec

from agent.config.load import Loaded
from agent.config.schema import Config


class State(Enum):
    """``error``: it does not work. ``warning``: it works, and less well than it could."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True):
    """One thing about one subject; ``fix`` says what to do, and is empty where all is well."""

    subject: str
    state: State
    text: str
    fix: str = ""


class Case(msgspec.Struct, frozen=True):
    """A configuration without errors, and the wall clock (Unix seconds)."""

    loaded: Loaded
    config: Config
    wall: Callable[[], float]


class Check(Protocol):
    """What the module of a check offers."""

    SUMMARY: str

    def subjects(self, config: Config) -> Iterable[str]: ...

    def examine(self, case: Case, names: Collection[str]) -> AsyncIterator[Finding]: ...
