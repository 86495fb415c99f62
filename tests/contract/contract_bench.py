"""What an enrolment gives the contract suite: an adapter, the server behind it, and hands to play people and faults.

``enrol_<type>.py`` beside this file offers ``bench(tmp_path)``, an async context manager that yields a ``Bench``, or an
``HttpBench`` when the adapter speaks HTTP to a fake server.
"""

from __future__ import annotations

import abc
import importlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from fakes.fake_http import FakeHttp

from integrations.api import Integration, RemoteState, Ticket, TicketState

NOW = 1_790_000_000_000
"""The clock of every test, milliseconds since the epoch."""
KEY = "toc-0123456789abcdef0123456789abcdef"
OTHER_KEY = "toc-fedcba9876543210fedcba9876543210"


class Person(Enum):
    """What a person does to a ticket in the product itself."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    HOLD = "hold"
    RESOLVE = "resolve"
    CLOSE = "close"
    CANCEL = "cancel"
    DELETE = "delete"


@dataclass(frozen=True)
class Seen:
    """A ticket as it stands at the server, looked at past the adapter. ``linked`` are ids of tickets it refers to."""

    id: str
    key: str
    title: str
    body: str
    notes: tuple[str, ...]
    state: RemoteState
    owner: str
    impact: int
    urgency: int
    priority: int
    ci: tuple[str, ...]
    linked: tuple[str, ...] = ()


class Bench(abc.ABC):
    """One adapter and its server. ``people`` is what can be done there by hand; ``secrets`` must never be shown."""

    integration: Integration
    people: frozenset[Person]
    secrets: tuple[str, ...] = ()
    persons: tuple[str, str] = ("ann", "bob")
    """Who the people are; a real server may know only one."""
    can_twin = True
    """Whether two tickets of one id and one episode can come to be; False where a key at the server forbids it."""

    def priority_of(self, wanted: Ticket) -> int:
        """What the server makes of the wish; another number where it computes the priority from impact and urgency."""
        return wanted.priority

    @abc.abstractmethod
    async def look(self) -> list[Seen]:
        """Every ticket that exists, oldest first, deleted ones left out."""

    @abc.abstractmethod
    async def person(self, act: Person, ticket_id: str, who: str) -> None: ...

    @abc.abstractmethod
    async def foreign(self) -> str:
        """A ticket that a person opened by hand for the same CI; its id."""

    @abc.abstractmethod
    def lose_reply_after_commit(self, n: int = 1) -> None: ...

    @abc.abstractmethod
    def lose_before_commit(self, n: int = 1) -> None: ...


class HttpBench(Bench):
    """An adapter that speaks HTTP, and its stateful fake."""

    server: FakeHttp

    @abc.abstractmethod
    def adapter(self, url: str, deadline: float = 15.0, secret: str | None = None) -> Integration:
        """Another adapter of the same kind, for another address, deadline or (wrong) secret."""


class Enrolment(Protocol):
    HTTP: bool

    def bench(self, tmp_path: Path) -> AbstractAsyncContextManager[Bench]: ...


class NotEnrolled(Exception):
    pass


def enrolment(type_name: str) -> Enrolment:
    if find_spec(f"enrol_{type_name}") is None:
        raise NotEnrolled(
            f"the integration {type_name!r} is not in the contract suite; write tests/contract/enrol_{type_name}.py"
        )
    return cast("Enrolment", importlib.import_module(f"enrol_{type_name}"))


def wish(**changes: object) -> Ticket:
    """An ordinary ticket, with changes."""
    values: dict[str, object] = {
        "correlation_id": KEY,
        "episode": 1,
        "state": TicketState.OPEN,
        "title": "web-1: root file system is 97 % full",
        "body": "The file system / on web-1 has 3 % left.\n\nSince 08:00.",
        "impact": 2,
        "urgency": 1,
        "priority": 2,
        "opened_at": NOW - 60_000,
        "ci": "web-1",
        "ci_id": "5d0f4e1c9b8a7d6e5f4c3b2a19080706",
        "environment": "prod",
        "facts": {"rule": "FilesystemFull", "key": "FilesystemFull{web-1}"},
        **changes,
    }
    return Ticket(**values)  # type: ignore[arg-type]  # the keys are the fields


__all__ = ["AsyncIterator", "Bench", "Enrolment", "HttpBench", "NotEnrolled", "Person", "Seen", "enrolment", "wish"]
