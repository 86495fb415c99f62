"""Block device I/O from /proc/diskstats (kernel Documentation/admin-guide/iostats.rst), and who each device is.

A sector is 512 bytes whatever the device's own block size. Kernels before 4.18 have no discard and before 5.5 no flush
fields: their series are then absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import OneLabel, missing
from collectors._model import CollectorError, Labels, Notice, Sample, counter, gauge, labels

SECTOR = 512.0
MILLISECOND = 0.001
DEVICE_EXCLUDE = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"

_FIELDS = (
    (counter("node_disk_reads_completed_total", "The total number of reads completed successfully.", "device"), 1.0),
    (counter("node_disk_reads_merged_total", "The total number of reads merged.", "device"), 1.0),
    (counter("node_disk_read_bytes_total", "The total number of bytes read successfully.", "device"), SECTOR),
    (counter("node_disk_read_time_seconds_total", "The total seconds spent by all reads.", "device"), MILLISECOND),
    (counter("node_disk_writes_completed_total", "The total number of writes completed successfully.", "device"), 1.0),
    (counter("node_disk_writes_merged_total", "The total number of writes merged.", "device"), 1.0),
    (counter("node_disk_written_bytes_total", "The total number of bytes written successfully.", "device"), SECTOR),
    (counter("node_disk_write_time_seconds_total", "The total seconds spent by all writes.", "device"), MILLISECOND),
    (gauge("node_disk_io_now", "The number of I/Os currently in progress.", "device"), 1.0),
    (counter("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", "device"), MILLISECOND),
    (
        counter("node_disk_io_time_weighted_seconds_total", "The weighted seconds spent doing I/Os.", "device"),
        MILLISECOND,
    ),
    (counter("node_disk_discards_completed_total", "The total number of discards completed.", "device"), 1.0),
    (counter("node_disk_discards_merged_total", "The total number of discards merged.", "device"), 1.0),
    (counter("node_disk_discarded_sectors_total", "The total number of sectors discarded.", "device"), 1.0),
    (
        counter("node_disk_discard_time_seconds_total", "The total seconds spent by all discards.", "device"),
        MILLISECOND,
    ),
    (counter("node_disk_flush_requests_total", "The total number of flush requests completed.", "device"), 1.0),
    (
        counter("node_disk_flush_requests_time_seconds_total", "The total seconds spent by flushes.", "device"),
        MILLISECOND,
    ),
)
_INFO = gauge(
    "node_disk_info",
    "Info of /sys/block/<device>; always 1.",
    *("device", "major", "minor", "path", "wwn", "model", "serial", "revision", "rotational"),
)
METRICS = (*(metric for metric, _ in _FIELDS), _INFO)
_COLUMNS = tuple((metric.name, factor) for metric, factor in _FIELDS)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which devices are told: give an include or an exclude, not both."""

    device_exclude: Annotated[
        str | None,
        Meta(
            description="RE2 searched for in device names; those that match are left out. Not set: memory disks, loop "
            "devices and partitions, unless there is an include. Empty: nothing is left out",
            examples=["^(loop|dm-)"],
        ),
    ] = None
    device_include: Annotated[
        str,
        Meta(
            description="RE2 searched for in device names; only those that match are told. Empty: all but the excluded",
            examples=["^(sd[a-z]+|nvme[0-9]+n[0-9]+)$"],
        ),
    ] = ""
    expect: Annotated[
        tuple[str, ...],
        Meta(description="Devices that ought to be there; a missing one is a warning", examples=[["sda", "nvme0n1"]]),
    ] = ()


class Disk(NamedTuple):
    """One line: the numbers as in the file, at most 17."""

    major: str
    minor: str
    device: str
    numbers: list[float]


def parse(text: str) -> Iterator[Disk]:
    for line in text.splitlines():
        fields = line.split()
        try:
            numbers = [float(int(field)) for field in fields[3 : 3 + len(_FIELDS)]]
            yield Disk(fields[0], fields[1], fields[2], numbers)
        except (IndexError, ValueError, OverflowError) as error:
            raise CollectorError(
                f"/proc/diskstats: a line is not `major minor name numbers...`: {line!r:.80}"
            ) from error


def parse_udev(text: str) -> dict[str, str]:
    """The device properties (``E:KEY=value``) of a file of udev's database."""
    properties = (line[2:].partition("=") for line in text.splitlines() if line.startswith("E:"))
    return {key: value for key, _, value in properties}


class Diskstats:
    def __init__(self, host: HostFS, keep: NameFilter, expect: tuple[str, ...]) -> None:
        self._host = host
        self._keep = keep
        self._expect = expect
        self._device = OneLabel("device")
        self._info: dict[str, tuple[object, Labels]] = {}

    def collect(self) -> Iterator[Sample | Notice]:
        text = self._host.proc.find("diskstats")
        if text is None:
            yield from missing("device", self._expect, ())
            return
        seen = set()
        for disk in parse(text):
            if not self._keep.keeps(disk.device):
                continue
            seen.add(disk.device)
            pairs = self._device[disk.device]
            for (name, factor), number in zip(_COLUMNS, disk.numbers, strict=False):
                yield Sample(name, pairs, number * factor)
            yield Sample("node_disk_info", self._identity(disk), 1.0)
        for gone in self._info.keys() - seen:
            del self._info[gone]
        yield from self._keep.all_left_out("device")
        yield from missing("device", self._expect, seen)

    def _identity(self, disk: Disk) -> Labels:
        """Labels of node_disk_info; made anew only when udev's record or the device number changed."""
        record = f"run/udev/data/b{disk.major}:{disk.minor}"
        version = (disk.major, disk.minor, self._host.root.info(record))
        held = self._info.get(disk.device)
        if held is not None and held[0] == version:
            return held[1]
        udev = parse_udev(self._host.root.find(record) or "")
        block = disk.device.replace("/", "!")  # sysfs writes cciss/c0d0 as cciss!c0d0
        made = labels(
            device=disk.device,
            major=disk.major,
            minor=disk.minor,
            path=udev.get("ID_PATH", ""),
            wwn=udev.get("ID_WWN", ""),
            model=udev.get("ID_MODEL", ""),
            serial=udev.get("SCSI_IDENT_SERIAL") or udev.get("ID_SERIAL_SHORT") or udev.get("ID_SERIAL", ""),
            revision=udev.get("ID_REVISION", ""),
            rotational=self._host.sys.attribute(f"block/{block}/queue/rotational") or "",
        )
        self._info[disk.device] = (version, made)
        return made


def build(options: Options, host: HostFS) -> Diskstats:
    exclude = options.device_exclude
    if options.device_include and exclude:
        raise ValueError("device_include and device_exclude cannot both be given; keep one")
    if exclude is None:
        exclude = "" if options.device_include else DEVICE_EXCLUDE
    keep = NameFilter.of("device", include=options.device_include, exclude=exclude, shipped=DEVICE_EXCLUDE)
    return Diskstats(host, keep, options.expect)
