"""Metrics other programs leave as ``*.prom`` files in a directory, in the Prometheus text format, with type and help.

A file is read again only when it has changed. A file that is wrong gives nothing at all, sets
``node_textfile_scrape_error`` to 1, and is named in a warning; the others are not touched by it. Whoever writes such a
file should write it beside its final name and rename it.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import is_
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._exposition import Exposition, ExpositionError, parse
from collectors._host import FileInfo, HostFS
from collectors._labels import NONE, OneLabel
from collectors._model import PARTS, CollectorError, Labels, Metric, MetricType, Notice, Sample, gauge

DEFAULT_DIRECTORY = "/var/lib/prometheus/node-exporter"
"""Where Debian's node_exporter looks, so that cron jobs that write there go on working."""
FILE_LIMIT = 1 << 20
FILES_LIMIT = 256

METRICS = (
    gauge("node_textfile_scrape_error", "1 if a file could not be read or is wrong, 0 otherwise."),
    gauge("node_textfile_mtime_seconds", "Modification time of a file read well, in seconds since the epoch.", "file"),
)

_NOTHING = Exposition((), {})


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the files are."""

    directories: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Absolute paths of directories with `*.prom` files; one that is not there is a warning. Not "
            "set: Debian's `/var/lib/prometheus/node-exporter`, where there is one",
            examples=[["/var/lib/tocsin-textfile"]],
        ),
    ] = None


class _File(msgspec.Struct, frozen=True):
    """A file as last read: what it holds, or what is wrong with it."""

    version: FileInfo
    held: Exposition
    error: str


class Textfile:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._root = host.root
        self._required = options.directories is not None
        self._directories = (DEFAULT_DIRECTORY,) if options.directories is None else options.directories
        self._files: dict[str, _File] = {}
        self._file = OneLabel("file")
        self._families: tuple[Metric, ...] = ()
        self._described: tuple[_File, ...] = ()
        self._disagreements: list[str] = []

    def families(self) -> tuple[Metric, ...]:
        """The families of the files that were good in the last cycle."""
        return self._families

    def collect(self) -> Iterator[Sample | Notice]:
        problems: list[str] = []
        paths = [path for directory in self._directories for path in self._list(directory, problems)]
        files = {path: held for path in paths if (held := self._read(path)) is not None}
        self._files = files
        seen: set[tuple[str, Labels]] = set()
        good: dict[str, _File] = {}
        for path, file in files.items():
            samples = file.held.samples
            twice = next((s.name for s in samples if (s.name, s.labels) in seen), "")
            if file.error or twice:
                problems.append(f"{path}: {file.error or f'{twice} is already in another file with the same labels'}")
                continue
            good[path] = file
            seen.update((sample.name, sample.labels) for sample in samples)
            yield from samples
            yield Sample("node_textfile_mtime_seconds", self._file[path], file.version.mtime)
        self._describe(good)
        yield Sample("node_textfile_scrape_error", NONE, float(bool(problems)))
        yield from map(Notice, problems + self._disagreements)

    def _describe(self, good: dict[str, _File]) -> None:
        """The families of these files, when they are not the same as before. The first file that says a type or a help
        is believed; a later one that says another type loses no sample by it, and is said.
        """
        files = tuple(good.values())
        if len(files) == len(self._described) and all(map(is_, files, self._described)):
            return
        self._described, self._disagreements = files, []
        types: dict[str, tuple[MetricType, str]] = {}
        helps: dict[str, str] = {}
        sources: dict[str, list[str]] = {}
        for path, file in good.items():
            for name, family in file.held.families.items():
                if family.type is not None:
                    kind, first = types.setdefault(name, (family.type, path))
                    if kind is not family.type:
                        self._disagreements.append(
                            f"{path}: {name} is a {family.type.value} here and a {kind.value} in {first}"
                            " (write the same)"
                        )
                if family.help is not None:
                    helps.setdefault(name, family.help)
        parts = {f"{name}{end}": name for name, (kind, _) in types.items() for end in PARTS.get(kind, ())}
        for path, file in good.items():
            for name in dict.fromkeys(parts.get(sample.name, sample.name) for sample in file.held.samples):
                sources.setdefault(name, []).append(path)
        self._families = tuple(
            Metric(
                name,
                types[name][0] if name in types else MetricType.UNTYPED,
                helps.get(name) or f"Metric read from {', '.join(paths)}",
            )
            for name, paths in sources.items()
        )

    def _list(self, directory: str, problems: list[str]) -> list[str]:
        try:
            names = self._root.list(directory.lstrip("/"))
        except CollectorError as error:
            problems.append(str(error))
            return []
        if names is None:
            if self._required:
                problems.append(f"{directory} does not exist (make it, or mend `directories`)")
            return []
        wanted = sorted(name for name in names if name.endswith(".prom"))
        if len(wanted) > FILES_LIMIT:
            problems.append(f"{directory} has more than {FILES_LIMIT} .prom files; the rest is left out")
        return [f"{directory.rstrip('/')}/{name}" for name in wanted[:FILES_LIMIT]]

    def _read(self, path: str) -> _File | None:
        """The file as it is now, from memory when it has not changed; None when it has just gone."""
        held = self._files.get(path)
        relative = path.lstrip("/")
        try:
            version = self._root.info(relative)
            if version is None:
                return None
            if held is not None and held.version == version:
                return held
            if not version.regular:
                return _File(version, _NOTHING, "not a regular file")
            text = self._root.find(relative, FILE_LIMIT)
        except CollectorError as error:
            return _File(FileInfo(0.0, 0, 0, regular=False), _NOTHING, str(error))
        if text is None:
            return None
        try:
            text.encode("utf-8")
            return _File(version, parse(text), "")
        except UnicodeEncodeError:
            return _File(version, _NOTHING, "not UTF-8")
        except ExpositionError as error:
            return _File(version, _NOTHING, str(error))


def build(options: Options, host: HostFS) -> Textfile:
    for directory in options.directories or ():
        if not directory.startswith("/"):
            raise ValueError(f"directories: {directory!r} is not an absolute path")
    return Textfile(options, host)
