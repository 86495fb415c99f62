"""TCP connections by state, and the bytes in their queues, from /proc/net/tcp and /proc/net/tcp6 (proc(5)).

The kernel walks its table of connections for every read, and each is a line of 150 bytes; reading 2,000 of them takes
another 3 ms of CPU. What is above 4 MiB, about 28,000 connections, is refused. The number in use alone is
``node_sockstat_TCP_inuse``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import CollectorError, Sample, gauge
from collectors._numbers import counts

METRICS = (gauge("node_tcp_connection_states", "Connections in a state; bytes for the two queues.", "state"),)
_STATES = {
    "01": "established", "02": "syn_sent", "03": "syn_recv", "04": "fin_wait1", "05": "fin_wait2", "06": "time_wait",
    "07": "close", "08": "close_wait", "09": "last_ack", "0A": "listen", "0B": "closing", "0C": "new_syn_recv",
}  # fmt: skip
_EMPTY = "00000000:00000000"
_QUEUES = 4


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Tcpstat:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc
        self._state = OneLabel("state")

    def collect(self) -> Iterator[Sample]:
        found: Counter[str] = Counter(rx_queued_bytes=0, tx_queued_bytes=0)
        for path in ("net/tcp", "net/tcp6"):
            count(self._proc.find(path) or "", found)
        for state, value in found.items():
            yield Sample("node_tcp_connection_states", self._state[state], float(value))


def count(text: str, into: Counter[str]) -> None:
    """Adds what each line after the titles is: its state, and the bytes in its queues."""
    for line in text.splitlines()[1:]:
        try:
            fields = line.split(None, _QUEUES + 1)
            into[_STATES[fields[3]]] += 1
            if fields[_QUEUES] != _EMPTY:
                tx, rx = counts(fields[_QUEUES].split(":"), "/proc/net/tcp", 16)
                into["tx_queued_bytes"] += tx
                into["rx_queued_bytes"] += rx
        except (IndexError, KeyError, ValueError):
            raise CollectorError(f"/proc/net/tcp: a line has no state and queues: {line!r:.80}") from None


def build(options: Options, host: HostFS) -> Tcpstat:
    return Tcpstat(host)
