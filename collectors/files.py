"""Whether files come and go as they should: backups, exports, spool directories. Ages are for rules to compute:
``time() - node_files_newest_mtime_seconds{path="/srv/backup/*.dump"} > 86400``.

Looked at once a minute; in between, what was seen last is given again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._glob import check_pattern, files
from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import CollectorError, Notice, Sample, gauge

METRICS = (
    gauge("node_files_total", "Number of regular files.", "path"),
    gauge("node_files_size_bytes", "Size of all of them together in bytes.", "path"),
    gauge("node_files_newest_mtime_seconds", "When the newest was modified, in seconds since the epoch.", "path"),
    gauge("node_files_newest_size_bytes", "Size of the newest in bytes.", "path"),
    gauge("node_files_oldest_mtime_seconds", "When the oldest was modified, in seconds since the epoch.", "path"),
)
PAUSE = 60.0
"""Seconds between two looks."""
PATHS_LIMIT = 100


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which files."""

    paths: Annotated[
        tuple[str, ...],
        Meta(
            description="Absolute paths, with `*`, `?` and `[...]` within a part; a directory stands for the files in "
            "it. Each is one value of the label `path`. One that matches nothing is a warning. Empty: nothing is "
            "looked at",
            examples=[["/srv/backup/*.dump", "/var/spool/export"]],
        ),
    ] = ()


class Files:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._paths = options.paths
        self._root = host.root
        self._monotonic = host.monotonic
        self._path = OneLabel("path")
        self._looked: float | None = None
        self._seen: list[Sample | Notice] = []
        self._problem = ""

    def collect(self) -> Iterator[Sample | Notice]:
        if not self._paths:
            yield Notice("no `paths` are given, so nothing is looked at")
        now = self._monotonic()
        if self._looked is None or now - self._looked >= PAUSE:
            self._looked = now
            self._look()
        yield from self._seen
        if self._problem:
            raise CollectorError(self._problem)

    def _look(self) -> None:
        self._seen, self._problem = [], ""
        for pattern in self._paths:
            try:
                self._seen += self._one(pattern)
            except CollectorError as error:
                self._problem = self._problem or str(error)

    def _one(self, pattern: str) -> list[Sample | Notice]:
        found = [(each.info.mtime, each.info.size) for each in files(self._root, pattern)]
        label = self._path[pattern]
        made: list[Sample | Notice] = [Sample("node_files_total", label, float(len(found)))]
        made.append(Sample("node_files_size_bytes", label, float(sum(size for _, size in found))))
        if found:
            newest, oldest = max(found), min(found)
            made.append(Sample("node_files_newest_mtime_seconds", label, newest[0]))
            made.append(Sample("node_files_newest_size_bytes", label, float(newest[1])))
            made.append(Sample("node_files_oldest_mtime_seconds", label, oldest[0]))
        else:
            made.append(Notice(f"no file matches {pattern!r} (mend the path, or what ought to write there)"))
        return made


def build(options: Options, host: HostFS) -> Files:
    for pattern in options.paths:
        check_pattern("paths", pattern)
    if len(options.paths) > PATHS_LIMIT:
        raise ValueError(f"paths: at most {PATHS_LIMIT} can be watched")
    if len(set(options.paths)) < len(options.paths):
        raise ValueError("paths: a path is there twice")
    return Files(options, host)
