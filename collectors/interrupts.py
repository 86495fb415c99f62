"""Interrupts by CPU and source from /proc/interrupts (proc(5)).

A series for each source and CPU: on a host with 64 CPUs and 200 sources that is 12,800: choose with ``name_include``.
The sum over all of them is ``node_intr_total``, which is always there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._model import CollectorError, Labels, Notice, Sample, counter, labels
from collectors._numbers import counts

METRICS = (counter("node_interrupts_total", "Interrupts.", "cpu", "type", "info", "devices"),)
_REMEMBERED = 65536


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which interrupts are told: give an include or an exclude, not both."""

    name_include: Annotated[
        str,
        Meta(
            description="RE2 searched for in `type;info;devices` (`36;PCI-MSIX-0000:00:02.0;1-edge eth0-rx`); only "
            "those that match are told. Empty: all but the excluded",
            examples=["^(NMI|MCE|TRM|.*;.*;.*eth0)"],
        ),
    ] = ""
    name_exclude: Annotated[
        str, Meta(description="RE2 searched for in `type;info;devices`; those that match are left out")
    ] = ""
    include_zeros: Annotated[bool, Meta(description="Also tell what never happened")] = True


class Interrupt(NamedTuple):
    """One line: a number or name, what it is, the devices of a numbered one, and the count of each CPU."""

    type: str
    info: str
    devices: str
    counts: list[int]


class Interrupts:
    def __init__(self, host: HostFS, keep: NameFilter, zeros: bool) -> None:
        self._proc = host.proc
        self._keep = keep
        self._zeros = zeros
        self._labels: dict[tuple[str, str, str, str], Labels] = {}

    def collect(self) -> Iterator[Sample | Notice]:
        known = self._labels
        for cpus, each in parse(self._proc.read("interrupts")):
            if not self._keep.keeps(f"{each.type};{each.info};{each.devices}"):
                continue
            for cpu, count in zip(cpus, each.counts, strict=True):
                if not count and not self._zeros:
                    continue
                key = (cpu, *each[:3])
                pairs = known.get(key)
                if pairs is None:
                    if len(known) >= _REMEMBERED:
                        known.clear()
                    pairs = known[key] = labels(cpu=cpu, type=each.type, info=each.info, devices=each.devices)
                yield Sample("node_interrupts_total", pairs, float(count))
        yield from self._keep.all_left_out("interrupt")


def parse(text: str) -> Iterator[tuple[list[str], Interrupt]]:
    """(CPUs of the columns, interrupt) of each line; lines with fewer columns (ERR, MIS) are sums and left out."""
    title, *lines = text.splitlines() or [""]
    cpus = [name.removeprefix("CPU") for name in title.split()]
    if not cpus:
        raise CollectorError("/proc/interrupts: the first line names no CPU")
    for line in lines:
        name, colon, rest = line.partition(":")
        fields = rest.split(None, len(cpus))
        if not colon or len(fields) <= len(cpus):
            continue
        numbers = counts(fields[: len(cpus)], "/proc/interrupts")
        what = fields[-1].split()
        name = name.strip()
        if name.isdecimal():
            yield cpus, Interrupt(name, what[0], " ".join(what[1:]), numbers)
        else:
            yield cpus, Interrupt(name, " ".join(what), "", numbers)


def build(options: Options, host: HostFS) -> Interrupts:
    if options.name_include and options.name_exclude:
        raise ValueError("name_include and name_exclude cannot both be given; keep one")
    keep = NameFilter.of("name", include=options.name_include, exclude=options.name_exclude)
    return Interrupts(host, keep, options.include_zeros)
