"""File handles of the whole system from /proc/sys/fs/file-nr (proc(5)): allocated, unused, and the limit."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, gauge

METRICS = (
    gauge("node_filefd_allocated", "File handles in use."),
    gauge("node_filefd_maximum", "File handles there can be."),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Filefd:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        text = self._proc.read("sys/fs/file-nr")
        fields = text.split()
        if len(fields) != 3 or not (fields[0].isdecimal() and fields[2].isdecimal()):
            raise CollectorError(f"/proc/sys/fs/file-nr: not three numbers: {text!r:.80}")
        yield Sample("node_filefd_allocated", NONE, float(fields[0]))
        yield Sample("node_filefd_maximum", NONE, float(fields[2]))


def build(options: Options, host: HostFS) -> Filefd:
    return Filefd(host)
