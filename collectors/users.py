"""People who are logged in, from /run/utmp (utmp(5)), or where a system has none any more from logind's sessions."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._logind import Session, sessions
from collectors._model import CollectorError, Sample, gauge

METRICS = (
    gauge("node_users_sessions", "Login sessions of people."),
    gauge("node_users_logged_in", "People who are logged in, each counted once."),
)
UTMP = "run/utmp"
RECORD = struct.Struct("=hxxi36x32s308x")
"""struct utmp of glibc on Linux: type, pid, line and id (not read), user, and the rest (not read)."""
_USER_PROCESS = 7
_LIMIT = 4 << 20


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


def parse(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Pid and user of each record of a session. A part of a record at the end was being written: left out."""
    whole = len(data) - len(data) % RECORD.size
    for kind, pid, user in RECORD.iter_unpack(data[:whole]):
        if kind == _USER_PROCESS and pid > 0 and user[:1] != b"\0":
            yield pid, user.partition(b"\0")[0]


class Users:
    def __init__(self, host: HostFS) -> None:
        self._host = host

    def collect(self) -> Iterator[Sample]:
        root, proc = self._host.root, self._host.proc
        data = root.piece(UTMP, 0, _LIMIT + 1)
        people: list[bytes]
        if data is None:
            people = [each.user.encode("utf-8", "surrogateescape") for each in sessions(root) if _is_person(each)]
        elif len(data) > _LIMIT:
            raise CollectorError(f"/{UTMP} is larger than {_LIMIT} bytes; not read")
        else:  # a session that was killed leaves its record behind; where /proc hides the others' processes, all count
            hidden = proc.info("1") is None
            people = [user for pid, user in parse(data) if hidden or proc.info(str(pid)) is not None]
        yield Sample("node_users_sessions", NONE, float(len(people)))
        yield Sample("node_users_logged_in", NONE, float(len(set(people))))


def _is_person(session: Session) -> bool:
    return session.kind.startswith("user") and not session.closing


def build(options: Options, host: HostFS) -> Users:
    return Users(host)
