"""One device: what is known of it, and its three polls.

``liveness`` is one small request and decides whether the device is there; ``fast`` and ``slow`` read its tables at
their own pace. They share this object. A device that does not answer is asked with one packet at growing intervals, and
not polled at all until it answers, so that a thousand dead ones cost next to nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec

from collectors._model import Notice, Sample
from collectors._targets import Incomplete, Lost
from collectors.snmp import select
from collectors.snmp.counters import Reason
from collectors.snmp.errors import Fault, NoReply, Refused, SnmpError
from collectors.snmp.known import Knowledge
from collectors.snmp.plans import Plans
from collectors.snmp.port import Value
from collectors.snmp.profile import Every
from collectors.snmp.reading import Reading
from collectors.snmp.reboot import ENGINE_BOOTS, ENGINE_TIME, SYS_OBJECT_ID, UPTIME, restarted, uptime
from collectors.snmp.walker import Walker
from collectors.snmp.way import Way

_AGE = (UPTIME, ENGINE_BOOTS, ENGINE_TIME)
_LONGEST_PAUSE = 300.0
"""Seconds between two requests to a device that does not answer, at the most; they are doubled with each."""
_SURELY_SILENT = 3
"""Failures in a row until which a request is repeated as usual: on a bad line one packet alone seldom comes through."""
_LOOK_UP_EVERY = 600.0
"""Seconds after which the name of a device that answers is looked up again: it may have got another address."""
_CHOOSE_EVERY = 3600.0
"""Seconds after which a device is asked again what it has: a first BGP session needs no restart."""
Explain = Callable[[SnmpError], Awaitable[str]]
"""Finds out why a device does not answer, and says it in words; it may take its time."""
_FOR_VALUES = 0.6
"""Share of its budget after which a poll begins no further table: the rest is for checking the names."""


class About(msgspec.Struct, frozen=True):
    """Which device, and how it is asked."""

    name: str
    host: str
    port: int
    credential: str
    profiles: tuple[str, ...]
    """Empty: chosen by what it is."""
    retries: int = 2
    pause: float = 30.0
    """Seconds after its first silence until it is asked again."""
    budget: float = 60.0
    """Seconds that a poll may take."""
    patience: float = 30.0
    """Seconds that asking whether it is there may take, finding out why not included."""


class Device:
    """``clock`` gives seconds that only grow. The polls raise SnmpError, or Lost, when they got nothing."""

    def __init__(
        self, about: About, way: Way, plans: Plans, clock: Callable[[], float], explain: Explain | None = None
    ) -> None:
        self.about = about
        self.known = Knowledge()
        self._way = way
        self._plans = plans
        self._clock = clock
        self._explain = explain
        self._polling = asyncio.Lock()

    # The state of a target

    def inherit(self, other: Any) -> None:
        """Counters go on, whatever has changed: a published counter that began again would be a spike to ``rate()``."""
        if not isinstance(other, Device):
            return
        self.known, self._polling = other.known, other._polling
        known, about, before = self.known, self.about, other.about
        known.ask_again = 0.0  # somebody may have mended how it is asked
        self._way.go_on(other._way)
        if other._plans.profiles == self._plans.profiles:
            self._plans = other._plans
        if not self._settled:
            known.read.clear()
        if (about.host, about.port, about.credential) != (before.host, before.port, before.credential):
            known.is_another()

    def stir(self) -> None:
        self.known.ask_again = 0.0

    def close(self) -> None:
        self._way.close()

    def status(self) -> Mapping[str, Any]:
        known, now = self.known, self._clock()
        return {
            "device": self.about.name,
            "host": self.about.host,
            "answers": known.failures == 0 and known.answered is not None,
            "answered_seconds_ago": None if known.answered is None else round(now - known.answered),
            "asked_again_in": round(max(0.0, known.ask_again - now)) if known.failures else 0,
            "profiles": ", ".join(known.chosen.names) if known.chosen is not None else "",
            "nothing_of": ", ".join(self._silent()),
            "sys_object_id": known.sys_object_id,
            "rows": ", ".join(f"{table.table.name} {table.rows}" for table in known.tables if table.rows),
            "repetitions": known.memory.repetitions,
            "restarts": known.restarts,
            "held_back": self.held,
            "dropped": ", ".join(sorted(f"{reason.value} {count}" for reason, count in self.dropped().items())),
            "problem": known.error or "; ".join(filter(None, known.problems.values())),
        }

    @property
    def engine_id(self) -> bytes:
        """What SNMPv3 calls the device; empty before it answered, and over other versions."""
        engine = self._way.engine
        return b"" if engine is None else engine.id

    @property
    def held(self) -> int:
        """Counters that are held back at present."""
        counters = (each for own in self.known.scalars for each in own.counters.values())
        return sum(table.held for table in self.known.tables) + sum(each.held for each in counters)

    def dropped(self) -> dict[Reason, int]:
        """What was not published since the start, by reason."""
        found: dict[Reason, int] = {}
        for table in self.known.tables:
            table.dropped(found)
        for counters in (each for own in self.known.scalars for each in own.counters.values()):
            for reason, count in counters.dropped.items():
                found[reason] = found.get(reason, 0) + count
        return found

    # The polls

    async def liveness(self) -> list[Sample | Notice]:
        """Whether it is there: one request."""
        known, now = self.known, self._clock()
        if known.failures and now < known.ask_again:
            raise NoReply(known.error)
        if now - known.looked_up > _LOOK_UP_EVERY:
            known.looked_up = now
            await self._way.follow_name()
        walker = self._walker(retries=self.about.retries if known.failures < _SURELY_SILENT else 0)
        wanted = [oid for own in known.scalars for oid in own.reads(Every.LIVENESS)]
        until = now + self.about.patience
        try:
            async with asyncio.timeout(self.about.patience):
                values = await walker.get(tuple(dict.fromkeys((*_AGE, *wanted))))
        except SnmpError as error:
            raise await self._failed(error, until) from None
        except TimeoutError:
            where, seconds = f"{self.about.host}:{self.about.port}", self.about.patience
            late = NoReply(f"{where} did not answer within {seconds:g} s, repetitions included", Fault.SILENCE)
            raise await self._failed(late, until) from None
        known.failures, known.error, known.answered = 0, "", now
        if known.address not in ("", self._way.address):
            known.is_another()
        known.address = self._way.address
        self._grew_older(values, now)
        alive = Every.LIVENESS
        samples = [each for own in known.scalars for each in own.samples(alive, values, now, known.turns).samples]
        return [*samples, *self._about_poll(Every.LIVENESS, walker, now), *self._own()]

    async def poll(self, every: Every) -> list[Sample | Notice]:
        """Everything of one class. Incomplete, with what there is, when some of it could not be read."""
        if self.known.failures:
            raise Lost(self.known.error)
        async with self._polling:
            try:
                return await self._poll(every)
            except SnmpError as error:
                if isinstance(error, NoReply | Refused) and not await self._is_there():
                    raise Lost(self.known.error) from None
                self.known.problems[every.value] = str(error)
                raise
            except asyncio.CancelledError:
                self.known.problems[every.value] = "it takes longer than a poll may"
                raise

    async def _is_there(self) -> bool:
        """Whether it answers at all: a device that fell silent is one failure, not one of each poll."""
        if not self.known.failures:
            try:
                await self.liveness()
            except SnmpError:
                return False
        return not self.known.failures

    async def _poll(self, every: Every) -> list[Sample | Notice]:
        known, now = self.known, self._clock()
        walker = self._walker(retries=self.about.retries)
        reading = Reading(walker, now)
        header = await self._header(every, reading)
        turns = known.turns
        given = set(header)
        items: list[Sample | Notice] = []
        problems: list[str] = []
        for scalars in known.scalars:
            said = scalars.samples(every, header, now, turns)
            items += said.samples
            problems += (f"{name}: the value is not of its type" for name in said.wrong)
        made = await self._tables(every, reading, header, problems, given)
        if not given <= known.given:
            known.given = self._plans.once(known.given | given)
        if known.turns != turns:
            raise SnmpError("it started anew while it was read; what was read is not used")
        items += made
        items += self._about_poll(every, walker, now)
        known.read.add(every)
        if every is Every.SLOW and known.chosen is not None:
            items += (
                Notice(f"it has nothing of the profile {name} (take it out, or let the credential see more)")
                for name in self._silent()
                if known.chosen.why[name] == select.NAMED
            )
        problems += reading.cut_short
        known.problems[every.value] = "; ".join(problems)
        if problems:
            raise Incomplete("; ".join(problems[:5]), items)
        return [*items, *map(Notice, self._no_more(every, given))]

    async def _header(self, every: Every, reading: Reading) -> Mapping[str, Value]:
        """Its age, its scalars, and what tells of changes in its tables; its profiles are settled by then."""
        known = self.known
        while True:
            await self._choose(reading)
            changes = (table.table.changes for table in known.tables if table.table.changes)
            wanted = (oid for own in known.scalars for oid in own.reads(every))
            asked = self._clock()
            header = await reading.get(tuple(dict.fromkeys((*_AGE, *changes, *wanted))))
            self._grew_older(header, asked)
            if self._settled:
                return header

    async def _tables(
        self, every: Every, reading: Reading, header: Mapping[str, Value], problems: list[str], given: set[str]
    ) -> list[Sample]:
        """The values of all tables first, then the names that they are checked against, then samples."""
        known = self.known
        found = []
        for table in known.tables:
            if every not in table.whole.reads:
                continue
            if self._clock() - reading.at > self.about.budget * _FOR_VALUES:
                problems.append(f"there was no time left for table {table.table.name} and those after it")
                break
            try:
                await table.prepare(reading, header)
                rows = await table.values(every, reading)
                found.append((table, rows))
                given.update(root for root, some in rows.items() if some)
            except NoReply as error:
                problems.append(str(error))
                break  # it is silent: the rest would only wait as long
            except SnmpError as error:
                problems.append(str(error))
        verified = []
        for table, rows in found:
            try:
                verified.append((table, rows, await table.verified(reading)))
            except NoReply as error:
                problems.append(str(error))
                break
            except SnmpError as error:
                problems.append(str(error))
        samples: list[Sample] = []
        for table, rows, own in verified:
            without = own | table.renamed(rows, reading)
            try:
                made, wrong = await table.samples(every, rows, reading, turns=known.turns, without=without)
            except NoReply as error:
                problems.append(str(error))
                break
            except SnmpError as error:
                problems.append(str(error))
                continue
            samples += made
            if without:
                problems.append(f"table {table.table.name}: {len(without)} rows changed their names while it was read")
            problems += [f"{name}: {count} values are not of its type" for name, count in wrong.items()]
        return samples

    # What it is

    @property
    def _settled(self) -> bool:
        """Whether its profiles were chosen from these, and since it started."""
        known = self.known
        return known.chosen_after == known.turns and known.chosen_from == (self._plans, self.about.profiles)

    async def _choose(self, reading: Reading) -> None:
        """Its profiles: once, again after it started anew, and now and then."""
        known = self.known
        if self._settled and reading.at - known.chosen_at < _CHOOSE_EVERY:
            return
        after = known.turns
        values = await reading.get((SYS_OBJECT_ID,))
        sys_object_id = str(values.get(SYS_OBJECT_ID, ""))
        profiles = self._plans.profiles
        if self.about.profiles:
            chosen = select.named(profiles, self.about.profiles)
        else:
            for oid in select.questions(profiles, sys_object_id):
                if oid not in known.answers:  # on a bad line it takes more than one poll
                    known.answers[oid] = await reading.answers(oid)
            answered = {oid for oid, is_there in known.answers.items() if is_there}
            chosen = select.automatic(profiles, sys_object_id, answered)
        known.follow([self._plans.of(name) for name in chosen.names])
        known.sys_object_id, known.chosen, known.chosen_after = sys_object_id, chosen, after
        known.chosen_from, known.chosen_at = (self._plans, self.about.profiles), reading.at
        known.given = frozenset()
        for each in (known.read, known.had, known.answers):
            each.clear()

    def _silent(self) -> tuple[str, ...]:
        """Its profiles of which it has nothing; none before all of them were read."""
        known = self.known
        if known.chosen is None or not {Every.FAST, Every.SLOW} <= known.read:
            return ()
        return select.silent(self._plans.profiles, known.chosen, known.given)

    def _no_more(self, every: Every, given: set[str]) -> Iterable[str]:
        """Of which profiles it has shown something since they were chosen, and shows nothing now."""
        had: frozenset[str] = self.known.had.get(every, frozenset())
        missing = had - given
        if not given <= had:
            had = self.known.had[every] = self._plans.once(had | given)
        if not missing or self.known.chosen is None:
            return
        for name in self.known.chosen.names:
            own = had.intersection(select.objects(self._plans.profiles[name]))
            if own and own <= missing:
                yield f"it shows nothing of the profile {name} any more: look at the view of its credential"

    def _grew_older(self, values: Mapping[str, Value], asked: float) -> None:
        """Notice that it started anew: labels, profiles and counters are not what they were.

        What it said to ``liveness`` after this was asked is newer, and seems to be of a time before.
        """
        known, age = self.known, uptime(values, self._clock())
        if known.age is not None and known.age.at > asked:
            return
        if known.age is not None and restarted(known.age, age):
            known.restarts += 1
            known.turn()
        known.age = age

    async def _failed(self, error: SnmpError, until: float) -> SnmpError:
        """Note that it does not answer; the error with what is behind it, found out once for each kind of failure."""
        known = self.known
        other = not known.failures or error.fault is not known.fault
        pause = min(_LONGEST_PAUSE, self.about.pause * 2.0 ** min(known.failures, 10))
        known.failures += 1
        known.ask_again = self._clock() + pause * 0.9  # the poll that comes about then is not to miss it by a little
        self._way.close()  # its name may lead elsewhere by then, and its key be another
        if other:
            known.error, known.fault = str(error), error.fault
            await self._find_out(error, until)
        return type(error)(known.error, error.fault)

    async def _find_out(self, error: SnmpError, until: float) -> None:
        """Say what is behind a failure that has just begun; without the time for it, what shows by itself stays."""
        if self._explain is not None and (left := until - self._clock()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    self.known.error = await self._explain(error)

    def _walker(self, *, retries: int) -> Walker:
        return Walker(self._way, self.known.memory, self._clock, retries=retries)

    # About itself

    def _about_poll(self, every: Every, walker: Walker, began: float) -> Iterable[Sample]:
        labels = (("module", every.value),)
        counts, seconds = walker.counts, self._clock() - began
        yield Sample("snmp_scrape_duration_seconds", labels, seconds)
        yield Sample("snmp_scrape_packets_sent", labels, float(counts.sent))
        yield Sample("snmp_scrape_packets_retried", labels, float(counts.retried))
        yield Sample("snmp_scrape_pdus_returned", labels, float(counts.returned))

    def _own(self) -> Iterable[Sample]:
        yield Sample("tocsin_snmp_restarts_total", (), float(self.known.restarts))
        yield Sample("tocsin_snmp_held_back", (), float(self.held))
        for reason, count in self.dropped().items():
            yield Sample("tocsin_snmp_dropped_total", (("reason", reason.value),), float(count))
        for module, problem in self.known.problems.items():
            yield Sample("tocsin_snmp_incomplete", (("module", module),), float(bool(problem)))
