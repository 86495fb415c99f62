"""Which operating system this is, from /etc/os-release or /usr/lib/os-release (os-release(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from collectors._host import FileInfo, HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, gauge, labels

_INFO = (
    "build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name", "variant", "variant_id", "version",
    "version_codename", "version_id",
)  # fmt: skip
METRICS = (
    gauge("node_os_info", "Names and versions of the operating system; always 1.", *_INFO),
    gauge("node_os_version", "Major and minor version as one number.", "id", "id_like", "name"),
    gauge("node_os_support_end_timestamp_seconds", "When support ends, in seconds since the epoch."),
)
_PATHS = ("etc/os-release", "usr/lib/os-release")
_LIMIT = 65536
_LINE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")
_VERSION = re.compile(r"\d+(\.\d+)?", re.ASCII)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Os:
    def __init__(self, host: HostFS) -> None:
        self._root = host.root
        self._version: tuple[str, FileInfo] | None = None
        self._samples: tuple[Sample, ...] = ()

    def collect(self) -> Iterator[Sample]:
        for path in _PATHS:
            info = self._root.info(path)
            if info is None:
                continue
            if self._version != (path, info):
                self._samples = tuple(samples(parse(self._root.read(path, _LIMIT))))
                self._version = (path, info)
            yield from self._samples
            return


def parse(text: str) -> dict[str, str]:
    """Assignments as a shell would read them: single or double quotes around, backslashes before special characters."""
    found = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            continue
        value = match[2].strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            quote, value = value[0], value[1:-1]
            if quote == '"':
                value = re.sub(r"\\([\\\"$`])", r"\1", value)
        found[match[1].lower()] = value
    return found


def samples(fields: dict[str, str]) -> Iterator[Sample]:
    yield Sample("node_os_info", labels(**{name: fields.get(name, "") for name in _INFO}), 1.0)
    version = _VERSION.match(fields.get("version_id", ""))
    if version:
        who = labels(**{name: fields.get(name, "") for name in ("id", "id_like", "name")})
        yield Sample("node_os_version", who, float(version[0]))
    if end := fields.get("support_end"):
        try:
            at = datetime.strptime(end, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise CollectorError(f"os-release: SUPPORT_END is not YYYY-MM-DD: {end!r:.40}") from None
        yield Sample("node_os_support_end_timestamp_seconds", NONE, at.timestamp())


def build(options: Options, host: HostFS) -> Os:
    return Os(host)
