"""Bonded network interfaces: how many members each has and how many of them have a link, from /sys/class/net.

Source: kernel Documentation/networking/bonding.rst (bonding_masters, bonding/slaves, bonding_slave/mii_status).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._labels import OneLabel, missing
from collectors._model import Notice, Sample, gauge
from collectors._sysfs import each

METRICS = (
    gauge("node_bonding_slaves", "Number of members configured for a bonding interface.", "master"),
    gauge("node_bonding_active", "Number of members with a link.", "master"),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ought to be there."""

    expect: Annotated[
        tuple[str, ...],
        Meta(description="Bonding interfaces that ought to be there; a missing one is a warning", examples=[["bond0"]]),
    ] = ()


class Bonding:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._sys = host.sys
        self._expect = options.expect
        self._master = OneLabel("master")

    def collect(self) -> Iterator[Sample | Notice]:
        masters = dict.fromkeys((self._sys.attribute("class/net/bonding_masters") or "").split())
        yield from each(masters, self._bond)
        yield from missing("bonding interface", self._expect, masters)

    def _bond(self, master: str) -> Iterator[Sample]:
        listed = self._sys.attribute(f"class/net/{master}/bonding/slaves")
        if listed is None:  # gone since the list was read
            return
        members = listed.split()
        pairs = self._master[master]
        yield Sample("node_bonding_slaves", pairs, float(len(members)))
        active = sum(self._sys.attribute(f"class/net/{name}/bonding_slave/mii_status") == "up" for name in members)
        yield Sample("node_bonding_active", pairs, float(active))


def build(options: Options, host: HostFS) -> Bonding:
    return Bonding(options, host)
