"""What an enrolment of a backend that cannot be read gives the suite: what people at the other end were shown.

The enrolment says ``ONE_WAY = True`` and yields a ``OneWayBench``; ``contract_one_way.py`` has the cases.
"""

from __future__ import annotations

import abc
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from contract_bench import NOW, HttpBench, Person, Seen
from fakes.fake_http import Answer
from fakes.fake_messengers import FakeMessenger
from fakes.sqlite_database import SqliteDatabase

from integrations.api import Integration, IntegrationError, Ports, Secret, load


@dataclass
class Shown:
    """What was shown of one fault. ``began`` and ``ended`` count how often that was said; ``repeats`` how many of these
    said that they may be a repetition. ``texts`` is everything that was said, in order.
    """

    open: bool = False
    began: int = 0
    ended: int = 0
    repeats: int = 0
    texts: list[str] = field(default_factory=list)


class OneWayBench(HttpBench):
    people = frozenset()
    can_twin = False
    fine: frozenset[str] = frozenset()
    """Names of spoilt replies that are this product's own "done"."""
    soft: tuple[tuple[Answer, type[IntegrationError]], ...] = ()
    """The product's errors inside a reply that says 200 or 202, and what each means."""
    whole_text = 100_000
    """Characters of a text that the product shows."""

    @abc.abstractmethod
    def shown(self) -> dict[str, Shown]:
        """By correlation id."""

    async def look(self) -> list[Seen]:
        raise NotImplementedError("a backend that cannot be read shows messages, not tickets; see shown()")

    async def person(self, act: Person, ticket_id: str, who: str) -> None:
        raise NotImplementedError("nobody's acts come back from a backend that cannot be read")

    async def foreign(self) -> str:
        raise NotImplementedError("the book holds only what the agent sent")

    def lose_reply_after_commit(self, n: int = 1) -> None:
        self.server.lose_reply_after_commit(n)

    def lose_before_commit(self, n: int = 1) -> None:
        self.server.lose_before_commit(n)


class ByLoad(OneWayBench):
    """Built from a section of the configuration that leaves out ``url``; ``secrets`` are by name of the credential."""

    def __init__(self, type_name: str, tmp_path: Path, section: dict[str, Any], secrets: dict[str, str]) -> None:
        self._type, self._section, self._secrets = type_name, section, secrets
        self.secrets = tuple({*secrets.values(), *(quote(value) for value in secrets.values())})
        self.database = SqliteDatabase(tmp_path / "book.db")
        self.database.connection.execute("PRAGMA synchronous=OFF")

    def adapter(self, url: str, deadline: float = 15.0, secret: str | None = None) -> Integration:
        module = load(self._type)
        options = msgspec.convert({"url": url, **self._section}, module.Options)
        ports = Ports(lambda name: Secret(secret or self._secrets[name]), self.database, lambda: NOW, deadline)
        return module.build("hook", options, ports)

    async def aclose(self) -> None:
        await self.integration.aclose()
        self.database.close()


_HEAD = re.compile(r"\A\[(Opened|News|Resolved|Open again)\] P\d ")
_LAST = re.compile(r" · (toc-[0-9a-f]{32}) · \d+( Tocsin)?\Z")


def shown_by_messages(texts: list[str]) -> dict[str, Shown]:
    """What the readers of a group were told."""
    faults: dict[str, Shown] = {}
    for text in texts:
        head, last = _HEAD.search(text), _LAST.search(text)
        assert head, text
        assert last, text
        fault = faults.setdefault(last[1], Shown())
        fault.texts.append(text)
        fault.repeats += "May be a repetition" in text
        if head[1] != "News":
            fault.open = head[1] != "Resolved"
            fault.began += fault.open
            fault.ended += not fault.open
    return faults


class MessengerBench(ByLoad):
    server: FakeMessenger

    def __init__(
        self, type_name: str, tmp_path: Path, server: FakeMessenger, section: dict[str, Any], secrets: dict[str, str]
    ) -> None:
        super().__init__(type_name, tmp_path, section, secrets)
        self.server = server
        self.integration = self.adapter(server.url)

    def shown(self) -> dict[str, Shown]:
        return shown_by_messages(self.server.texts)
