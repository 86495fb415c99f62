"""Tape drives, from /sys/class/scsi_tape/st*/stats (kernel Documentation/scsi/st.rst)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import Metric, Notice, Sample, counter, gauge
from collectors._sysfs import each, number_in

_NANO = 1e-9
_FILES: tuple[tuple[str, Metric, float], ...] = (
    ("in_flight", gauge("node_tape_io_now", "Requests under way.", "device"), 1.0),
    ("io_ns", counter("node_tape_io_time_seconds_total", "Seconds waited for all requests.", "device"), _NANO),
    ("other_cnt", counter("node_tape_io_others_total", "Requests that neither read nor wrote.", "device"), 1.0),
    ("read_byte_cnt", counter("node_tape_read_bytes_total", "Bytes read.", "device"), 1.0),
    ("read_cnt", counter("node_tape_reads_completed_total", "Reads completed.", "device"), 1.0),
    ("read_ns", counter("node_tape_read_time_seconds_total", "Seconds waited for reads.", "device"), _NANO),
    ("resid_cnt", counter("node_tape_residual_total", "Requests that moved less than asked for.", "device"), 1.0),
    ("write_byte_cnt", counter("node_tape_written_bytes_total", "Bytes written.", "device"), 1.0),
    ("write_cnt", counter("node_tape_writes_completed_total", "Writes completed.", "device"), 1.0),
    ("write_ns", counter("node_tape_write_time_seconds_total", "Seconds waited for writes.", "device"), _NANO),
)
METRICS = tuple(metric for _, metric, _ in _FILES)
_DRIVE = re.compile(r"st[0-9]+")  # st0a, st0l, st0m, nst0 ... are the same drive in other modes
IGNORED = "^$"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which drives are told."""

    ignored_devices: Annotated[
        str,
        Meta(
            description="RE2 searched for in drive names; those that match are left out. As it is, none is",
            examples=["^st1$"],
        ),
    ] = IGNORED


class Tapestats:
    def __init__(self, host: HostFS, keep: NameFilter) -> None:
        self._sys = host.sys
        self._keep = keep
        self._device = OneLabel("device")

    def collect(self) -> Iterator[Sample | Notice]:
        drives = filter(_DRIVE.fullmatch, sorted(self._sys.list("class/scsi_tape") or ()))
        yield from each(filter(self._keep.keeps, drives), self._drive)
        yield from self._keep.all_left_out("tape drive")

    def _drive(self, device: str) -> Iterator[Sample]:
        for file, metric, factor in _FILES:
            value = number_in(self._sys.attribute(f"class/scsi_tape/{device}/stats/{file}"))
            if value is not None:
                yield Sample(metric.name, self._device[device], value * factor)


def build(options: Options, host: HostFS) -> Tapestats:
    keep = NameFilter.ignoring("ignored_devices", options.ignored_devices, shipped=IGNORED)
    return Tapestats(host, keep)
