"""Whatever stands in the state directory, the agent starts: corrupt, foreign, newer, older, unreadable files."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from fakes.delivery_rig import incident, ticket
from fakes.virtual import Inline

from agent.core import outbox
from agent.core.model import Incident, IncidentState
from agent.core.outbox import OutboxRow
from agent.store import (
    Change,
    Found,
    Loaded,
    OpenReport,
    StateRefused,
    Store,
    StoreCorrupt,
    StoreUnavailable,
    codec,
    files,
    migrate,
)
from agent.store.migrate import VERSION
from integrations.api import TicketState

NOW = 1_700_000_000_000
FLIPS = 300
CUTS = 50


def opened(directory: Path) -> Store:
    return Store.open(directory, lambda: NOW, Inline())


def faults() -> list[tuple[Incident, OutboxRow]]:
    made = []
    for n in range(12):
        state, wanted = IncidentState.OPEN, TicketState.OPEN
        if n % 3 == 0:
            state, wanted = IncidentState.RESOLVED, TicketState.RESOLVED
        one = incident(f"key-{n}", 1, NOW, state)
        row = outbox.wish(None, one.id, "fake", ticket(f"key-{n}", state=wanted, opened_at=NOW), NOW)
        made.append((one, row))
    return made


def fill(directory: Path) -> None:
    async def main() -> None:
        store = opened(directory)
        made = faults()
        await store.commit(
            Change(
                incidents=[one for one, _ in made],
                outbox=[row for _, row in made],
                alert_upserts={f"alert-{n}": b'{"value": %d}' % n for n in range(20)},
            )
        )
        await store.aclose()

    asyncio.run(main())


def reopen(directory: Path) -> tuple[OpenReport, Loaded]:
    async def main() -> tuple[OpenReport, Loaded]:
        store = opened(directory)
        loaded = await store.load()
        await store.commit(Change(incidents=[incident("after", 1, NOW)]))
        await store.aclose()
        return store.opened, loaded

    return asyncio.run(main())


def only_what_was_stored(loaded: Loaded) -> None:
    """No text that was never written: that would go into a ticket."""
    made = faults()
    truth = {one.id: one for one, _ in made}
    rows = {row.key: row for _, row in made}
    assert all(one == truth[one.id] for one in (*loaded.incidents, *loaded.resolved))
    assert all(row == rows[row.key] for row in loaded.outbox)
    assert all(body == b'{"value": %s}' % key.removeprefix("alert-").encode() for key, body in loaded.alerts.items())


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    directory = tmp_path_factory.mktemp("good")
    fill(directory)
    return (directory / files.NAME).read_bytes()


def flipped(good: bytes, seed: int) -> bytes:
    dice = random.Random(seed)
    data = bytearray(good)
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(data)


def test_a_flipped_bit_never_stops_the_start_and_never_reaches_the_agent(tmp_path: Path, good: bytes) -> None:
    noticed = 0
    for seed in range(FLIPS):
        directory = tmp_path / str(seed)
        directory.mkdir(mode=0o700)
        (directory / files.NAME).write_bytes(flipped(good, seed))
        report, loaded = reopen(directory)
        only_what_was_stored(loaded)
        if report.rebuilt:
            assert (directory / report.quarantined_to).is_file()
        else:
            noticed += bool(loaded.quarantined)
        shutil.rmtree(directory)
    assert noticed > 10


def test_without_the_checksum_wrong_text_would_be_sent(
    tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The teeth of the test above."""
    monkeypatch.setattr("agent.store.reader.verify", lambda crc, *columns: None)
    wrong = 0
    for seed in range(FLIPS // 3):
        directory = tmp_path / str(seed)
        directory.mkdir(mode=0o700)
        (directory / files.NAME).write_bytes(flipped(good, seed))
        try:
            only_what_was_stored(reopen(directory)[1])
        except (AssertionError, KeyError):
            wrong += 1
        shutil.rmtree(directory)
    assert wrong > 0


OPEN_WITHOUT_ROOM = """
import resource, signal, sys
from pathlib import Path
from agent.store import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
connection, report = files.open_store(Path(sys.argv[1]))
print(report.found.value, connection.execute("SELECT value FROM meta WHERE name = 'x'").fetchone()[0])
"""


def test_a_store_opens_after_a_crash_where_nothing_can_be_written(tmp_path: Path) -> None:
    """As on a full disk: that SQLite cannot write beside the file does not make it a bad one."""
    fill(tmp_path)
    running = files.connect(tmp_path / "tocsin.db")
    running.execute("INSERT INTO meta (name, value, crc) VALUES ('x', 'y', 0)")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("tocsin.db", "tocsin.db-wal"):
        shutil.copy(tmp_path / name, crashed / name)
    running.close()
    child = [sys.executable, "-c", OPEN_WITHOUT_ROOM, str(crashed)]
    done = subprocess.run(child, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("good y\n", 0), done.stderr
    assert not list(crashed.glob("*.corrupt-*"))


def test_an_error_that_says_nothing_about_the_content_puts_nothing_aside(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "tocsin.db-wal").mkdir()  # SQLite: unable to open database file
    with pytest.raises(StoreUnavailable, match="could not be opened"):
        files.open_store(tmp_path)
    (tmp_path / "tocsin.db-wal").rmdir()
    assert files.open_store(tmp_path)[1] == OpenReport(Found.GOOD)


def test_a_truncated_file_never_stops_the_start(tmp_path: Path, good: bytes) -> None:
    for seed in range(CUTS):
        directory = tmp_path / str(seed)
        directory.mkdir(mode=0o700)
        (directory / files.NAME).write_bytes(good[: random.Random(seed).randrange(len(good))])
        _, loaded = reopen(directory)
        only_what_was_stored(loaded)
        shutil.rmtree(directory)


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"\x00" * 8192, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_garbage_is_put_aside_and_a_new_store_begun(tmp_path: Path, content: bytes) -> None:
    (tmp_path / files.NAME).write_bytes(content)
    report, loaded = reopen(tmp_path)
    assert report.found is Found.CORRUPT
    assert report.quarantined_to == "tocsin.db.corrupt-1"
    assert (tmp_path / "tocsin.db.corrupt-1").read_bytes() == content
    assert loaded.incidents == ()


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    (tmp_path / files.NAME).touch()
    assert reopen(tmp_path)[0].found is Found.NEW


def test_another_application_s_database_is_put_aside_untouched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / files.NAME)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.execute("INSERT INTO theirs VALUES (42)")
        other.commit()
    report, _ = reopen(tmp_path)
    assert report.found is Found.FOREIGN
    with closing(sqlite3.connect(tmp_path / report.quarantined_to)) as other:
        assert other.execute("SELECT x FROM theirs").fetchone() == (42,)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: os.mkfifo(path), lambda path: path.symlink_to("/nowhere/x")])
