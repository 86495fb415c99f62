"""The store on the real SQLite: one transaction per change, no write without a change, nothing forgotten."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from agent.core import outbox
from agent.core.model import Ci, Incident, IncidentState, TimelineEntry
from agent.store import Change, Found, IncidentQuery, StateBusy, Store, StoreUnavailable, files
from integrations.api import Ref, Remote, RemoteState, Ticket, TicketState

NOW = 1_700_000_000_000


def incident(
    key: str = "disk|ci-1", episode: int = 1, state: IncidentState = IncidentState.OPEN, **more: object
) -> Incident:
    return Incident(
        key=key, episode=episode, rule="DiskFull", ci=Ci("ci-1", "web-07"), grouping=(), backends=("desk",),
        state=state, reason="fired", created_at=NOW, changed_at=NOW, members=(), severity="critical", impact=1,
        urgency=1, priority=1, **more,
    )  # fmt: skip


def ticket(title: str = "disk full", state: TicketState = TicketState.OPEN, episode: int = 1) -> Ticket:
    return Ticket(
        correlation_id="toc-" + "0" * 32, episode=episode, state=state, title=title, body="b", impact=1, urgency=1,
        priority=1, opened_at=NOW, ci="web-07", ci_id="ci-1", environment="prod",
    )  # fmt: skip


def row(owner: Incident, text: str = "disk full") -> outbox.OutboxRow:
    return outbox.wish(None, owner.id, "desk", ticket(text, episode=owner.episode), NOW)


def opened(directory: Path) -> Store:
    return Store.open(directory, lambda: NOW)


def line(owner: Incident, reason: str) -> TimelineEntry:
    return TimelineEntry(incident=owner.id, at=NOW, kind="state", reason=reason)


async def test_what_was_committed_is_loaded_again(tmp_path: Path) -> None:
    one = incident()
    store = opened(tmp_path)
    assert store.opened.found is Found.NEW
    await store.commit(
        Change(
            incidents=[one],
            outbox=[row(one)],
            alert_upserts={"a": b"{}", "b": b"[]"},
            timeline=[line(one, "fired")],
            meta={"clock": "5"},
        )
    )
    await store.commit(Change(alert_deletes=["b"]))
    await store.aclose()

    store = opened(tmp_path)
    loaded = await store.load()
    assert store.opened.found is Found.GOOD
    assert not store.opened.rebuilt
    assert loaded.incidents == (one,)
    assert loaded.outbox == (row(one),)
    assert loaded.alerts == {"a": b"{}"}
    assert loaded.episodes == {one.key: 1}
    assert loaded.meta["clock"] == "5"
    assert loaded.quarantined == ()
    assert [entry.reason for entry in await store.timeline(one.id)] == ["fired"]
    assert await store.incident(one.id) == one
    await store.aclose()


async def test_a_change_is_all_or_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    orphan = outbox.wish(None, "nobody#1", "desk", ticket(), NOW)
    with pytest.raises(sqlite3.IntegrityError):
        await store.commit(Change(incidents=[incident()], outbox=[orphan]))
    assert (await store.load()).incidents == ()
    await store.aclose()


async def test_nothing_is_written_when_nothing_changed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    change = Change(incidents=[incident()], outbox=[row(incident())], alert_upserts={"a": b"x"}, meta={"m": "1"})
    await store.commit(change)
    wal = tmp_path / "tocsin.db-wal"
    before = (store.stats.commits, wal.stat().st_size, wal.stat().st_mtime_ns)
    await store.commit(change)
    await store.commit(Change())
    await store.load()
    assert (store.stats.commits, wal.stat().st_size, wal.stat().st_mtime_ns) == before
    await store.aclose()


async def test_an_older_copy_of_an_outbox_row_never_wins(tmp_path: Path) -> None:
    store = opened(tmp_path)
    one = incident()
    first = row(one)
    newer = outbox.claim(first)
    await store.commit(Change(incidents=[one], outbox=[newer]))
    await store.commit(Change(outbox=[first]))
    assert (await store.load()).outbox == (newer,)
    await store.aclose()


async def test_the_rows_of_one_incident_can_be_asked_for_however_old(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first, second = incident(), incident(episode=2)
    await store.commit(Change(incidents=(first, second), outbox=(row(first), row(second, "again"))))
    assert await store.outbox_of(first.id) == [row(first)]
    assert await store.outbox_of("nobody-1") == []
    await store.aclose()


async def test_resolved_incidents_are_remembered_for_reopen_or_new_and_episodes_for_ever(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first = incident(state=IncidentState.RESOLVED, resolved_at=NOW)
    second = incident(episode=2, state=IncidentState.RESOLVED, resolved_at=NOW + 10)
    other = incident(key="cpu|ci-1", state=IncidentState.RESOLVED, resolved_at=NOW)
    live = incident(key="cpu|ci-1", episode=2)
    await store.commit(Change(incidents=[first, second, other, live], timeline=[line(first, "a"), line(second, "b")]))
    loaded = await store.load()
    assert loaded.resolved == (second,)
    assert loaded.incidents == (live,)
    assert await store.prune(NOW + 11) == 3
    loaded = await store.load()
    assert loaded.resolved == ()
    assert loaded.episodes == {"disk|ci-1": 2, "cpu|ci-1": 2}
    assert await store.timeline(first.id) == []
    assert await store.broken_link() is None
    await store.aclose()


async def test_a_row_resolved_within_the_hour_is_loaded_for_the_next_episode(tmp_path: Path) -> None:
    store = opened(tmp_path)
    fresh = incident(state=IncidentState.RESOLVED, resolved_at=NOW - 60_000)
    old = incident(key="cpu|ci-1", state=IncidentState.RESOLVED, resolved_at=NOW - 7_200_000)
    wishes = [outbox.wish(None, one.id, "desk", ticket(state=TicketState.RESOLVED), NOW) for one in (fresh, old)]
    there = Remote(ref=Ref("7"), correlation_id=wishes[0].wish.correlation_id, state=RemoteState.NEW, raw_state="")
    rows = [outbox.sent(outbox.claim(outbox.found(row, there, NOW)), there, NOW) for row in wishes]
    await store.commit(Change(incidents=[fresh, old, incident(episode=2), incident("cpu|ci-1", 2)], outbox=rows))
    assert (await store.load()).outbox == (rows[0],)
    await store.aclose()


async def test_a_resolve_not_yet_delivered_is_not_pruned(tmp_path: Path) -> None:
    store = opened(tmp_path)
    done = incident(state=IncidentState.RESOLVED, resolved_at=NOW)
    pending = outbox.wish(None, done.id, "desk", ticket(state=TicketState.RESOLVED), NOW)
    await store.commit(Change(incidents=[done], outbox=[pending]))
    assert await store.prune(NOW + 1) == 0
    remote = Remote(ref=Ref("7"), correlation_id=pending.wish.correlation_id, state=RemoteState.RESOLVED, raw_state="")
    finished = outbox.sent(outbox.claim(outbox.found(pending, remote, NOW)), remote, NOW)
    await store.commit(Change(outbox=[finished]))
    assert await store.prune(NOW + 1) == 1
    await store.aclose()


async def test_incidents_are_listed_newest_first(tmp_path: Path) -> None:
    store = opened(tmp_path)
    some = [incident(key=f"k{n}") for n in range(3)]
    some = [msgspec.structs.replace(one, changed_at=NOW + n) for n, one in enumerate(some)]
    await store.commit(Change(incidents=some))
    assert await store.incidents(IncidentQuery(limit=2)) == [some[2], some[1]]
    assert await store.incidents(IncidentQuery(key="k0")) == [some[0]]
    assert await store.incidents(IncidentQuery(states=(IncidentState.RESOLVED,))) == []
    assert await store.incidents(IncidentQuery(changed_before=NOW + 1)) == [some[0]]
    await store.aclose()


async def test_the_history_shows_an_altered_line(tmp_path: Path) -> None:
    store = opened(tmp_path)
    one = incident()
    await store.commit(Change(incidents=[one], timeline=[line(one, f"r{n}") for n in range(5)]))
    assert await store.broken_link() is None
    await store.transact(
        lambda c: c.execute("UPDATE timeline SET body = CAST(replace(body, 'r3', 'r9') AS BLOB) WHERE seq = 4") and None
    )
    assert await store.broken_link() == 4
    await store.aclose()


async def test_a_cancelled_caller_does_not_cancel_the_commit(tmp_path: Path) -> None:
    store = opened(tmp_path)
    task = asyncio.create_task(store.commit(Change(incidents=[incident()])))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await store.load()).incidents == (incident(),)
    await store.aclose()


HOLDER = """
import sys, pathlib
from agent.store import Store
store = Store.open(pathlib.Path(sys.argv[1]), lambda: 0)
print("held", flush=True)
sys.stdin.read()
"""


async def test_two_processes_cannot_share_a_directory_and_a_dead_holder_does_not_count(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(StateBusy) as busy:
        opened(tmp_path)
    assert busy.value.pid == holder.pid
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    store = opened(tmp_path)
    assert (tmp_path / "tocsin.lock").read_text().strip() == str(os.getpid())
    await store.aclose()


async def test_a_backup_is_made_when_something_changed_and_two_are_kept(tmp_path: Path) -> None:
    store = opened(tmp_path)
    await store.commit(Change(incidents=[incident()]))
    assert await store.back_up() is not None
    assert await store.back_up() is None
    await store.commit(Change(incidents=[incident(episode=2)]))
    assert await store.back_up() is not None
    assert all((tmp_path / name).stat().st_mode & 0o777 == 0o600 for name in (files.NAME, *files.BACKUPS))
    await store.aclose()


class Failing:
    """A connection whose chosen statement fails; everything else is the real one's."""

    def __init__(self, real: sqlite3.Connection, statement: str, code: int, *, after: bool) -> None:
        self._real, self._statement, self._code, self._after, self.left = real, statement, code, after, 1

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if not (sql.startswith(self._statement) and self.left):
            return self._real.execute(sql, *values)
        self.left -= 1
        if self._after:
            self._real.execute(sql, *values)
        error = sqlite3.OperationalError("injected")
        error.sqlite_errorcode = self._code
        raise error

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


