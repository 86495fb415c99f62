"""Software RAID arrays from /proc/mdstat (md(4), kernel drivers/md/md.c) and /sys/block/md*/md.

An array is in exactly one state. A check, recovery, resync or reshape that only waits (``DELAYED``, ``PENDING``) counts
as that state with no block done. A raid0 that lost a member (``broken``) is told as inactive: it answers with errors.
A disk that failed is counted in ``failed``; one that was taken out is not there at all: compare
``node_md_disks_required`` with the active ones. How many an inactive array needs is not known, and so has no series.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._labels import OneLabel, missing
from collectors._model import CollectorError, Labels, Notice, Sample, gauge
from collectors._sysfs import number_in

METRICS = (
    gauge("node_md_state", "1 for the state the array is in.", "device", "state"),
    gauge("node_md_disks", "Number of active, failed and spare disks of the array.", "device", "state"),
    gauge("node_md_disks_required", "Number of disks a complete array has.", "device"),
    gauge("node_md_blocks", "Size of the array in blocks of 1024 bytes.", "device"),
    gauge("node_md_blocks_synced", "Blocks that are in step; all of them when nothing is being synced.", "device"),
    gauge("node_md_degraded", "Number of disks the array lacks.", "device"),
    gauge("node_md_raid_disks", "Number of disks in the array's layout.", "device"),
)


class State(Enum):
    """Values of the label ``state`` of node_md_state."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    RECOVERING = "recovering"
    RESYNC = "resync"
    CHECK = "check"
    RESHAPE = "reshape"


_SYNCS = {
    "recovery": State.RECOVERING, "resync": State.RESYNC, "check": State.CHECK, "reshape": State.RESHAPE,
    "repair": State.RESYNC,
}  # fmt: skip
_MEMBER = re.compile(r"[^\s\[]+\[[0-9]+\]((?:\([A-Z]\))*)")
_SIZE = re.compile(r"\s*([0-9]{1,18}) blocks\b")
_DISKS = re.compile(r"\[([0-9]{1,6})/([0-9]{1,6})\] \[[U_]*\]")
_SYNC = re.compile(
    r"(recovery|resync|check|reshape|repair)\s*=\s*(?:(DELAYED|PENDING|REMOTE)|[0-9.]+%\s*\(([0-9]{1,18})/[0-9]{1,18}\))"
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ought to be there."""

    expect: Annotated[
        tuple[str, ...],
        Meta(description="Arrays that ought to be there; a missing one is a warning", examples=[["md0", "md127"]]),
    ] = ()


class Array(NamedTuple):
    """One array. ``required``, ``blocks`` and ``synced`` (of 1024 bytes) are None where mdstat does not say."""

    device: str
    state: State
    active: int
    failed: int
    spare: int
    required: int | None
    blocks: int | None
    synced: int | None


def parse(text: str) -> Iterator[Array]:
    """The arrays of /proc/mdstat: a line that begins with the name, and the indented lines below it."""
    head = ""
    body: list[str] = []
    for line in text.splitlines():
        if line[:1].isspace():
            body.append(line)
            continue
        if head:
            yield _array(head, body)
        body = []
        head = line if line.strip() and not line.startswith(("Personalities", "unused devices")) else ""
    if head:
        yield _array(head, body)


def _array(head: str, body: list[str]) -> Array:
    device, colon, rest = head.partition(" : ")
    words = rest.split()
    if not colon or not device or not words or words[0] not in ("active", "inactive", "broken"):
        raise CollectorError(f"/proc/mdstat: a line is not `device : active|inactive ...`: {head!r:.120}")
    marks = _MEMBER.findall(rest)
    failed = sum("(F)" in mark for mark in marks)
    spare = sum("(S)" in mark for mark in marks)
    below = "\n".join(body)
    size = _SIZE.match(below)
    blocks = int(size[1]) if size else None
    if words[0] != "active":
        return Array(device, State.INACTIVE, 0, failed, spare, None, blocks, blocks)
    disks = _DISKS.search(below)
    if disks is not None:
        required, active = int(disks[1]), int(disks[2])
    else:  # raid0 and linear have no redundancy to report on: every member is needed and there
        required = active = len(marks) - failed - spare
    state, synced = State.ACTIVE, blocks
    if sync := _SYNC.search(below):
        state = _SYNCS[sync[1]]
        synced = 0 if sync[2] else int(sync[3])
    return Array(device, state, active, failed, spare, required, blocks, synced)


class Mdadm:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._host = host
        self._expect = options.expect
        self._device = OneLabel("device")
        self._states: dict[str, dict[str, Labels]] = {}

    def collect(self) -> Iterator[Sample | Notice]:
        text = self._host.proc.find("mdstat") or ""
        seen: set[str] = set()
        for array in parse(text):
            if array.device not in seen:
                seen.add(array.device)
                yield from self._samples(array)
        for gone in self._states.keys() - seen:
            del self._states[gone]
        yield from missing("array", self._expect, seen)

    def _samples(self, array: Array) -> Iterator[Sample]:
        pairs = self._device[array.device]
        with_state = self._with_state(array.device)
        for state in State:
            yield Sample("node_md_state", with_state[state.value], float(state is array.state))
        for kind in ("active", "failed", "spare"):
            yield Sample("node_md_disks", with_state[kind], float(getattr(array, kind)))
        for name, value in (
            ("node_md_disks_required", array.required),
            ("node_md_blocks", array.blocks),
            ("node_md_blocks_synced", array.synced),
        ):
            if value is not None:
                yield Sample(name, pairs, float(value))
        for file in ("degraded", "raid_disks"):
            text = self._host.sys.attribute(f"block/{array.device.replace('/', '!')}/md/{file}")
            value = number_in(text.split(" ")[0]) if text else None  # "4 (3)" while the array is reshaped
            if value is not None:
                yield Sample(f"node_md_{file}", pairs, float(value))

    def _with_state(self, device: str) -> dict[str, Labels]:
        made = self._states.get(device)
        if made is None:
            states = (*(state.value for state in State), "failed", "spare")
            made = self._states[device] = {state: (("device", device), ("state", state)) for state in states}
        return made


def build(options: Options, host: HostFS) -> Mdadm:
    return Mdadm(options, host)
