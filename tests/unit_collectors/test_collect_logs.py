"""The kernel's log and the journal: what counts, what is lost, what cannot be read, and journald's own files."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from golden_host import GoldenHost, gather, notices, plant, table
from golden_services import Writer

from collectors import _journal, journal, kmsg
from collectors.api import CollectorError, HostFS
from collectors.kmsg import Event

LINES = {
    "Out of memory: Killed process 4711 (java) total-vm:1kB, anon-rss:2kB": Event("oom_kill", "java"),
    "Memory cgroup out of memory: Killed process 12 (my (odd) name) total-vm": Event("oom_kill", "my (odd"),
    "INFO: task kworker/u8:1:77 blocked for more than 120 seconds.": Event("hung_task"),
    "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [x:1]": Event("lockup"),
    "rcu: INFO: rcu_sched self-detected stall on CPU": Event("lockup"),
    "I/O error, dev sda, sector 2048 op 0x0:(READ)": Event("io_error"),
    "blk_update_request: I/O error, dev nvme0n1, sector 0": Event("io_error"),
    "Buffer I/O error on dev dm-0, logical block 1, async page read": Event("io_error"),
    "EXT4-fs error (device sda1): ext4_lookup:1855: inode #2: comm ls: deleted inode": Event("filesystem_error"),
    "EXT4-fs (sda1): Remounting filesystem read-only": Event("filesystem_error"),
    "EXT4-fs (loop1): mounted filesystem 2e r/w with ordered data mode. Quota mode: none.": None,
    "XFS (sdb1): Internal error xfs_trans_cancel at line 954": Event("filesystem_error"),
    "XFS (sdb1): Mounting V5 Filesystem": None,
    "XFS (sdb1): Metadata corruption detected at xfs_agf_read_verify": Event("filesystem_error"),
    "BTRFS error (device sdc): parent transid verify failed": Event("filesystem_error"),
    "nginx[99]: segfault at 0 ip 00 sp 00 error 4 in libc.so": Event("segfault"),
    "kernel BUG at mm/slub.c:4000!": Event("kernel_bug"),
    "BUG: unable to handle page fault for address: 00": Event("kernel_bug"),
    "mce: [Hardware Error]: Machine check events logged": Event("hardware_error"),
    "CPU0: Core temperature above threshold, cpu clock throttled": Event("thermal"),
    "NETDEV WATCHDOG: eth0 (e1000): transmit queue 0 timed out": Event("transmit_timeout"),
    "usb 1-1: new high-speed USB device": None,
}


@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_what_the_kernel_says_is_of_a_kind(line: str, expected: Event | None) -> None:
    assert kmsg.parse(f"4,1234,567890,-;{line}\n SUBSYSTEM=block\n".encode()) == expected


@pytest.mark.parametrize(
    "record", [b"", b";", b"x;segfault at ", b"12,1,2,-;segfault at 0", b"9" * 40 + b",;segfault at "]
)
def test_what_is_no_report_of_the_kernel_does_not_count(record: bytes) -> None:
    assert kmsg.parse(record) is None


class Device:
    """/dev/kmsg: one record at each read, and errors where a test wants them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records: list[bytes | int] = []
        monkeypatch.setattr(kmsg.os, "read", self.read)

    def read(self, descriptor: int, size: int) -> bytes:
        record = self.records.pop(0) if self.records else errno.EAGAIN
        if isinstance(record, int):
            raise OSError(record, os.strerror(record))
        return record


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    return Device(monkeypatch)


def oom(name: str) -> bytes:
    return f"3,1,1,-;Out of memory: Killed process 1 ({name}) x\n".encode()


