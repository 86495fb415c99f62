"""Properties of network interfaces from /sys/class/net (kernel Documentation/ABI/testing/sysfs-class-net).

A property the driver does not support just now (``carrier`` of an interface that is administratively down, ``speed``
of a virtual one) has no series.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import OneLabel, missing
from collectors._model import CollectorError, Labels, Notice, Sample, counter, gauge, labels

_NUMBERS = {
    "addr_assign_type": gauge("node_network_address_assign_type", "How the address was assigned.", "device"),
    "carrier": gauge("node_network_carrier", "1 when the link is up.", "device"),
    "carrier_changes": counter("node_network_carrier_changes_total", "Changes of the link state.", "device"),
    "carrier_up_count": counter("node_network_carrier_up_changes_total", "Times the link came up.", "device"),
    "carrier_down_count": counter("node_network_carrier_down_changes_total", "Times the link went down.", "device"),
    "dev_id": gauge("node_network_device_id", "Number among devices that share a port.", "device"),
    "dormant": gauge("node_network_dormant", "1 when waiting for an external event.", "device"),
    "flags": gauge("node_network_flags", "Interface flags, netdevice(7).", "device"),
    "ifindex": gauge("node_network_iface_id", "Interface index.", "device"),
    "iflink": gauge("node_network_iface_link", "Index of the interface this one rests on.", "device"),
    "link_mode": gauge("node_network_iface_link_mode", "0 default, 1 dormant.", "device"),
    "mtu": gauge("node_network_mtu_bytes", "Largest packet in bytes.", "device"),
    "name_assign_type": gauge("node_network_name_assign_type", "Where the name comes from.", "device"),
    "netdev_group": gauge("node_network_net_dev_group", "Interface group.", "device"),
    "tx_queue_len": gauge("node_network_transmit_queue_length", "Length of the transmit queue in packets.", "device"),
    "type": gauge("node_network_protocol_type", "Hardware type, if_arp.h.", "device"),
}
_SPEED = gauge(
    "node_network_speed_bytes", "Speed in bytes per second; -125000 when the driver does not know.", "device"
)
_UP = gauge("node_network_up", "1 if operstate is up, 0 otherwise.", "device")
_INFO = gauge(
    "node_network_info",
    "Properties that are not numbers; always 1.",
    *("device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"),
)
METRICS = (*_NUMBERS.values(), _SPEED, _UP, _INFO)
_COLUMNS = tuple((file, metric.name) for file, metric in _NUMBERS.items())
_MEGABIT = 125000.0
_IFF_UP = 1
_DIGITS = 20


IGNORED = "^$"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which interfaces are told, and what of a speed nobody knows."""

    ignored_devices: Annotated[
        str,
        Meta(
            description="RE2 searched for in interface names; those that match are left out. As it is, none is",
            examples=["^(veth|docker)"],
        ),
    ] = IGNORED
    ignore_invalid_speed: Annotated[
        bool,
        Meta(
            description="Leave `node_network_speed_bytes` out where the driver does not know it. False gives -125000 "
            "there, as node_exporter does"
        ),
    ] = False
    expect: Annotated[
        tuple[str, ...],
        Meta(description="Interfaces that ought to be there; a missing one is a warning", examples=[["eth0"]]),
    ] = ()


def number(text: str) -> int | None:
    """A decimal or 0x number of at most 64 bits, or None."""
    if len(text) > _DIGITS:
        return None
    try:
        return int(text, 16) if text.startswith("0x") else int(text)
    except ValueError:
        return None


class Netclass:
    def __init__(self, options: Options, host: HostFS, keep: NameFilter) -> None:
        self._sys = host.sys
        self._keep = keep
        self._options = options
        self._device = OneLabel("device")
        self._info: dict[str, tuple[object, Labels]] = {}

    def collect(self) -> Iterator[Sample | Notice]:
        devices = [name for name in sorted(self._sys.list("class/net") or ()) if self._keep.keeps(name)]
        seen = set()
        broken = ""
        for device in devices:
            try:
                samples = list(self._interface(device))
            except CollectorError as error:
                broken = str(error)
                continue
            if samples:
                seen.add(device)
                yield from samples
        for gone in self._info.keys() - seen:
            del self._info[gone]
        yield from self._keep.all_left_out("network device")
        yield from missing("network device", self._options.expect, seen)
        if broken:
            raise CollectorError(broken)

    def _interface(self, device: str) -> Iterator[Sample]:
        attribute = self._sys.attribute
        folder = f"class/net/{device}/"
        operstate = attribute(folder + "operstate")
        if operstate is None:  # not an interface (bonding_masters is a file), or it has just gone
            return
        pairs = self._device[device]
        yield Sample("node_network_up", pairs, 1.0 if operstate == "up" else 0.0)
        flags = None
        for file, name in _COLUMNS:
            text = attribute(folder + file)
            value = number(text) if text else None
            if value is not None:
                if file == "flags":
                    flags = value
                yield Sample(name, pairs, float(value))
        speed = number(attribute(folder + "speed") or "")
        if speed is not None and (speed >= 0 or not self._options.ignore_invalid_speed):
            yield Sample("node_network_speed_bytes", pairs, speed * _MEGABIT)
        adminstate = "unknown" if flags is None else "up" if flags & _IFF_UP else "down"
        texts = tuple(attribute(folder + file) or "" for file in ("address", "broadcast", "duplex", "ifalias"))
        yield Sample("node_network_info", self._identity(device, (*texts, operstate, adminstate)), 1.0)

    def _identity(self, device: str, texts: tuple[str, ...]) -> Labels:
        held = self._info.get(device)
        if held is not None and held[0] == texts:
            return held[1]
        address, broadcast, duplex, ifalias, operstate, adminstate = texts
        made = labels(
            device=device,
            address=address,
            broadcast=broadcast,
            duplex=duplex,
            ifalias=ifalias,
            operstate=operstate,
            adminstate=adminstate,
        )
        self._info[device] = (texts, made)
        return made


def build(options: Options, host: HostFS) -> Netclass:
    ignored = NameFilter.ignoring("ignored_devices", options.ignored_devices, shipped=IGNORED)
    return Netclass(options, host, ignored)
