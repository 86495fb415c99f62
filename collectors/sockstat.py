"""Sockets in use from /proc/net/sockstat and /proc/net/sockstat6 (proc(5)); pages of memory also in bytes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, gauge
from collectors._numbers import counts

_USUAL = {
    "sockets": "used", "TCP": "inuse orphan tw alloc mem", "UDP": "inuse mem", "UDPLITE": "inuse", "RAW": "inuse",
    "FRAG": "inuse memory", "TCP6": "inuse", "UDP6": "inuse", "UDPLITE6": "inuse", "RAW6": "inuse",
    "FRAG6": "inuse memory",
}  # fmt: skip
METRICS = (
    *(
        gauge(f"node_sockstat_{protocol}_{field}", f"The field {field} of the line {protocol}.")
        for protocol, fields in _USUAL.items()
        for field in fields.split()
    ),
    gauge("node_sockstat_TCP_mem_bytes", "Memory of TCP sockets in bytes."),
    gauge("node_sockstat_UDP_mem_bytes", "Memory of UDP sockets in bytes."),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Sockstat:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc
        self._page = host.page_size

    def collect(self) -> Iterator[Sample]:
        for text in (self._proc.read("net/sockstat"), self._proc.find("net/sockstat6") or ""):
            for protocol, field, value in parse(text):
                yield Sample(f"node_sockstat_{protocol}_{field}", NONE, float(value))
                if field == "mem":
                    yield Sample(f"node_sockstat_{protocol}_mem_bytes", NONE, float(value * self._page))


def parse(text: str) -> Iterator[tuple[str, str, int]]:
    """(protocol, field, value) of lines like ``TCP: inuse 7 orphan 0``."""
    for line in text.splitlines():
        protocol, colon, rest = line.partition(":")
        fields = rest.split()
        if not colon or len(fields) % 2:
            raise CollectorError(f"/proc/net/sockstat: a line is not `NAME: field number ...`: {line!r:.80}")
        values = counts(fields[1::2], f"/proc/net/sockstat: {protocol:.20}")
        for field, value in zip(fields[::2], values, strict=True):
            yield protocol, field, value


def build(options: Options, host: HostFS) -> Sockstat:
    return Sockstat(host)