async def test_reports_add_up_and_the_victim_is_named(tmp_path: Path, device: Device) -> None:
    host = plant(tmp_path, {"dev/kmsg": ""})
    collector = kmsg.build(kmsg.Options(), host)
    first = table(gather(collector))
    assert {first[f'node_kmsg_events_total{{kind="{kind}"}}'] for kind in kmsg.KINDS} == {0.0}
    assert len(first) == len(kmsg.KINDS) + 1
    device.records = [oom("java"), b"6,2,2,-;usb 1\n", errno.EPIPE, oom("java"), oom("db"), b"30,1,1,-;segfault at 0\n"]
    seen = table(gather(collector))
    assert seen['node_kmsg_events_total{kind="oom_kill"}'] == 3
    assert seen['node_kmsg_last_event_seconds{kind="oom_kill"}'] == 1_500_000_000.25
    assert seen['node_kmsg_oom_kills_total{comm="java"}'] == 2
    assert seen["node_kmsg_lost_total"] == 1
    assert seen['node_kmsg_events_total{kind="segfault"}'] == 0
    device.records = [oom(f"p{number}") for number in range(kmsg.RECORDS_LIMIT + 5)]
    seen = table(gather(collector))
    assert seen['node_kmsg_events_total{kind="oom_kill"}'] == 3 + kmsg.RECORDS_LIMIT
    assert seen['node_kmsg_oom_kills_total{comm="(others)"}'] == kmsg.RECORDS_LIMIT - 48
    assert len(device.records) == 5, "the rest waits for the next cycle"
    device.records = [errno.EIO]
    with pytest.raises(CollectorError, match="cannot read /dev/kmsg: Input/output error"):
        gather(collector)
    await collector.aclose()


def test_a_device_that_is_not_there_or_refuses_is_said_with_the_mend(tmp_path: Path) -> None:
    host = plant(tmp_path, {})
    collector = kmsg.build(kmsg.Options(), host)
    assert "is not there (the service needs the drop-in kernel-log.conf" in notices(gather(collector))[0]

    def refuse(path: str) -> int:
        raise CollectorError("cannot read /dev/kmsg: Operation not permitted")

    host.root = type("Tree", (), {"open": staticmethod(refuse)})()
    collector._root = host.root
    with pytest.raises(CollectorError, match=r"not permitted \(give the service the drop-in kernel-log.conf, or turn"):
        gather(collector)


def test_the_real_device_gives_what_the_kernel_says_from_now_on() -> None:
    if not os.access("/dev/kmsg", os.R_OK | os.W_OK):
        pytest.skip("needs a /dev/kmsg that may be read and written")
    collector = kmsg.build(kmsg.Options(), HostFS())
    gather(collector)
    Path("/dev/kmsg").write_text("<3>tocsin test: nginx[9]: segfault at 0\n")
    seen = table(gather(collector))
    assert seen['node_kmsg_events_total{kind="segfault"}'] == 0, "user space must not be believed"
    assert collector._descriptor is not None
    os.close(collector._descriptor)


PLACE = f"var/log/journal/{'0a' * 16}/system.journal"


def started(tmp_path: Path, host: GoldenHost, **options: str) -> journal.Journal:
    return journal.build(journal.Options(**options), host)


@pytest.mark.parametrize("compact", [False, True])
async def test_entries_are_counted_from_now_on_by_priority_and_unit(tmp_path: Path, compact: bool) -> None:
    writer = Writer(tmp_path / PLACE, compact=compact)
    writer.entry("PRIORITY=3", "_SYSTEMD_UNIT=old.service", "MESSAGE=before")
    collector = started(tmp_path, plant(tmp_path, {}))
    first = table(gather(collector))
    assert sum(first.values()) == 0
    assert len(first) == 8
    writer.entry("PRIORITY=3", "_SYSTEMD_UNIT=old.service", "MESSAGE=after")
    writer.entry("PRIORITY=6", "_SYSTEMD_UNIT=old.service", "MESSAGE=fine")
    writer.entry("MESSAGE=" + "x" * 300_000, "_SYSTEMD_UNIT=web.service", "PRIORITY=2")
    writer.entry("PRIORITY=3", "_SYSTEMD_UNIT=init.scope", "UNIT=db.service", "MESSAGE=Failed with result")
    writer.entry("PRIORITY=3", "_SYSTEMD_UNIT=session-17.scope")
    writer.entry("PRIORITY=3", "MESSAGE=EXT4-fs error", "_TRANSPORT=kernel")
    writer.entry("PRIORITY=x", "MESSAGE=what?")
    expected = {
        'node_journal_entries_total{priority="err"}': 4,
        'node_journal_entries_total{priority="crit"}': 1,
        'node_journal_entries_total{priority="info"}': 1,
        'node_journal_messages_total{priority="err",unit="old.service"}': 1,
        'node_journal_messages_total{priority="crit",unit="web.service"}': 1,
        'node_journal_messages_total{priority="err",unit="db.service"}': 1,
        'node_journal_messages_total{priority="err",unit="session.scope"}': 1,
        'node_journal_messages_total{priority="err"}': 1,
    }
    assert {key: value for key, value in table(gather(collector)).items() if value} == expected
    assert {key: value for key, value in table(gather(collector)).items() if value} == expected
    (tmp_path / PLACE).rename(tmp_path / PLACE.replace("system.", "system@1."))
    Writer(tmp_path / PLACE, compact=compact).entry("PRIORITY=4", "MESSAGE=the next file")
    seen = table(gather(collector))
    assert seen['node_journal_entries_total{priority="warning"}'] == 1
    assert seen['node_journal_entries_total{priority="err"}'] == 4
    await collector.aclose()


