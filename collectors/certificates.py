"""How long certificates in files are good, with x509-certificate-exporter's names.

PEM files and bundles, and DER. Looked for once a minute; a file is read again only when it has changed. A file may hold
a private key beside its certificate: that part is not decoded and not kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._der import Certificate, NotACertificate, certificates
from collectors._glob import check_pattern, files
from collectors._host import FileInfo, HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Labels, Notice, Sample, gauge, labels

_PARTS = ("C", "CN", "L", "O", "OU", "ST")
_LABELS = (
    "filename", "filepath", "serial_number", *(f"issuer_{part}" for part in _PARTS),
    *(f"subject_{part}" for part in _PARTS),
)  # fmt: skip
METRICS = (
    gauge("x509_cert_not_before", "From when the certificate is good, in seconds since the epoch.", *_LABELS),
    gauge("x509_cert_not_after", "Until when the certificate is good, in seconds since the epoch.", *_LABELS),
    gauge("x509_read_errors", "Files that could not be read or hold no certificate."),
)
FILE_LIMIT = 1 << 20
FILES_LIMIT = 500
PAUSE = 60.0
"""Seconds between two looks."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which files."""

    paths: Annotated[
        tuple[str, ...],
        Meta(
            description="Absolute paths of PEM or DER files, with `*`, `?` and `[...]` within a part; a directory "
            "stands for the files in it. One that matches nothing is a warning. Empty: nothing is looked at",
            examples=[["/etc/ssl/private-site/*.pem", "/etc/letsencrypt/live/*/fullchain.pem"]],
        ),
    ] = ()


class _File:
    """A file as last read."""

    __slots__ = ("error", "samples", "version")

    def __init__(self, version: FileInfo, samples: tuple[Sample, ...], error: str) -> None:
        self.version = version
        self.samples = samples
        self.error = error


class Certificates:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._paths = options.paths
        self._root = host.root
        self._monotonic = host.monotonic
        self._looked: float | None = None
        self._files: dict[str, _File] = {}
        self._notices: list[Notice] = []
        self._problems: list[str] = []

    def collect(self) -> Iterator[Sample | Notice]:
        if not self._paths:
            yield Notice("no `paths` are given, so nothing is looked at")
            return
        now = self._monotonic()
        if self._looked is None or now - self._looked >= PAUSE:
            self._looked = now
            self._look()
        for file in self._files.values():
            yield from file.samples
        yield Sample("x509_read_errors", NONE, float(len(self._problems)))
        yield from self._notices
        if self._problems:
            raise CollectorError("; ".join(self._problems))

    def _look(self) -> None:
        self._problems, self._notices = [], []
        held, self._files = self._files, {}
        for pattern in self._paths:
            matched = False
            others: list[str] = []
            try:
                for path, version in files(self._root, pattern, others):
                    matched = True
                    if len(self._files) >= FILES_LIMIT:
                        raise CollectorError(f"{pattern}: more than {FILES_LIMIT} files in all (name fewer)")
                    if path in self._files:  # two patterns name it
                        continue
                    known = held.get(path)
                    read = known if known is not None and known.version == version else self._read(path, version)
                    self._files[path] = read
                    if read.error:
                        self._problems.append(read.error)
            except CollectorError as error:
                self._problems.append(str(error))
                continue
            if others:
                more = f" and {len(others) - 3} more" if len(others) > 3 else ""
                told = f"{pattern!r} also names what is no file: {', '.join(others[:3])}{more}"
                self._notices.append(Notice(f"{told} (mend the link, or the path under `paths`)"))
            elif not matched:
                self._notices.append(Notice(f"no file matches {pattern!r} (mend the path under `paths`)"))

    def _read(self, path: str, version: FileInfo) -> _File:
        try:
            text = self._root.find(path.lstrip("/"), FILE_LIMIT)
            if text is None:
                return _File(version, (), "")
            found = list(certificates(text.encode("utf-8", "surrogateescape")))
        except CollectorError as error:
            return _File(version, (), str(error))
        except NotACertificate as error:
            return _File(version, (), f"{path}: {error} (mend the file, or leave it out of `paths`)")
        return _File(version, tuple(_samples(path, found)), "")


def _samples(path: str, found: list[Certificate]) -> Iterator[Sample]:
    seen: set[Labels] = set()
    for each in found:
        pairs = labels(
            filename=path.rpartition("/")[2], filepath=path, serial_number=str(each.serial),
            **{f"issuer_{part}": text for part, text in each.issuer.items()},
            **{f"subject_{part}": text for part, text in each.subject.items()},
        )  # fmt: skip
        if pairs not in seen:  # a bundle may hold one twice
            seen.add(pairs)
            yield Sample("x509_cert_not_before", pairs, each.not_before)
            yield Sample("x509_cert_not_after", pairs, each.not_after)


def build(options: Options, host: HostFS) -> Certificates:
    for pattern in options.paths:
        check_pattern("paths", pattern)
    return Certificates(options, host)
