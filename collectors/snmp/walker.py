"""Whole subtrees from a session that gives pieces: how much is asked for, what is asked again, and when it is all.

A walk is complete only when the agent said so: with an OID beyond the subtree, or with the end of its MIB. Silence, an
empty reply, an OID that does not come after the one before, and the caps end a walk as well; what was read by then is
kept and marked.

What is asked for adapts to the device and is remembered in ``Memory``. A request without a reply is sent again as it
was, because datagrams get lost; a second silence halves what is asked for, as does a reply that was too big (over
SNMPv3 such a one comes empty). What has failed is beyond the limit. Below it the number grows by one after ten full
replies, and a long good time tries the limit again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from collectors.snmp.errors import Malformed, NoReply, SnmpError, TooBig
from collectors.snmp.port import Row, Session, Value

_T = TypeVar("_T")
_START = 10
_MOST = 50
"""Rows of one column in one reply: beyond this a reply is more than one packet on most networks."""
_GET = 20
"""OIDs in one GET."""
_TO_GROW = 10
_TO_TRY_AGAIN = 2_000


class Memory(msgspec.Struct):
    """What is known of one device from earlier requests; make a new one when it is another device."""

    repetitions: int = _START
    limit: int = _MOST
    """No more than this is asked for."""
    full: int = 0
    """Replies in a row that held as many rows as were asked for."""


class Counts(msgspec.Struct):
    """For the self metrics of a device: requests sent, those of them that were repeated, and replies that came."""

    sent: int = 0
    retried: int = 0
    returned: int = 0


class Caps(msgspec.Struct, frozen=True):
    """Where a walk is cut off. ``octets`` counts text and octet strings; the rest is bounded by ``rows``."""

    rows: int = 200_000
    octets: int = 32 << 20
    seconds: float = 120.0


_CAPS = Caps()


class Walked(msgspec.Struct, frozen=True):
    """``rows`` in the agent's order, without one twice; ``why`` it is not complete, "" when it is."""

    rows: list[Row]
    complete: bool
    why: str


class _Stop(Exception):
    """The walk ends here; the text says why."""


