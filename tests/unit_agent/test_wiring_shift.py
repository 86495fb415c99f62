"""Properties: merged changes do what they do one by one, and a timeline that is moved changes no decision."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_type_hints

import core_kit
import msgspec
from core_kit import START
from fakes import delivery_rig, virtual
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.book import merged
from agent.core.decision import Decision
from agent.core.group import group
from agent.core.incident import step
from agent.core.model import Incident, IncidentState, Member, MemberState, Person, TimelineEntry
from agent.core.outbox import OutboxRow
from agent.core.policy import Policy
from agent.core.shift import shifted
from agent.store import Change
from agent.store.store import Store
from rules.api import Alert, AlertState

# Changes merged

KEYS = st.sampled_from("abc")


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """A change as the book makes them; later ones of a row have a higher revision, see ``numbered``."""
    upserts = draw(st.dictionaries(KEYS, st.binary(min_size=1, max_size=2), max_size=2))
    deletes = [key for key in draw(st.lists(KEYS, unique=True, max_size=2)) if key not in upserts]
    incidents = [incident(key, draw(st.integers(0, 3))) for key in draw(st.lists(KEYS, unique=True, max_size=2))]
    return Change(
        incidents=incidents,
        outbox=[OutboxRow(incident=i.id, backend="fake", wish=delivery_rig.ticket("x")) for i in incidents],
        alert_upserts=upserts,
        alert_deletes=deletes,
        timeline=[TimelineEntry(incident=i.id, at=i.changed_at, kind="state", reason="r") for i in incidents],
        meta=draw(st.dictionaries(KEYS, st.text("xyz", max_size=1), max_size=2)),
    )


def incident(key: str, at: int) -> Incident:
    return delivery_rig.incident(key, 1, START + at)


def numbered(all_changes: list[Change]) -> list[Change]:
    """With growing revisions, as the ledger gives them."""
    count = 0
    out = []
    for change in all_changes:
        rows = []
        for row in change.outbox:
            count += 1
            rows.append(msgspec.structs.replace(row, revision=count))
        out.append(
            Change(
                incidents=change.incidents, outbox=rows, alert_upserts=change.alert_upserts,
                alert_deletes=change.alert_deletes, timeline=change.timeline, meta=change.meta,
            )
        )  # fmt: skip
    return out


def stored(all_changes: list[Change]) -> dict[str, list[tuple[object, ...]]]:
    """Every row of a store that took these changes, one transaction each."""

    async def main(loop: virtual.VirtualLoop) -> dict[str, list[tuple[object, ...]]]:
        with TemporaryDirectory() as folder:
            store = Store.open(Path(folder), loop.now_ms, virtual.Inline())
            for change in all_changes:
                await store.commit(change)

            def read(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
                return {
                    table: sorted(connection.execute(f"SELECT * FROM {table} WHERE {keep}").fetchall())
                    for table, keep in (
                        ("incidents", "1"), ("outbox", "1"), ("alert_states", "1"), ("timeline", "1"),
                        ("episodes", "1"), ("meta", "length(name) = 1"),
                    )
                }  # fmt: skip

            rows = await store.transact(read)
            await store.aclose()
            return rows

    return virtual.run(main)


@settings(max_examples=25, deadline=None)
@given(st.lists(changes(), min_size=1, max_size=4))
def test_the_merged_change_does_what_they_do_one_after_the_other(made: list[Change]) -> None:
    made = numbered(made)
    assert stored([merged(*made)]) == stored(made)


def test_nothing_merged_is_nothing() -> None:
    assert merged().empty
    assert merged(Change(), Change()).empty


# The timeline moved

_BLANK = {"title": "", "body": "", "resolution": "", "notes": ()}


def plain(incident: Incident | None) -> Incident | None:
    """Without rendered texts and notes, which tell times as they were said."""
    return None if incident is None else msgspec.structs.replace(incident, **_BLANK)


@dataclass
class Life:
    """What the agent keeps of one fault, on a timeline of its own."""

    now: int
    live: Incident | None = None
    last: Incident | None = None
    decisions: list[Decision] = field(default_factory=list)

    def move(self, delta: int) -> None:
        self.now += delta
        self.live = self.live and shifted(self.live, delta)
        self.last = self.last and shifted(self.last, delta)

    def see(self, ctx: object, states: tuple[AlertState | None, ...], evaluated: bool) -> Decision:
        alerts = [made for n, state in enumerate(states) if state and (made := made_alert(self.now, n, state))]
        live = {self.live.key: self.live} if self.live else {}
        bucket = next(iter(group(alerts, ctx.tree, ctx.classifier, live).values()), None)  # type: ignore[attr-defined]
        at = self.now if evaluated else None
        decision = step(self.live, self.last, bucket if evaluated else None, ctx, self.now, at)  # type: ignore[arg-type]
        found = decision.incident
        if found is not None and found.state is IncidentState.RESOLVED:
            self.live, self.last = None, found
        elif found is not None:
            self.live = found
        return decision


def made_alert(now: int, number: int, state: AlertState) -> Alert:
    made = {AlertState.INACTIVE: core_kit.recovered, AlertState.NO_DATA: core_kit.no_data}
    return made.get(state, core_kit.alert)(now, mountpoint=f"/{number}")


STATES = st.sampled_from([None, AlertState.FIRING, AlertState.INACTIVE, AlertState.NO_DATA])
EVENTS = st.lists(
    st.tuples(st.sampled_from([1_000, 15_000, 60_000, 400_000]), st.tuples(STATES, STATES), st.booleans()), max_size=15
)
YEARS = 50 * 31_557_600_000


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.sampled_from([-YEARS, -3_600_000, 1_000, 3_600_000, YEARS]), st.integers(0, 15))
def test_a_moved_timeline_changes_no_decision(
    events: list[tuple[int, tuple[AlertState | None, ...], bool]], delta: int, when: int
) -> None:
    ctx = core_kit.context(Policy())
    still, moved = Life(START), Life(START)
    offset = 0
    for number, (passed, states, evaluated) in enumerate(events):
        if number == when:
            moved.move(delta)
            offset = delta
        still.now += passed
        moved.now += passed
        expected, found = still.see(ctx, states, evaluated), moved.see(ctx, states, evaluated)
        assert (found.reason, found.changed) == (expected.reason, expected.changed)
        assert found.wake_at == (None if expected.wake_at is None else expected.wake_at + offset)
        assert found.wishes.keys() == expected.wishes.keys()
        want = expected.incident
        assert plain(found.incident) == plain(want and shifted(want, offset))
        assert len(found.incident.notes if found.incident else ()) == len(want.notes if want else ())


def test_every_time_of_an_incident_is_moved_or_known_to_be_something_else() -> None:
    """A new field that holds a time must not be forgotten: all that are whole numbers are accounted for."""
    others = {
        Incident: {"group_wait", "group_interval", "episode", "impact", "urgency", "priority", "good_evaluations"},
        Person: {"priority"}, Member: set(),
    }  # fmt: skip
    hints = {struct: get_type_hints(struct) for struct in others}
    times = {
        struct: {name for name, kind in hints[struct].items() if kind in (int, int | None)} - known
        for struct, known in others.items()
    }
    person = Person(**dict.fromkeys(times[Person], START))
    member = Member(
        labels=(), state=MemberState.FIRING, reason="", value="", **dict.fromkeys(times[Member], START)
    )  # fmt: skip
    one = msgspec.structs.replace(
        incident("k", 0), people={"desk": person}, members=(member,), **dict.fromkeys(times[Incident], START)
    )
    after = shifted(one, 5)
    for found in (after, after.people["desk"], after.members[0]):
        expected = times[type(found)]
        assert len(expected) >= 3
        assert {name: getattr(found, name) for name in expected} == dict.fromkeys(expected, START + 5)