async def test_a_file_that_journald_has_only_just_begun_waits_and_is_read_from_its_beginning(tmp_path: Path) -> None:
    writer = Writer(tmp_path / PLACE)
    writer.entry("PRIORITY=6")
    collector = started(tmp_path, plant(tmp_path, {}))
    gather(collector)
    (tmp_path / PLACE).rename(tmp_path / PLACE.replace("system.", "system@1."))
    (tmp_path / PLACE).write_bytes(bytes(4096))
    gather(collector)
    assert table(gather(collector)) == {}
    fresh = Writer(tmp_path / PLACE)
    fresh.entry("PRIORITY=3")
    assert table(gather(collector))['node_journal_entries_total{priority="err"}'] == 1
    await collector.aclose()


async def test_a_journal_that_moves_from_run_to_var_is_not_counted_twice(tmp_path: Path) -> None:
    early = PLACE.replace("var/", "run/")
    Writer(tmp_path / early).entry("PRIORITY=6")
    collector = started(tmp_path, plant(tmp_path, {}))
    gather(collector)
    (tmp_path / early).unlink()
    copied = Writer(tmp_path / PLACE)
    copied.entry("PRIORITY=6")
    assert not any(table(gather(collector)).values())
    copied.entry("PRIORITY=3")
    assert table(gather(collector))['node_journal_entries_total{priority="err"}'] == 1
    await collector.aclose()


async def test_an_entry_that_is_being_written_waits(tmp_path: Path) -> None:
    writer = Writer(tmp_path / PLACE)
    writer.entry("PRIORITY=6")
    collector = started(tmp_path, plant(tmp_path, {}), priority="warning")
    gather(collector)
    writer.entry("PRIORITY=4", "MESSAGE=1", number=99)
    writer.number = 1
    writer.write()
    assert not any(table(gather(collector)).values())
    writer.number = 99
    writer.write()
    assert table(gather(collector))['node_journal_messages_total{priority="warning"}'] == 1
    await collector.aclose()


async def test_begun_in_the_middle_of_an_entry(tmp_path: Path) -> None:
    """Its data are there, of a size that is no multiple of eight, and it is not."""
    writer = Writer(tmp_path / PLACE)
    writer.entry("PRIORITY=6")
    writer.places[b"PRIORITY=3"] = writer.add(1, b"\0" * 48 + b"PRIORITY=3")
    writer.write()
    collector = started(tmp_path, plant(tmp_path, {}))
    gather(collector)
    writer.entry("PRIORITY=3")
    assert table(gather(collector))['node_journal_entries_total{priority="err"}'] == 1
    await collector.aclose()


async def test_many_entries_are_read_over_several_cycles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_journal, "PIECE", 500)
    monkeypatch.setattr(_journal, "REMEMBERED", 3)
    writer = Writer(tmp_path / PLACE)
    writer.entry("PRIORITY=5", "_SYSTEMD_UNIT=a.service")
    collector = started(tmp_path, plant(tmp_path, {}), priority="debug")
    gather(collector)
    for number in range(60):
        writer.entry(f"PRIORITY={number % 8}", f"_SYSTEMD_UNIT={number % 3}.service", f"MESSAGE={number}" + "y" * 90)
    totals = [sum(value for name, value in table(gather(collector)).items() if "messages" in name) for _ in range(30)]
    assert totals == sorted(totals)
    assert 0 < totals[0] < 60
    assert totals[-1] == 60
    await collector.aclose()


def test_any_damaged_journal_is_an_error_or_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_journal, "PIECE", 2000)
    dice = Random(7)
    writer = Writer(tmp_path / PLACE)
    for number in range(20):
        writer.entry(f"PRIORITY={number % 8}", f"_SYSTEMD_UNIT={number}.service", "MESSAGE=x")
    whole = (tmp_path / PLACE).read_bytes()
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(3):
            data[dice.randrange(len(data))] = dice.randrange(256)
        (tmp_path / "damaged").write_bytes(data[: dice.randrange(len(data))])
        descriptor = os.open(tmp_path / "damaged", os.O_RDONLY)
        try:
            for _ in range(3):
                list(_journal.JournalFile(descriptor, ("PRIORITY",), from_end=False).entries())
        except CollectorError:
            refused += 1
        finally:
            os.close(descriptor)
    assert 0 < refused < 300


