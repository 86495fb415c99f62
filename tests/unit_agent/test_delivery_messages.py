"""Delivery with the book of what was sent: cut replies, crashes and outages, to a group that folds repetitions and to
one that does not. What counts is what the readers were shown.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from fakes.delivery_rig import Rig, scenario

from agent.delivery import DeliveryOptions
from integrations._one_way import OneWay
from integrations._sent_record import Kind, Message
from integrations.api import Capabilities, Finding, InDoubt, NotSent, Ports, Ref, Secret

T = TypeVar("T")


class Group:
    """A channel in memory. ``cut_first``: the reply to each message is lost once, after it was shown."""

    folds = False

    def __init__(self, *, idempotent: bool) -> None:
        self.shown: list[Message] = []
        self.idempotent = idempotent
        self.cut_first = False
        self.down = False
        self._ids: set[str] = set()

    async def post(self, message: Message) -> Ref | None:
        if self.down:
            raise NotSent("connection refused")
        first = message.id not in self._ids
        self._ids.add(message.id)
        if first or not self.idempotent:
            self.shown.append(message)
        if first and self.cut_first:
            raise InDoubt("connection reset while reading the answer")
        return None

    async def arrived(self, message: Message) -> Ref | None:
        return None

    async def look(self) -> list[Finding]:
        return []

    async def aclose(self) -> None:
        return None

    def said(self, kind: Kind, *, repeated: bool = False) -> Counter[str]:
        return Counter(
            each.ticket.correlation_id for each in self.shown if each.kind is kind and each.repeated is repeated
        )


class LaterStore:
    """The store of the rig, which begins after the adapter is built."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._rig.store.transact(work)


def join(rig: Rig, group: Group) -> None:
    """The rig's backend is this group."""
    ports = Ports(lambda _: Secret("x"), LaterStore(rig), rig.now)
    limits = Capabilities(uncertainty=0, idempotent=group.idempotent)
    rig.backend = OneWay("fake", group, limits, ports)  # type: ignore[assignment]  # the rig's own is a fake
    rig.options = DeliveryOptions(rate=100, burst=100)


@pytest.mark.parametrize("idempotent", [True, False])
def test_every_reply_is_cut_and_every_fault_is_told(tmp_path: Path, idempotent: bool) -> None:
    group, faults = Group(idempotent=idempotent), 8

    async def steps(rig: Rig) -> None:
        join(rig, group)
        group.cut_first = True
        await rig.start()
        for number in range(faults):
            await rig.fire(f"disk{number}", notes=1)
        await rig.passed(10_000)  # with every reply lost the breaker lets one attempt through every few minutes
        assert len(group.said(Kind.OPENED)) == faults
        for number in range(faults):
            await rig.resolve(f"disk{number}")
        await rig.passed(10_000)
        assert all(rig.row(f"disk{number}").finished for number in range(faults))
        await rig.stop()

    scenario(tmp_path, steps)
    for kind in (Kind.OPENED, Kind.RESOLVED):
        assert set(group.said(kind).values()) == {1}
        assert len(group.said(kind)) == faults
        assert set(group.said(kind, repeated=True).values()) == (set() if idempotent else {1})
    assert set(group.said(Kind.NOTED).values()) == {1}
    assert all(each.unsure == (0 if idempotent else 1) for each in group.shown if each.kind is Kind.RESOLVED)


def test_an_outage_is_no_doubt(tmp_path: Path) -> None:
    group = Group(idempotent=False)

    async def steps(rig: Rig) -> None:
        join(rig, group)
        group.down = True
        await rig.start()
        await rig.fire("disk", notes=2)
        await rig.passed(7_200)
        group.down = False
        await rig.passed(600)
        await rig.resolve("disk")
        await rig.passed(60)
        await rig.stop()

    scenario(tmp_path, steps)
    assert [each.kind for each in group.shown] == [Kind.OPENED, Kind.NOTED, Kind.RESOLVED]
    assert not any(each.repeated or each.unsure for each in group.shown)


def test_what_was_told_survives_a_crash(tmp_path: Path) -> None:
    group = Group(idempotent=False)

    async def steps(rig: Rig) -> None:
        join(rig, group)
        await rig.start()
        await rig.fire("disk", notes=1)
        await rig.passed(10)
        await rig.crash()
        await rig.start()
        await rig.passed(10)
        await rig.resolve("disk")
        await rig.passed(10)
        await rig.stop()

    scenario(tmp_path, steps)
    assert [each.kind for each in group.shown] == [Kind.OPENED, Kind.NOTED, Kind.RESOLVED]
