"""Bytes that wait in UDP sockets, from /proc/net/udp and /proc/net/udp6 (proc(5)).

A receive queue that does not go down belongs to a program that does not keep up.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import CollectorError, Sample, gauge, labels
from collectors._numbers import counts

METRICS = (gauge("node_udp_queues", "Bytes in the queues of UDP sockets.", "queue", "ip"),)
_FILES = tuple(
    (f"net/{file}", labels(ip=ip, queue="tx"), labels(ip=ip, queue="rx"))
    for file, ip in (("udp", "v4"), ("udp6", "v6"))
)
_EMPTY = " 00000000:00000000 "
_QUEUES = 4


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class UdpQueues:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        for path, sent, received in _FILES:
            text = self._proc.find(path)
            if text is not None:
                tx, rx = parse(text)
                yield Sample("node_udp_queues", sent, float(tx))
                yield Sample("node_udp_queues", received, float(rx))


def parse(text: str) -> tuple[int, int]:
    """Bytes to send and bytes to read of all sockets, after the line of titles. Most sockets have neither."""
    tx = rx = 0
    for line in text.splitlines()[1:]:
        if _EMPTY in line:
            continue
        try:
            sending, reading = counts(line.split(None, _QUEUES + 1)[_QUEUES].split(":"), "/proc/net/udp", 16)
        except (IndexError, ValueError):
            raise CollectorError(f"/proc/net/udp: a line has no tx_queue:rx_queue: {line!r:.80}") from None
        tx += sending
        rx += reading
    return tx, rx


def build(options: Options, host: HostFS) -> UdpQueues:
    return UdpQueues(host)
