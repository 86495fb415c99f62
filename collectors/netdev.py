"""Network interface counters from /proc/net/dev (proc(5)): 64-bit, one line for each interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import OneLabel, missing
from collectors._model import CollectorError, Notice, Sample, counter

_RECEIVE = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
_TRANSMIT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")
_NAMES = (
    *(f"node_network_receive_{field}_total" for field in _RECEIVE),
    *(f"node_network_transmit_{field}_total" for field in _TRANSMIT),
)
METRICS = tuple(
    counter(name, f"Network device statistic {name.removeprefix('node_network_').removesuffix('_total')}.", "device")
    for name in _NAMES
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which interfaces are told: give an include or an exclude, not both."""

    device_exclude: Annotated[
        str,
        Meta(
            description="RE2 searched for in interface names; those that match are left out. Empty: none is",
            examples=["^(veth|docker)"],
        ),
    ] = ""
    device_include: Annotated[
        str,
        Meta(
            description="RE2 searched for in interface names; only those that match are told. Empty: all",
            examples=["^(eth|ens|enp)"],
        ),
    ] = ""
    expect: Annotated[
        tuple[str, ...],
        Meta(description="Interfaces that ought to be there; a missing one is a warning", examples=[["eth0"]]),
    ] = ()


def parse(text: str) -> Iterator[tuple[str, list[float]]]:
    """(interface, sixteen counters: eight received, eight transmitted)."""
    for line in text.splitlines()[2:]:
        device, colon, rest = line.rpartition(":")  # an alias has a colon in its name: eth0:1
        try:
            numbers = [float(int(field)) for field in rest.split()]
        except (ValueError, OverflowError) as error:
            raise CollectorError(f"/proc/net/dev: a counter of {device.strip()!r:.40} is not a number") from error
        if not colon or len(numbers) != len(_NAMES):
            raise CollectorError(f"/proc/net/dev: a line is not `name: {len(_NAMES)} numbers`: {line!r:.80}")
        yield device.strip(), numbers


class Netdev:
    def __init__(self, host: HostFS, keep: NameFilter, expect: tuple[str, ...]) -> None:
        self._proc = host.proc
        self._keep = keep
        self._expect = expect
        self._device = OneLabel("device")

    def collect(self) -> Iterator[Sample | Notice]:
        seen = set()
        for device, numbers in parse(self._proc.read("net/dev")):
            if not self._keep.keeps(device):
                continue
            seen.add(device)
            pairs = self._device[device]
            for name, number in zip(_NAMES, numbers, strict=True):
                yield Sample(name, pairs, number)
        yield from self._keep.all_left_out("network device")
        yield from missing("network device", self._expect, seen)


def build(options: Options, host: HostFS) -> Netdev:
    if options.device_include and options.device_exclude:
        raise ValueError("device_include and device_exclude cannot both be given; keep one")
    keep = NameFilter.of("device", include=options.device_include, exclude=options.device_exclude)
    return Netdev(host, keep, options.expect)
