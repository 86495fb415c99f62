"""The live incidents: alerts, time and people's acts in; incidents, wishes and history out, each in one transaction.

Every decision is taken by ``agent.core`` on the values in memory, believed at once, and owed to the store, which keeps
the order in which it was asked. Nothing leaves for a backend before its row is durable (delivery claims it first), so
what is believed but not yet stored is seen by nobody else. When the disk refuses, what is owed waits for the next
flush.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

from agent import log
from agent.core.adopt import CannotAdopt, adopt, fault_of
from agent.core.decision import Context, Decision
from agent.core.group import Bucket, group
from agent.core.incident import step
from agent.core.model import Incident, IncidentState
from agent.core.outbox import OutboxRow
from agent.core.people import observe
from agent.core.shift import shifted
from agent.core.ticket import ticket_is_gone, to_ticket
from agent.delivery import Delivery, RemoteSeen, Stray
from agent.store import Change, Loaded, Store, StoreUnavailable
from rules.api import Alert

STRAYS_SAID = 1_000
_log = log.get("book")


class Book:
    """Use from the event loop only. A reload may replace ``ctx``; incidents keep the key they were opened with."""

    def __init__(
        self, store: Store, loaded: Loaded, ctx: Context, now: Callable[[], int], on_adopted: Callable[[Incident], None]
    ) -> None:
        """``on_adopted`` is told of an incident rebuilt from its ticket, whose alerts nobody knows yet."""
        self.ctx = ctx
        self.live: dict[str, Incident] = {incident.key: incident for incident in loaded.incidents}
        self.ended: dict[str, Incident] = {incident.key: incident for incident in loaded.resolved}
        self.delivery: Delivery | None = None
        self._episodes = dict(loaded.episodes)
        self._store = store
        self._now = now
        self._alarms: dict[str, int] = dict.fromkeys(self.live, 0)
        self._looked = False
        self._owed: list[Change] = []
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._held = False
        self._deciding = False
        self._strays_said: set[str] = set()
        self._of_older: list[RemoteSeen] = []
        self._on_adopted = on_adopted

    @property
    def owed(self) -> int:
        """Changes that the store has not taken yet."""
        return len(self._owed)

    # Alerts and time

    def consider(self, alerts: Iterable[Alert], evaluated: Mapping[str, int]) -> None:
        """Decide about every fault that has an alert or a live incident.

        ``alerts`` are those that are not inactive and those that just became so; ``evaluated`` is the time of the last
        evaluation by rule name.
        """
        for _ in self._considering(alerts, evaluated):
            pass

    async def consider_in_turns(
        self, alerts: Iterable[Alert], evaluated: Mapping[str, int], turn: Callable[[], Awaitable[None]]
    ) -> None:
        """``consider`` with a ``turn`` for others after each fault. What one evaluation led to is stored together all
        the same: nothing is flushed in between, and when the caller is cancelled the rest is decided at once.
        """
        work = self._considering(alerts, evaluated)
        self._deciding = True
        try:
            for _ in work:
                await turn()
        finally:
            for _ in work:
                pass
            self._deciding = False

    def _considering(self, alerts: Iterable[Alert], evaluated: Mapping[str, int]) -> Iterator[None]:
        buckets = group(alerts, self.ctx.tree, self.ctx.classifier, self.live)
        for key in [*buckets, *(key for key in self.live if key not in buckets)]:
            incident = self.live.get(key)
            if incident is not None and incident.test:
                continue
            bucket = buckets.get(key)
            rule = incident.rule if incident else bucket.rule if bucket else ""
            self._step(key, bucket, self.ctx, self._now(), evaluated.get(rule))
            yield
        self._looked = True

    def _ring(self) -> float | None:
        """Step what time alone changes; returns the seconds until the next such moment."""
        now = self._now()
        for key in [key for key, due in self._alarms.items() if due <= now and self._rings(key)]:
            del self._alarms[key]  # set again by the decision, unless there is nothing left to wait for
            self._step(key, None, self.ctx, now, None)
        next_due = min((due for key, due in self._alarms.items() if self._rings(key)), default=None)
        return None if next_due is None else max(0.0, (next_due - now) / 1000)

    def _rings(self, key: str) -> bool:
        """After a start, time that passed while nobody looked ends nothing: an evaluation comes first.

        An exercise has no alerts that could tell otherwise.
        """
        incident = self.live.get(key)
        return self._looked or incident is None or incident.test

    def _step(self, key: str, bucket: Bucket | None, ctx: Context, now: int, evaluated_at: int | None) -> Decision:
        used = self._episodes.get(key, 0)
        decision = step(self.live.get(key), self.ended.get(key), bucket, ctx, now, evaluated_at, used)
        return self._believe(key, decision)

    # People, strays, drills

    def remote_seen(self, seen: RemoteSeen) -> None:
        """A backend shows a ticket; called by delivery."""
        incident = self._by_id(seen.incident)
        if incident is None:
            self._of_older.append(seen)
            self._wake.set()
            return
        now = self._now()
        self._believe(incident.key, observe(incident, seen.backend, seen.remote, self.ctx, now))
        self._wake.set()

    def stray(self, stray: Stray) -> None:
        """The audit found an open ticket of ours without a live incident; called by delivery."""
        key = fault_of(stray.remote.facts) or ""
        now = self._now()
        known = self.live.get(key) or self.ended.get(key)
        try:
            decision = adopt(known, stray.backend, stray.remote, self.ctx, now)
        except CannotAdopt as error:
            if stray.remote.ref.id not in self._strays_said:
                if len(self._strays_said) >= STRAYS_SAID:
                    self._strays_said.clear()
                self._strays_said.add(stray.remote.ref.id)
                _log.warning("stray_ticket_left_alone", backend=stray.backend, error=str(error))
            return
        if decision.changed and decision.incident is not None:
            _log.info(
                "ticket_taken_back", backend=stray.backend, ticket=stray.remote.ref.number, reason=decision.reason.value
            )
            self._believe(decision.incident.key, decision)
            if decision.incident.state is not IncidentState.RESOLVED:
                self._on_adopted(decision.incident)
            self._wake.set()

    def exercise(self, bucket: Bucket, ctx: Context) -> Incident | None:
        """One step of a drill, under a context of its own (no waits)."""
        now = self._now()
        decision = self._step(bucket.key, bucket, ctx, now, now)
        self._wake.set()
        return decision.incident

    def believe(self, decision: Decision) -> None:
        """Take up a decision made elsewhere about a live incident (a drill's note)."""
        if decision.incident is not None:
            self._believe(decision.incident.key, decision)
            self._wake.set()

    # What is believed, and what is owed to the store

    def _believe(self, key: str, decision: Decision) -> Decision:
        incident = decision.incident
        if incident is None:
            return decision
        before = self.live.get(key) or self.ended.get(key)
        if incident.state is IncidentState.RESOLVED:
            self.live.pop(key, None)
            self.ended[key] = incident
        else:
            self.ended.pop(key, None)
            self.live[key] = incident
        self._episodes[key] = max(incident.episode, self._episodes.get(key, 0))
        if decision.wake_at is None:
            self._alarms.pop(key, None)
        else:
            self._alarms[key] = decision.wake_at
        if not decision.changed:
            return decision
        if before is None or before.state is not incident.state or before.id != incident.id:
            _log.info(
                "incident", id=incident.id, rule=incident.rule, ci=incident.ci.name, state=incident.state.value,
                reason=decision.reason.value, priority=f"P{incident.priority}",
            )  # fmt: skip
        self._owe(Change(incidents=(incident,), outbox=self._wishes(incident, decision), timeline=decision.timeline))
        return decision

    def _wishes(self, incident: Incident, decision: Decision) -> tuple[OutboxRow, ...]:
        if self.delivery is None:
            return ()
        rows = (self.delivery.wish(incident.id, backend, ticket) for backend, ticket in decision.wishes.items())
        return tuple(row for row in rows if row is not None)

    def mend_wishes(self, delivery: Delivery) -> int:
        """Wish again for the tickets of incidents whose outbox row was lost or damaged; returns how many.

        Resolved ones too, or their tickets would stay open and be taken for reopened. It cannot make a second ticket:
        delivery searches first. To be called once, with the rows as loaded.
        """
        mended = 0
        for incident in (*self.live.values(), *self.ended.values()):
            for backend in incident.backends if incident.opened_at is not None else ():
                if delivery.row((incident.id, backend)) is not None or ticket_is_gone(incident.people.get(backend)):
                    continue
                row = delivery.wish(incident.id, backend, to_ticket(incident, backend, self.ctx))
                if row is not None:
                    mended += 1
                    self._owe(Change(incidents=(incident,), outbox=(row,)))
        return mended

    def owe_alerts(self, upserts: Mapping[str, bytes], deletes: Sequence[str]) -> None:
        """Rows of the rule engine's snapshot that changed; stored together with what they led to."""
        if upserts or deletes:
            self._owe(Change(alert_upserts=upserts, alert_deletes=deletes))

    def _owe(self, change: Change) -> None:
        self._owed.append(change)

    async def flush(self) -> None:
        """Store what is owed, then wake delivery. A disk that refuses is said once, and asked again next time.

        Cancelling the caller does not cancel it: what is on its way to the disk is either stored or owed again.
        """
        if self._deciding:
            return  # whoever decides flushes afterwards
        if self._owed or self._flushing.locked():
            await asyncio.shield(asyncio.ensure_future(self._flush()))

    async def _flush(self) -> None:
        async with self._flushing:
            if self._deciding:
                return  # it began while this waited
            owed, self._owed = merged(*self._owed), []
            if owed.empty:
                return
            try:
                await self._store.commit(owed)
            except StoreUnavailable as error:
                self._owed.insert(0, owed)
                if not self._held:
                    self._held = True
                    _log.error("store_unavailable", error=str(error))
                return
            if self._held:
                self._held = False
                _log.info("store_available")
        if self.delivery is not None:
            self.delivery.wake()

    async def _note_older(self) -> None:
        """Write down what backends show of tickets whose incident is not in memory: a newer episode took its place
        before the older one's ticket was through.
        """
        while self._of_older:
            seen = self._of_older[0]
            try:
                incident = self._last_owed(seen.incident) or await self._store.incident(seen.incident)
            except StoreUnavailable:
                return  # tried again with the next flush
            del self._of_older[0]
            if incident is not None:
                decision = observe(incident, seen.backend, seen.remote, self.ctx, self._now())
                if decision.changed and decision.incident is not None:
                    rows = self._wishes(decision.incident, decision)
                    self._owe(Change(incidents=(decision.incident,), outbox=rows, timeline=decision.timeline))

    async def run(self) -> None:
        """Rings the timers and stores what callbacks owe, until cancelled."""
        while True:
            self._wake.clear()
            wait = self._ring()
            await self._note_older()
            await self.flush()
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                pass  # a timer is due

    def touch(self) -> None:
        """Look at the timers again (after alerts were considered)."""
        self._wake.set()

    def rebase(self, delta_ms: int) -> None:
        """The timeline was moved: every stored time of an incident moves with it, so no duration changes.

        Of those that ended too: a machine that begins in 1970 must not take them for fifty years old after its start.
        """
        self.live = {key: shifted(incident, delta_ms) for key, incident in self.live.items()}
        self.ended = {key: shifted(incident, delta_ms) for key, incident in self.ended.items()}
        known = {incident.id for incident in (*self.live.values(), *self.ended.values())}
        owed = (incident for change in self._owed for incident in change.incidents if incident.id not in known)
        older = tuple(shifted(incident, delta_ms) for incident in owed)
        self._owe(Change(incidents=(*self.live.values(), *self.ended.values(), *older)))
        self._alarms = {key: due + delta_ms for key, due in self._alarms.items()}
        self._wake.set()

    def forget(self, resolved_before: int) -> None:
        """Let go of what the store has pruned or may prune: incidents that ended before that time and are delivered."""
        delivery = self.delivery
        for key, incident in list(self.ended.items()):
            rows = [delivery.row((incident.id, backend)) for backend in incident.backends] if delivery else []
            told = all(row is None or row.finished for row in rows)
            if told and incident.resolved_at is not None and incident.resolved_at < resolved_before:
                del self.ended[key]

    def _last_owed(self, incident_id: str) -> Incident | None:
        """The incident as it is owed to the store, which does not have it like this yet."""
        for change in reversed(self._owed):
            for incident in change.incidents:
                if incident.id == incident_id:
                    return incident
        return None

    def _by_id(self, incident_id: str) -> Incident | None:
        for incident in (*self.live.values(), *self.ended.values()):
            if incident.id == incident_id:
                return incident
        return None


def merged(*changes: Change) -> Change:
    """One change that does all of them, in order; of several values of one thing the last stays."""
    if len(changes) == 1:
        return changes[0]
    alerts: dict[str, bytes | None] = {}
    for change in changes:
        alerts |= change.alert_upserts
        alerts |= dict.fromkeys(change.alert_deletes)
    rows: dict[tuple[str, str], OutboxRow] = {}
    for row in (row for change in changes for row in change.outbox):
        if row.key not in rows or row.revision >= rows[row.key].revision:
            rows[row.key] = row
    return Change(
        incidents=tuple({i.id: i for change in changes for i in change.incidents}.values()),
        outbox=tuple(rows.values()),
        alert_upserts={key: body for key, body in alerts.items() if body is not None},
        alert_deletes=tuple(key for key, body in alerts.items() if body is None),
        timeline=tuple(entry for change in changes for entry in change.timeline),
        meta={name: text for change in changes for name, text in change.meta.items()},
    )
