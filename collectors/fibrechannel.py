"""Fibre Channel host adapters, from /sys/class/fc_host (kernel drivers/scsi/scsi_transport_fc.c).

Counters are hexadecimal. One that the adapter does not keep reads as all ones, and has no series.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._labels import OneLabel, missing
from collectors._model import Notice, Sample, counter, gauge
from collectors._sysfs import TextLabels, each, number_in

_COUNTERS = {
    "dumped_frames": counter("node_fibrechannel_dumped_frames_total", "Frames dumped.", "fc_host"),
    "error_frames": counter("node_fibrechannel_error_frames_total", "Frames with an error.", "fc_host"),
    "invalid_crc_count": counter("node_fibrechannel_invalid_crc_total", "Frames with a wrong checksum.", "fc_host"),
    "rx_frames": counter("node_fibrechannel_rx_frames_total", "Frames received.", "fc_host"),
    "rx_words": counter("node_fibrechannel_rx_words_total", "Words received.", "fc_host"),
    "tx_frames": counter("node_fibrechannel_tx_frames_total", "Frames sent.", "fc_host"),
    "tx_words": counter("node_fibrechannel_tx_words_total", "Words sent.", "fc_host"),
    "seconds_since_last_reset": counter(
        "node_fibrechannel_seconds_since_last_reset_total", "Seconds since the port was reset.", "fc_host"
    ),
    "invalid_tx_word_count": counter("node_fibrechannel_invalid_tx_words_total", "Invalid words.", "fc_host"),
    "link_failure_count": counter("node_fibrechannel_link_failure_total", "Failures of the link.", "fc_host"),
    "loss_of_sync_count": counter("node_fibrechannel_loss_of_sync_total", "Losses of synchronisation.", "fc_host"),
    "loss_of_signal_count": counter("node_fibrechannel_loss_of_signal_total", "Losses of signal.", "fc_host"),
    "nos_count": counter("node_fibrechannel_nos_total", "Not-operational sequences received.", "fc_host"),
    "fcp_packet_aborts": counter("node_fibrechannel_fcp_packet_aborts_total", "Packets aborted.", "fc_host"),
}
_TEXTS = (
    "speed", "port_state", "port_type", "port_id", "port_name", "fabric_name", "symbolic_name", "supported_classes",
    "supported_speeds", "dev_loss_tmo",
)  # fmt: skip
_HEXADECIMAL = frozenset({"port_id", "port_name", "fabric_name"})
_NOT_KEPT = 2**64 - 1
METRICS = (
    gauge("node_fibrechannel_info", "State and identity of an adapter; always 1.", "fc_host", *_TEXTS),
    *_COUNTERS.values(),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ought to be there."""

    expect: Annotated[
        tuple[str, ...],
        Meta(description="Adapters that ought to be there; a missing one is a warning", examples=[["host0"]]),
    ] = ()


class FibreChannel:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._sys = host.sys
        self._expect = options.expect
        self._info = TextLabels("fc_host", *_TEXTS)
        self._host = OneLabel("fc_host")

    def collect(self) -> Iterator[Sample | Notice]:
        hosts = sorted(self._sys.list("class/fc_host") or ())
        yield from each(hosts, self._adapter)
        yield from missing("Fibre Channel adapter", self._expect, hosts)

    def _adapter(self, name: str) -> Iterator[Sample]:
        folder = f"class/fc_host/{name}"
        texts = [self._text(folder, file) for file in _TEXTS]
        if any(texts):
            yield Sample("node_fibrechannel_info", self._info.of(name, *texts), 1.0)
        pairs = self._host[name]
        for file, metric in _COUNTERS.items():
            count = number_in(self._sys.attribute(f"{folder}/statistics/{file}"))
            if count is not None and count != _NOT_KEPT:
                yield Sample(metric.name, pairs, float(count))

    def _text(self, folder: str, file: str) -> str:
        text = self._sys.attribute(f"{folder}/{file}") or ""
        return text.removeprefix("0x") if file in _HEXADECIMAL else text


def build(options: Options, host: HostFS) -> FibreChannel:
    return FibreChannel(options, host)
