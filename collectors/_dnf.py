"""Updates as the last ``dnf makecache`` left them, with the names of the yum textfile script.

The newest version that an enabled repository offers against the newest that is installed. Left out, because these
files do not tell them: packages of modules (which stream is wanted), priorities of repositories, version locks,
packages that replace others of another name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Hashable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

from collectors import _rpm
from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import Notice, Sample, labels
from collectors._repositories import Repositories, Repository
from collectors._unpack import PACKED, Unreadable, parts, pieces
from collectors._updates import Updates

DATABASES = ("usr/lib/sysimage/rpm", "var/lib/rpm")
_NAMES = ("rpmdb.sqlite", "Packages", "Packages.db")
"""SQLite (rpm 4.16 and later), Berkeley DB (before), ndb (SUSE), which is not read."""
CUT_OFF = 3600.0
"""Seconds after which a transaction of rpm that is still open counts as cut off."""
_LISTS = (".xml", *(f".xml{end}" for end in PACKED))
"""Ends of the names of lists that are read."""
_MODULE = ".module"
"""Stands in the release of what was built for a module."""

_Installed = dict[str, dict[str, _rpm.Package]]
"""The newest of each package that is installed, by name and architecture."""


class _Waiting(NamedTuple):
    """The newest version that is offered for an installed package."""

    held: _rpm.Package
    key: _rpm.Key
    origin: str


class Dnf:
    def __init__(self, host: HostFS) -> None:
        self._clock = host.clock
        self._root = host.root
        self._repositories = Repositories(host.root)
        self._samples: list[Sample] = []
        self._counted: list[tuple[str, str]] = []
        """The index and the primary list of each repository that counted."""

    def state(self) -> Hashable:
        repositories = self._repositories.state()
        database = self._database()
        if not repositories or database is None:
            return None
        return (*repositories, *map(self._root.info, (database, f"{database}-wal")), self._cut_off(database))

    def checked(self) -> Sample | None:
        """The repository compared longest ago; dnf touches a list that turned out to be still the newest."""
        times = [
            max(info.mtime for info in known)
            for files in self._counted
            if (known := [info for info in map(self._root.info, files) if info is not None])
        ]
        return Sample("yum_package_cache_timestamp_seconds", NONE, min(times)) if times else None

    def look(self) -> Generator[None, None, Updates]:
        database = self._database() or ""
        if database.endswith(".db"):
            return Updates([], [_other_database(database)])
        if self._open_transaction(database):
            return Updates(self._samples, [_cut_off(database)] if self._cut_off(database) else [])
        newest: _Installed = {}
        for found in self._installed(database):
            for package in found:
                arches = newest.setdefault(package.name, {})
                if package.arch not in arches or arches[package.arch].key < package.key:
                    arches[package.arch] = package
            yield
        if not newest:
            raise Unreadable(f"/{database} names no installed package")
        notices: list[Notice] = []
        best: dict[tuple[str, str], _Waiting] = {}
        advised: dict[str, list[_rpm.Package]] | None = None  # None until a repository tells what is about security
        self._counted = []
        for repository in self._repositories.enabled(notices):
            lists = self._repositories.lists(repository)
            primary, updateinfo = lists.get("primary", ""), lists.get("updateinfo", "")
            if not self._readable(primary):
                notices.append(_unreadable(repository, primary, "updates"))
                continue
            for elements in self._elements(primary, b"</package>"):
                for package in filter(None, map(_rpm.offered, elements)):
                    _offer(package, repository, newest, best)
                yield
            self._counted.append((repository.list_of_lists, primary))
            if not updateinfo:  # most repositories of others have no advisories
                continue
            if not self._readable(updateinfo):
                notices.append(_unreadable(repository, updateinfo, "advisories"))
                continue
            advised = {} if advised is None else advised
            for elements in self._elements(updateinfo, b"</update>"):
                for package in chain.from_iterable(map(_rpm.advised, elements)):
                    if package.name in newest:
                        advised.setdefault(package.name, []).append(package)
                yield
        # What was not read may hold an update: then there is a number of what was found, and no 0.
        whole = not notices
        self._samples = list(_count("yum_upgrades_pending", best.values(), whole)) if self._counted else []
        if advised is not None:
            secure = [waiting for waiting in best.values() if _advised(waiting, advised.get(waiting.held.name, ()))]
            self._samples += _count("yum_security_upgrades_pending", secure, whole)
        return Updates(self._samples, notices)

    def _elements(self, path: str, end: bytes) -> Iterator[list[bytes]]:
        return parts(pieces(partial(self._root.piece, path), path), end)

    def _readable(self, path: str) -> bool:
        return path.endswith(_LISTS) and self._root.info(path) is not None

    def _database(self) -> str | None:
        """The database of rpm, in a format that is read or in another."""
        names = [f"{folder}/{name}" for name in _NAMES for folder in DATABASES]
        return next((name for name in names if self._root.info(name) is not None), None)

    def _installed(self, database: str) -> Iterator[list[_rpm.Package]]:
        if database.endswith(".sqlite"):
            return _rpm.installed(self._root.root + database)
        info = self._root.info(database)
        read = partial(self._root.piece, database)
        return _rpm.installed_before_4_16(f"/{database}", read, info.size if info is not None else 0)

    def _open_transaction(self, database: str) -> bool:
        log = self._root.info(f"{database}-wal")
        return log is not None and log.size > 0

    def _cut_off(self, database: str) -> bool:
        log = self._root.info(f"{database}-wal")
        return log is not None and log.size > 0 and self._clock() - log.mtime > CUT_OFF


def _offer(
    package: _rpm.Package, repository: Repository, newest: _Installed, best: dict[tuple[str, str], _Waiting]
) -> None:
    """Take an offer into ``best`` where it is newer than what is installed and than what was offered before."""
    if repository.excluded is not None and repository.excluded.match(package.name):
        return
    for arch, held in newest.get(package.name, {}).items():
        if not _same_arch(package, held) or _MODULE in held.release or _MODULE in package.release:
            continue
        known = best.get((package.name, arch))
        if package.key > (held.key if known is None else known.key):
            best[package.name, arch] = _Waiting(held, package.key, repository.name)


def _advised(waiting: _Waiting, advised: Iterable[_rpm.Package]) -> bool:
    """Whether the update takes in one of these versions."""
    held = waiting.held
    return any(held.key < each.key <= waiting.key and _same_arch(each, held) for each in advised)


def _same_arch(one: _rpm.Package, other: _rpm.Package) -> bool:
    return one.arch == other.arch or "noarch" in (one.arch, other.arch)


def _count(name: str, waiting: Iterable[_Waiting], whole: bool) -> Iterator[Sample]:
    counts = Counter(each.origin for each in waiting)
    for origin, count in counts.items():
        yield Sample(name, labels(origin=origin), float(count))
    if whole and not counts:  # as the script: none is told as 0
        yield Sample(name, NONE, 0.0)


def _unreadable(repository: Repository, path: str, what: str) -> Notice:
    file = path.rpartition("/")[2]
    if not path:
        why = "is not named in its index"
    elif path.endswith(_LISTS):
        why = f"is not there ({file:.80})"
    else:
        why = f"is packed in a way that is not read ({file:.80})"
    return Notice(
        f"the list of {what} of repository {repository.name:.80} {why}: they are not counted (run dnf makecache; have"
        " the list made with gzip or xz; or let the timer that runs dnf check-update write a file for the textfile"
        " collector)"
    )


def _other_database(path: str) -> Notice:
    return Notice(
        f"/{path} is a database of rpm in a format that is not read (let the timer that runs dnf"
        " check-update write a file for the textfile collector, or turn this collector off)"
    )


def _cut_off(database: str) -> Notice:
    return Notice(
        f"/{database}-wal holds a transaction of rpm that did not end: what is counted is what was installed before"
        " it (run rpm -qa as root, which takes it in)"
    )
