"""Entries of the neighbour table by interface from /proc/net/arp (proc(5))."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import CollectorError, Notice, Sample, gauge

METRICS = (gauge("node_arp_entries", "IPv4 neighbours of an interface.", "device"),)
_DEVICE = 5
_COLUMNS = 6


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which interfaces are told."""

    device_include: Annotated[str, Meta(description="RE2 searched for in interface names; empty takes all")] = ""
    device_exclude: Annotated[str, Meta(description="RE2 of interface names to leave out")] = ""


class Arp:
    def __init__(self, host: HostFS, keep: NameFilter) -> None:
        self._proc = host.proc
        self._keep = keep
        self._device = OneLabel("device")

    def collect(self) -> Iterator[Sample | Notice]:
        for device, entries in parse(self._proc.read("net/arp")).items():
            if self._keep.keeps(device):
                yield Sample("node_arp_entries", self._device[device], float(entries))
        yield from self._keep.all_left_out("interface with neighbours")


def parse(text: str) -> Counter[str]:
    """How many lines there are for each interface, after the line of titles."""
    found: Counter[str] = Counter()
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) != _COLUMNS:
            raise CollectorError(f"/proc/net/arp: a line has not {_COLUMNS} columns: {line!r:.80}")
        found[fields[_DEVICE]] += 1
    return found


def build(options: Options, host: HostFS) -> Arp:
    if options.device_include and options.device_exclude:
        raise ValueError("device_include and device_exclude cannot both be given; one says it all")
    return Arp(host, NameFilter.of("device", include=options.device_include, exclude=options.device_exclude))
