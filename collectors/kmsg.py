"""What the kernel reports of faults, counted by kind from /dev/kmsg (kernel Documentation/ABI/testing/dev-kmsg).

Counted from the start of the agent on; node_vmstat_oom_kill goes back to the boot. Reading needs CAP_SYSLOG and the
device: see the drop-in ``kernel-log.conf``. What user space writes into the log is not counted.
"""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE, OneLabel
from collectors._model import CollectorError, Notice, Sample, counter, gauge

METRICS = (
    counter("node_kmsg_events_total", "Reports of the kernel of this kind.", "kind"),
    gauge("node_kmsg_last_event_seconds", "When the last of this kind came, in seconds since the epoch.", "kind"),
    counter("node_kmsg_oom_kills_total", "Processes killed for want of memory, by the name of the process.", "comm"),
    counter("node_kmsg_lost_total", "Times the kernel had overwritten reports before they were read."),
)
KINDS = {
    "oom_kill": r"Kill(?:ed)? process \d+ \(",
    "hung_task": r"task .{1,40}:\d+ blocked (?:on|for more)",
    "lockup": r"(?:soft|hard) (?:lockup|LOCKUP)|rcu\S* (?:self-)?detected (?:expedited )?stall",
    "io_error": r"I/O error, dev |Buffer I/O error|critical (?:medium|target|space allocation) error",
    "filesystem_error": r"EXT[234]-fs error|EXT4-fs \(.{1,40}\): (?:Remounting|failed)|XFS \(.{1,40}\): .*"
    r"(?:[Cc]orrupt|Internal error|error \d+|Shutdown|shut down)|BTRFS (?:error|critical)",
    "segfault": r"segfault at |general protection|traps: .{1,60} trap ",
    "kernel_bug": r"kernel BUG at|BUG: (?!soft|hard)|Oops: ",
    "hardware_error": r"\[Hardware Error\]|Machine [Cc]heck",
    "thermal": r"temperature above threshold",
    "transmit_timeout": r"NETDEV WATCHDOG",
}
"""What a report of each kind says. The first kind that fits is the one."""
RECORDS_LIMIT = 2000
"""Reports read in one cycle; the others wait in the kernel."""
_RECORD_LIMIT = 8192
_TEXT_LIMIT = 1000
_COMMS_LIMIT = 50
_DEVICE = "dev/kmsg"
_COMM = re.compile(r"Kill(?:ed)? process \d+ \((.{1,64}?)\)")
_ANY = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in KINDS.items()))


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Event(NamedTuple):
    """A report that counts: its kind, and of a kill the name of the process."""

    kind: str
    comm: str = ""


def parse(record: bytes) -> Event | None:
    """What one record reports, if it is of the kernel and of a kind that counts."""
    head, semicolon, text = record.partition(b";")
    priority = head.partition(b",")[0]
    if not semicolon or not priority.isdigit() or len(priority) > 6 or int(priority) >> 3:  # a facility: user space
        return None
    line = text.partition(b"\n")[0][:_TEXT_LIMIT].decode("utf-8", "surrogateescape")
    found = _ANY.search(line)
    if found is None or found.lastgroup is None:
        return None
    comm = _COMM.search(line) if found.lastgroup == "oom_kill" else None
    return Event(found.lastgroup, comm[1] if comm else "")


class Kmsg:
    def __init__(self, host: HostFS) -> None:
        self._root = host.root
        self._clock = host.clock
        self._descriptor: int | None = None
        self._events: Counter[str] = Counter()
        self._last: dict[str, float] = {}
        self._comms: Counter[str] = Counter()
        self._lost = 0
        self._kind = OneLabel("kind")
        self._comm = OneLabel("comm")

    def collect(self) -> Iterator[Sample | Notice]:
        if self._descriptor is None and not self._open():
            yield Notice(
                "/dev/kmsg is not there (the service needs the drop-in kernel-log.conf; a container, the device)"
            )
            return
        self._read()
        for kind in KINDS:
            yield Sample("node_kmsg_events_total", self._kind[kind], float(self._events[kind]))
        for kind, at in self._last.items():
            yield Sample("node_kmsg_last_event_seconds", self._kind[kind], at)
        for comm, count in self._comms.items():
            yield Sample("node_kmsg_oom_kills_total", self._comm[comm], float(count))
        yield Sample("node_kmsg_lost_total", NONE, float(self._lost))

    async def aclose(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> bool:
        """At the end: what was reported before is not news."""
        try:
            self._descriptor = self._root.open(_DEVICE)
        except CollectorError as error:
            raise CollectorError(f"{error} (give the service the drop-in kernel-log.conf, or turn kmsg off)") from error
        if self._descriptor is not None:
            os.lseek(self._descriptor, 0, os.SEEK_END)
        return self._descriptor is not None

    def _read(self) -> None:
        for _ in range(RECORDS_LIMIT):
            record = self._next()
            if not record:
                return
            event = parse(record)
            if event is not None:
                self._count(event)

    def _next(self) -> bytes:
        """One record, empty when there is none now."""
        descriptor = self._descriptor
        if descriptor is None:
            return b""
        while True:
            try:
                return os.read(descriptor, _RECORD_LIMIT)
            except OSError as error:
                if error.errno == errno.EPIPE:  # overwritten: the next read begins at the oldest there is
                    self._lost += 1
                elif error.errno == errno.EAGAIN:
                    return b""
                elif error.errno == errno.EINVAL:  # longer than any record the kernel documents
                    raise CollectorError("/dev/kmsg holds a record that cannot be read") from error
                else:
                    raise CollectorError(f"cannot read /dev/kmsg: {error.strerror}") from error

    def _count(self, event: Event) -> None:
        self._events[event.kind] += 1
        self._last[event.kind] = self._clock()
        if event.comm:
            known = event.comm in self._comms or len(self._comms) < _COMMS_LIMIT
            self._comms[event.comm if known else "(others)"] += 1


def build(options: Options, host: HostFS) -> Kmsg:
    return Kmsg(host)
