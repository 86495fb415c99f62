"""Free blocks of memory by size from /proc/buddyinfo (proc(5)); the label ``size`` is the power of two of pages."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import CollectorError, Labels, Sample, gauge, labels
from collectors._numbers import counts

METRICS = (gauge("node_buddyinfo_blocks", "Free blocks of 2 to the power of size pages.", "node", "zone", "size"),)
_WORDS = 4
_MOST = 64
"""Sizes of blocks that can be; the kernel has about 11."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Buddyinfo:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc
        self._labels: dict[tuple[str, str], list[Labels]] = {}

    def collect(self) -> Iterator[Sample]:
        for node, zone, blocks in parse(self._proc.read("buddyinfo")):
            known = self._labels.get((node, zone))
            if known is None or len(known) != len(blocks):
                known = self._labels[node, zone] = [
                    labels(node=node, size=str(size), zone=zone) for size in range(len(blocks))
                ]
            for pairs, count in zip(known, blocks, strict=True):
                yield Sample("node_buddyinfo_blocks", pairs, float(count))


def parse(text: str) -> Iterator[tuple[str, str, list[int]]]:
    """(node, zone, counts by size) of each line ``Node 0, zone Normal 5 3 1``."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < _WORDS or fields[0] != "Node" or fields[2] != "zone" or len(fields) > _WORDS + _MOST:
            raise CollectorError(f"/proc/buddyinfo: a line is not `Node n, zone name numbers...`: {line!r:.80}")
        yield fields[1].rstrip(","), fields[3], counts(fields[_WORDS:], "/proc/buddyinfo")


def build(options: Options, host: HostFS) -> Buddyinfo:
    return Buddyinfo(host)