class Walker:
    """Asks one session; never two things at the same time.

    ``retries`` is how often a request is repeated after it got no reply, or none that can be read. ``clock`` gives
    seconds that only grow.
    """

    def __init__(
        self,
        session: Session,
        memory: Memory,
        clock: Callable[[], float],
        *,
        retries: int = 3,
        caps: Caps = _CAPS,
    ) -> None:
        self.counts = Counts()
        self._session = session
        self._memory = memory
        self._clock = clock
        self._retries = retries
        self._caps = caps

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """The values that are there; an SnmpError when the device does not answer."""
        found: dict[str, Value] = {}
        waiting, size = list(oids), _GET
        while waiting:
            some = waiting[:size]
            try:
                found.update(await self._again(lambda some=some: self._session.get(some)))  # type: ignore[misc]
            except TooBig:
                if size == 1:
                    raise
                size = max(1, min(size, len(some)) // 2)
                continue
            del waiting[: len(some)]
        return found

    async def after(self, oid: str) -> list[Row]:
        """The row that comes after ``oid``; none at the end of what the device shows."""
        return await self._again(lambda: self._session.after(oid, 1))

    async def walk(self, root: str) -> Walked:
        """Everything under ``root``. An SnmpError when there was no answer at all; later ones end the walk."""
        rows: list[Row] = []
        try:
            await self._read(root, rows)
        except _Stop as stop:
            return Walked(rows, False, str(stop))
        except SnmpError as error:
            if not rows:
                raise
            return Walked(rows, False, str(error))
        return Walked(rows, True, "")

    async def _read(self, root: str, rows: list[Row]) -> None:
        """Fill ``rows`` until the agent says that it was all."""
        prefix, last, octets = root + ".", root, 0
        end = self._clock() + self._caps.seconds
        while True:
            batch = await self._bulk(last)
            if not batch:
                batch = await self._one_by_one(last)
                if not batch:
                    return
            good = _in_order(last, batch)
            inside = good
            if good and not batch[good - 1][0].startswith(prefix):  # a subtree has no holes: its rows come first
                inside = sum(oid.startswith(prefix) for oid, _ in batch[:good])
            rows += batch[:inside]
            if inside < good:
                return
            if good < len(batch):
                before = batch[good - 1][0] if good else last
                raise _Stop(f"OIDs do not increase: {batch[good][0]} came after {before}")
            last = batch[-1][0]
            octets += sum([len(value) for _, value in batch if isinstance(value, bytes | str)])
            if len(rows) >= self._caps.rows:
                del rows[self._caps.rows :]
                raise _Stop(f"cut off at {self._caps.rows} rows")
            if octets >= self._caps.octets:
                raise _Stop(f"cut off at {self._caps.octets} bytes of text")
            if self._clock() >= end:
                raise _Stop(f"cut off after {self._caps.seconds:g} s")

    async def _one_by_one(self, oid: str) -> list[Row]:
        """The row after ``oid`` by GETNEXT, as a bulk reply was empty; none when the agent says that it is the end."""
        if await self._again(lambda: self._session.ended(oid)):
            return []
        batch = await self._again(lambda: self._session.after(oid, 1))
        if not batch:
            raise _Stop(f"the agent gives nothing after {oid}, and does not say that it is the end")
        if self._memory.repetitions > 1:
            self._shrink(self._memory.repetitions, self._memory.repetitions // 2)
        return batch

    async def _bulk(self, oid: str) -> list[Row]:
        """Rows after ``oid``, as many as the device has been found to manage."""
        asked = failed = self._memory.repetitions
        silences = 0
        while True:
            self.counts.sent += 1
            try:
                batch = await self._session.after(oid, asked)
                break
            except TooBig:
                if asked == 1:
                    raise
                failed, asked = asked, asked // 2
            except (NoReply, Malformed):
                silences += 1
                if silences > self._retries:
                    raise
                if silences > 1:
                    failed, asked = asked, max(1, asked // 2)
            self.counts.retried += 1
        self.counts.returned += 1
        if asked < self._memory.repetitions:
            self._shrink(failed, asked)
        elif len(batch) >= asked:
            self._grow()
        return batch

    def _shrink(self, failed: int, managed: int) -> None:
        """The device did not manage the one, and managed the other."""
        self._memory.limit = max(managed, failed - 1)
        self._memory.repetitions, self._memory.full = managed, 0

    def _grow(self) -> None:
        memory = self._memory
        memory.full += 1
        if memory.repetitions < memory.limit:
            if memory.full >= _TO_GROW:
                memory.repetitions, memory.full = memory.repetitions + 1, 0
        elif memory.limit < _MOST and memory.full >= _TO_TRY_AGAIN:
            memory.limit, memory.full = memory.limit + 1, 0

    async def _again(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """A request that is repeated as it is until it has a reply."""
        for left in range(self._retries, -1, -1):
            self.counts.sent += 1
            try:
                reply = await ask()
            except (NoReply, Malformed):
                if not left:
                    raise
                self.counts.retried += 1
            else:
                self.counts.returned += 1
                return reply
        raise AssertionError("unreachable: the last try returns or raises")


def _in_order(last: str, batch: list[Row]) -> int:
    """How many rows come one after the other, and the first of them after ``last``, as numbers."""
    head, _, tail = last.rpartition(".")
    arc = int(tail)
    for place, (oid, _) in enumerate(batch):
        next_head, _, tail = oid.rpartition(".")
        next_arc = int(tail)
        if next_head == head:  # as most neighbours have it
            if next_arc <= arc:
                return place
        elif not _later(last, oid):
            return place
        last, head, arc = oid, next_head, next_arc
    return len(batch)


def _later(one: str, other: str) -> bool:
    """Whether ``other`` comes after ``one``."""
    arcs, others = one.split("."), other.split(".")
    for arc, next_arc in zip(arcs, others, strict=False):
        if arc != next_arc:
            return int(arc) < int(next_arc)
    return len(arcs) < len(others)