@pytest.mark.parametrize("place", [136, 160, 88])
def test_a_journal_that_claims_places_beyond_any_file(tmp_path: Path, place: int) -> None:
    writer = Writer(tmp_path / PLACE)
    writer.entry("PRIORITY=3")
    struct.pack_into("<Q", writer.data, place, 2**64 - 8)
    writer.path.write_bytes(writer.data)
    for from_end in (True, False):
        file = _journal.JournalFile(os.open(writer.path, os.O_RDONLY), ("PRIORITY",), from_end=from_end)
        assert len(list(file.entries())) <= 1
        file.close()


def test_an_entry_that_refers_beyond_any_file(tmp_path: Path) -> None:
    writer = Writer(tmp_path / PLACE)
    writer.entry("PRIORITY=3")
    file = _journal.JournalFile(os.open(writer.path, os.O_RDONLY), ("PRIORITY",), from_end=True)
    writer.number += 1
    writer.add(3, struct.pack("<Q", 2) + b"\0" * 40 + struct.pack("<QQ", 2**64 - 8, 0) + struct.pack("<QQ", 1, 0))
    writer.write()
    assert list(file.entries()) == [{}]
    file.close()


def test_no_journal_a_closed_one_and_one_of_the_future_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = plant(tmp_path, {})
    assert notices(gather(started(tmp_path, host))) == [
        "there is no journal of the system below /var/log/journal or /run/log/journal"
    ]
    writer = Writer(tmp_path / PLACE)
    writer.entry("PRIORITY=1")
    writer.data[12] = 0xFF
    (tmp_path / PLACE).write_bytes(writer.data)
    with pytest.raises(CollectorError, match=r"system\.journal: the journal is of a newer format \(flags 0xff\)"):
        gather(started(tmp_path, host))
    monkeypatch.setattr(
        os, "open", lambda *_: (_ for _ in ()).throw(PermissionError(errno.EACCES, "Permission denied"))
    )
    with pytest.raises(CollectorError, match="put the agent's user into the group systemd-journal"):
        gather(started(tmp_path, host))
    with pytest.raises(ValueError, match="priority: 'error' is none of emerg, alert, crit, err, warning"):
        started(tmp_path, host, priority="error")


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[int]:
    """The pid of a real journald that sees a /run and a /var/log of its own."""
    program = "/lib/systemd/systemd-journald"
    if os.geteuid() or not os.access(program, os.X_OK) or not Path("/etc/machine-id").exists():
        pytest.skip("needs root and systemd-journald")
    script = (
        "mount -t tmpfs none /run && mount -t tmpfs none /var/log && mkdir -p /run/systemd/journal /run/log/journal"
        f" && exec {program}"
    )
    process = subprocess.Popen(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", script],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], bool]) -> None:
    """A minute at most: journald first takes up all that the kernel has ever said, whatever else runs here."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def test_a_real_journal_also_after_rotation(journald: int) -> None:
    host = HostFS(root=f"/proc/{journald}/root")
    until(lambda: host.root.info("run/systemd/journal/socket") is not None)
    until(lambda: any(host.root.piece(f"{folder}/system.journal", 0, 8) == b"LPKSHHRH" for folder in _folders(host)))
    collector = journal.build(journal.Options(priority="warning"), host)
    gather(collector)

    def say(priority: int, text: str) -> None:
        import socket

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(f"PRIORITY={priority}\nMESSAGE={text}\n".encode(), host.root.root + "run/systemd/journal/socket")

    def count(priority: str) -> float:
        return table(gather(collector))[f'node_journal_entries_total{{priority="{priority}"}}']

    # "alert": journald takes up what the kernel says meanwhile, and that is hardly ever as grave.
    before = count("alert")
    for number in range(50):
        say(1, f"wrong {number}")
    until(lambda: count("alert") >= before + 50)
    os.kill(journald, 12)  # SIGUSR2: begin a new file
    until(lambda: len(host.root.list(next(iter(_folders(host)))) or ()) > 1)
    say(1, "after")
    until(lambda: count("alert") >= before + 51)
    await collector.aclose()


def _folders(host: HostFS) -> list[str]:
    return [f"run/log/journal/{name}" for name in host.root.list("run/log/journal") or ()]