def fail_next(store: Store, statement: str, code: int, *, after: bool = False) -> None:
    store._connection = Failing(store._connection, statement, code, after=after)  # type: ignore[assignment, arg-type]


@pytest.mark.parametrize("statement", ["INSERT INTO incidents", "COMMIT"])
async def test_an_io_error_is_read_back_and_tried_again(tmp_path: Path, statement: str) -> None:
    store = opened(tmp_path)
    fail_next(store, statement, sqlite3.SQLITE_IOERR)
    await store.commit(Change(incidents=[incident()], timeline=[line(incident(), "once")]))
    assert len(await store.timeline(incident().id)) == 1
    assert store.healthy
    await store.aclose()


async def test_a_commit_that_failed_but_is_there_is_not_done_twice(tmp_path: Path) -> None:
    store = opened(tmp_path)
    fail_next(store, "COMMIT", sqlite3.SQLITE_IOERR_FSYNC, after=True)
    await store.commit(Change(incidents=[incident()], timeline=[line(incident(), "once")]))
    assert store.stats.read_back == 1
    assert len(await store.timeline(incident().id)) == 1
    await store.aclose()


async def test_a_full_disk_gives_the_reserve_and_then_says_so(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert (tmp_path / "tocsin.reserve").stat().st_size > 0
    fail_next(store, "INSERT INTO incidents", sqlite3.SQLITE_FULL)
    await store.commit(Change(incidents=[incident()]))
    assert store.stats.reserve_released == 1
    assert not (tmp_path / "tocsin.reserve").exists()
    for _ in range(3):
        await store.load()  # reading goes on, and does not count as recovery
        fail_next(store, "INSERT INTO incidents", sqlite3.SQLITE_FULL)
        with pytest.raises(StoreUnavailable, match="free space"):
            await store.commit(Change(incidents=[incident(episode=2)]))
    assert store.degraded
    await store.commit(Change(incidents=[incident(episode=2)]))
    assert store.healthy
    assert await store.back_up() is not None
    assert (tmp_path / "tocsin.reserve").exists()
    await store.aclose()