def test_something_that_is_no_file_is_put_aside(tmp_path: Path, make: object) -> None:
    make(tmp_path / files.NAME)  # type: ignore[operator] - a function of a path
    assert reopen(tmp_path)[0].found is Found.FOREIGN


def test_the_newest_backup_takes_the_place_of_a_corrupt_file(tmp_path: Path) -> None:
    fill(tmp_path)

    async def back_up() -> None:
        store = opened(tmp_path)
        await store.back_up()
        await store.commit(Change(incidents=[incident("later", 1, NOW)]))
        await store.aclose()

    asyncio.run(back_up())
    (tmp_path / files.NAME).write_bytes(b"garbage" * 1000)
    report, loaded = reopen(tmp_path)
    assert report.restored_from == "tocsin.db.backup"
    assert len(loaded.incidents) == 8
    assert report.rebuilt


def test_a_bad_backup_is_passed_over_for_the_older_one(tmp_path: Path) -> None:
    fill(tmp_path)

    async def back_up_twice() -> None:
        store = opened(tmp_path)
        await store.back_up()
        await store.commit(Change(incidents=[incident("later", 1, NOW)]))
        await store.back_up()
        await store.aclose()

    asyncio.run(back_up_twice())
    newest = tmp_path / files.BACKUPS[0]
    newest.write_bytes(newest.read_bytes().replace(b'"reason":"fired"', b'"reason":"FIRED"'))
    (tmp_path / files.NAME).write_bytes(b"garbage" * 1000)
    report, loaded = reopen(tmp_path)
    assert report.restored_from == files.BACKUPS[1]
    only_what_was_stored(loaded)


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    fill(tmp_path)
    with closing(sqlite3.connect(tmp_path / files.NAME, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        migrate._stamp(connection, migrate.VERSION + 1)
        connection.execute("COMMIT")
    before = (tmp_path / files.NAME).read_bytes()
    with pytest.raises(StateRefused, match="newer tocsin"):
        opened(tmp_path)
    assert (tmp_path / files.NAME).read_bytes() == before
    with pytest.raises(StateRefused):  # and the lock was let go
        opened(tmp_path)


def test_a_damaged_version_number_is_not_taken_for_a_newer_schema(tmp_path: Path) -> None:
    fill(tmp_path)
    with closing(sqlite3.connect(tmp_path / files.NAME)) as connection:
        connection.execute("PRAGMA user_version = 65537")
    assert reopen(tmp_path)[0].found is Found.CORRUPT


def test_a_migration_backs_up_first_and_is_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    for module in (migrate, files):
        monkeypatch.setattr(module, "VERSION", VERSION + 2)

    def add(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE alert_states ADD COLUMN colour TEXT")

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE episodes")
        raise RuntimeError("half way")

    monkeypatch.setattr(
        files, "migrate", lambda c, v: migrate.migrate(c, v, {VERSION: add, VERSION + 1: fail}, VERSION + 2)
    )
    with pytest.raises(RuntimeError):
        opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / files.NAME)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("SELECT count(*) FROM episodes").fetchone() == (12,)
        assert "colour" not in str(connection.execute("SELECT sql FROM sqlite_schema").fetchall())

    monkeypatch.setattr(
        files, "migrate", lambda c, v: migrate.migrate(c, v, {VERSION: add, VERSION + 1: lambda c: None}, VERSION + 2)
    )
    report, loaded = reopen(tmp_path)
    assert (report.found, report.migrated_from) == (Found.GOOD, VERSION)
    only_what_was_stored(loaded)
    with closing(sqlite3.connect(tmp_path / f"tocsin.db.before-v{VERSION + 2}")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_store_of_the_first_version_gets_its_days(tmp_path: Path) -> None:
    fill(tmp_path)
    with closing(sqlite3.connect(tmp_path / files.NAME, isolation_level=None)) as connection:
        connection.execute("DROP TABLE days")
        migrate._stamp(connection, 1)
    report, loaded = reopen(tmp_path)
    assert (report.found, report.migrated_from) == (Found.GOOD, 1)
    only_what_was_stored(loaded)
    shape = "SELECT type, name, tbl_name FROM sqlite_schema WHERE tbl_name = 'days'"
    with closing(sqlite3.connect(tmp_path / files.NAME)) as old:
        migrated = old.execute(shape).fetchall(), old.execute("PRAGMA table_info(days)").fetchall()
    (tmp_path / "new").mkdir()
    reopen(tmp_path / "new")
    with closing(sqlite3.connect(tmp_path / "new" / files.NAME)) as new:
        assert migrated == (new.execute(shape).fetchall(), new.execute("PRAGMA table_info(days)").fetchall())


def test_a_file_found_damaged_in_use_is_not_trusted_again(tmp_path: Path) -> None:
    fill(tmp_path)

    async def use() -> None:
        store = opened(tmp_path)

        def damaged(connection: sqlite3.Connection) -> None:
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT_INDEX
            raise error

        with pytest.raises(StoreCorrupt, match="restart"):
            await store.transact(damaged)
        await store.aclose()

    asyncio.run(use())
    assert reopen(tmp_path)[0].found is Found.CORRUPT
    assert reopen(tmp_path)[0].found is Found.GOOD


def test_five_quarantined_files_are_kept(tmp_path: Path) -> None:
    for n in range(8):
        (tmp_path / files.NAME).write_bytes(b"garbage %d" % n * 1000)
        reopen(tmp_path)
    kept = sorted(path.name for path in tmp_path.glob("tocsin.db.corrupt-*"))
    assert kept == [f"tocsin.db.corrupt-{n}" for n in range(4, 9)]


def test_a_bad_outbox_row_is_named_so_that_it_can_be_made_again(tmp_path: Path) -> None:
    fill(tmp_path)
    one, row = faults()[1]
    damage(
        tmp_path, "UPDATE outbox SET body = CAST(replace(body, 'key-1', 'KEY-1') AS BLOB) WHERE incident = ?", one.id
    )
    _, loaded = reopen(tmp_path)
    assert [(bad.table, bad.key) for bad in loaded.quarantined] == [("outbox", f"{one.id} fake")]
    assert one in loaded.incidents
    assert row.key not in {kept.key for kept in loaded.outbox}
    assert reopen(tmp_path)[1].quarantined == ()


@pytest.mark.parametrize(("number", "kept"), [(1, False), (3, True)])
def test_a_bad_incident_keeps_only_the_resolve_it_still_owes(tmp_path: Path, number: int, kept: bool) -> None:
    fill(tmp_path)
    one, row = faults()[number]
    damage(tmp_path, "UPDATE incidents SET body = CAST(replace(body, 'fired', 'FIRED') AS BLOB) WHERE id = ?", one.id)
    _, loaded = reopen(tmp_path)
    assert [(bad.table, bad.key) for bad in loaded.quarantined] == [("incidents", one.id)]
    assert (row in loaded.outbox) is kept
    assert loaded.episodes[one.key] == 1


def damage(directory: Path, sql: str, value: str) -> None:
    with closing(sqlite3.connect(directory / files.NAME)) as connection:
        assert connection.execute(sql, (value,)).rowcount == 1
        connection.commit()


@pytest.mark.parametrize("pair", [(("a", "bc"), ("ab", "c")), (("1",), (1,)), ((b"1",), ("1",)), ((None,), ("",))])
def test_different_rows_have_different_checksums(pair: tuple[tuple[codec.Column, ...], ...]) -> None:
    assert codec.checksum(*pair[0]) != codec.checksum(*pair[1])


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes where it likes")
def test_a_directory_that_cannot_be_written_is_refused_with_the_mend(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StateRefused, match="mode 0700"):
            opened(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_place_of_the_directory_is_refused_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(StateRefused, match="mode 0700"):
        opened(tmp_path / "state")


def test_values_survive_the_way_through_json() -> None:
    one, row = faults()[0]
    assert codec.decode_row(codec.encode(row)) == row
    assert (
        codec.decode_incident(codec.encode(msgspec.structs.replace(one, body="ü\n\U0001f525"))).body == "ü\n\U0001f525"
    )
