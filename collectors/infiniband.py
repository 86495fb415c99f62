"""InfiniBand and RDMA ports, from /sys/class/infiniband (kernel Documentation/ABI/stable/sysfs-class-infiniband).

Data counters of a port count words of four bytes. A counter the adapter lacks (``N/A (no PMA)``) has no series.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import Labels, Metric, Sample, counter, gauge
from collectors._sysfs import TextLabels, each, number_in

_WORD = 4.0
_GIGABIT = 125_000_000
_LABELS = ("device", "port")


def _counted(name: str, what: str) -> Metric:
    return counter(f"node_infiniband_{name}", what, *_LABELS)


_COUNTERS: tuple[tuple[str, Metric, float], ...] = (
    ("excessive_buffer_overrun_errors", _counted("excessive_buffer_overrun_errors_total", "Buffer overruns."), 1.0),
    ("link_downed", _counted("link_downed_total", "Times the link did not recover and went down."), 1.0),
    ("link_error_recovery", _counted("link_error_recovery_total", "Times the link recovered from an error."), 1.0),
    ("local_link_integrity_errors", _counted("local_link_integrity_errors_total", "Local link errors."), 1.0),
    ("multicast_rcv_packets", _counted("multicast_packets_received_total", "Multicast packets received."), 1.0),
    ("multicast_xmit_packets", _counted("multicast_packets_transmitted_total", "Multicast packets sent."), 1.0),
    ("port_rcv_constraint_errors",
     _counted("port_constraint_errors_received_total", "Packets discarded on arrival by a constraint."), 1.0),
    ("port_xmit_constraint_errors",
     _counted("port_constraint_errors_transmitted_total", "Packets not sent because of a constraint."), 1.0),
    ("port_rcv_data", _counted("port_data_received_bytes_total", "Bytes received."), _WORD),
    ("port_xmit_data", _counted("port_data_transmitted_bytes_total", "Bytes sent."), _WORD),
    ("port_rcv_discards", _counted("port_discards_received_total", "Inbound packets discarded."), 1.0),
    ("port_xmit_discards", _counted("port_discards_transmitted_total", "Outbound packets discarded."), 1.0),
    ("port_rcv_errors", _counted("port_errors_received_total", "Packets received with an error."), 1.0),
    ("port_rcv_packets", _counted("port_packets_received_total", "Packets received."), 1.0),
    ("port_xmit_packets", _counted("port_packets_transmitted_total", "Packets sent."), 1.0),
    ("port_rcv_remote_physical_errors",
     _counted("port_receive_remote_physical_errors_total", "Packets marked bad by a device before."), 1.0),
    ("port_rcv_switch_relay_errors",
     _counted("port_receive_switch_relay_errors_total", "Packets a switch could not forward."), 1.0),
    ("port_xmit_wait",
     _counted("port_transmit_wait_total", "Ticks with data to send and none sent."), 1.0),
    ("symbol_error", _counted("symbol_error_total", "Minor link errors on a lane."), 1.0),
    ("unicast_rcv_packets", _counted("unicast_packets_received_total", "Unicast packets received."), 1.0),
    ("unicast_xmit_packets", _counted("unicast_packets_transmitted_total", "Unicast packets sent."), 1.0),
    ("VL15_dropped", _counted("vl15_dropped_total", "Management packets dropped."), 1.0),
)  # fmt: skip
_LEGACY: tuple[tuple[str, Metric, float], ...] = (
    ("port_multicast_rcv_packets",
     _counted("legacy_multicast_packets_received_total", "Multicast packets received."), 1.0),
    ("port_multicast_xmit_packets",
     _counted("legacy_multicast_packets_transmitted_total", "Multicast packets sent."), 1.0),
    ("port_rcv_data_64", _counted("legacy_data_received_bytes_total", "Bytes received."), _WORD),
    ("port_rcv_packets_64", _counted("legacy_packets_received_total", "Packets received."), 1.0),
    ("port_unicast_rcv_packets",
     _counted("legacy_unicast_packets_received_total", "Unicast packets received."), 1.0),
    ("port_unicast_xmit_packets",
     _counted("legacy_unicast_packets_transmitted_total", "Unicast packets sent."), 1.0),
    ("port_xmit_data_64", _counted("legacy_data_transmitted_bytes_total", "Bytes sent."), _WORD),
    ("port_xmit_packets_64", _counted("legacy_packets_transmitted_total", "Packets sent."), 1.0),
)  # fmt: skip
METRICS = (
    gauge(
        "node_infiniband_info",
        "Board and firmware of an adapter; always 1.",
        *("device", "board_id", "firmware_version", "hca_type"),
    ),
    gauge("node_infiniband_state_id", "1 down, 2 init, 3 armed, 4 active, 5 active deferred.", *_LABELS),
    gauge(
        "node_infiniband_physical_state_id",
        "1 sleep, 2 polling, 3 disabled, 4 training, 5 link up, 6 link error recovery, 7 test.",
        *_LABELS,
    ),
    gauge("node_infiniband_rate_bytes_per_second", "Speed of the link in bytes per second.", *_LABELS),
    *(metric for _, metric, _ in (*_COUNTERS, *_LEGACY)),
)
_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) Gb/sec")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


def state_id(text: str | None) -> int | None:
    """The number in ``4: ACTIVE``."""
    return number_in(text.partition(":")[0].strip()) if text else None


def rate(text: str | None) -> float | None:
    """Bytes per second of ``100 Gb/sec (4X EDR)``."""
    found = _RATE.match(text or "")
    return float(int(float(found[1]) * _GIGABIT)) if found else None


class Infiniband:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._info = TextLabels("device", "board_id", "firmware_version", "hca_type")
        self._listed: dict[str, frozenset[str]] = {}

    def collect(self) -> Iterator[Sample]:
        devices = sorted(self._sys.list("class/infiniband") or ())
        if not devices:
            self._listed.clear()
        return each(devices, self._device)

    def _device(self, device: str) -> Iterator[Sample]:
        folder = f"class/infiniband/{device}"
        texts = [self._sys.attribute(f"{folder}/{file}") or "" for file in ("board_id", "fw_ver", "hca_type")]
        if any(texts):
            yield Sample("node_infiniband_info", self._info.of(device, *texts), 1.0)
        for port in sorted(self._sys.list(f"{folder}/ports") or ()):
            yield from self._port(f"{folder}/ports/{port}", (("device", device), ("port", port)))

    def _port(self, folder: str, pairs: Labels) -> Iterator[Sample]:
        attribute = self._sys.attribute
        for name, value in (
            ("node_infiniband_state_id", state_id(attribute(f"{folder}/state"))),
            ("node_infiniband_physical_state_id", state_id(attribute(f"{folder}/phys_state"))),
            ("node_infiniband_rate_bytes_per_second", rate(attribute(f"{folder}/rate"))),
        ):
            if value is not None:
                yield Sample(name, pairs, float(value))
        for where, columns in ((f"{folder}/counters", _COUNTERS), (f"{folder}/counters_ext", _LEGACY)):
            there = self._files(where)
            for file, metric, factor in columns:
                if file in there:
                    count = number_in(attribute(f"{where}/{file}"))
                    if count is not None:
                        yield Sample(metric.name, pairs, count * factor)

    def _files(self, folder: str) -> frozenset[str]:
        """Which counters a port has: it does not change while the adapter is there."""
        held = self._listed.get(folder)
        if held is None:
            held = self._listed[folder] = frozenset(self._sys.list(folder) or ())
        return held


def build(options: Options, host: HostFS) -> Infiniband:
    return Infiniband(host)
