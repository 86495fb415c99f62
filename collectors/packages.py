"""Updates that wait, from the files of apt and dnf alone, with the names of their textfile scripts.

Lists of packages are tens of megabytes. They are read when they or the installed packages have changed, a few megabytes
a cycle; until the end the last result stays (after a start: none).
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import CollectorError, Notice, Sample, gauge
from collectors._unpack import Unreadable
from collectors._updates import Lists, Updates

METRICS = (
    gauge("apt_upgrades_pending", "Packages a newer version of which is offered.", "arch", "origin"),
    gauge("apt_upgrades_held", "Packages on hold a newer version of which is offered.", "arch", "origin"),
    gauge("apt_security_upgrades_pending", "Packages a newer version of which is offered by a release about security."),
    gauge("apt_package_cache_timestamp_seconds", "Last update of the lists of packages, in seconds since the epoch."),
    gauge("yum_upgrades_pending", "Packages a newer version of which is offered, by repository.", "origin"),
    gauge(
        "yum_security_upgrades_pending",
        "Those of them that mend what an advisory about security names; without any advisories: none.",
        "origin",
    ),
    gauge(
        "yum_package_cache_timestamp_seconds",
        "When the repository that was compared longest ago was, in seconds since the epoch.",
    ),
)
PIECES = 128
"""Pieces of 32 kB read in one cycle: about 10 ms."""

_FOLDERS = {"apt": ("var/lib/apt/lists",), "dnf": ("var/cache/dnf", "var/cache/libdnf5")}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class _Look:
    """The result of the last look at the lists of one package management, and the look under way."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._state: Hashable = None
        self._scan: Generator[None, None, Updates] | None = None
        self._found = Updates([], [])

    def collect(self) -> Iterator[Sample | Notice]:
        state = self._lists.state()
        if state is None:
            self._state, self._scan, self._found = None, None, Updates([], [])
            return
        if state != self._state:
            self._state, self._scan = state, self._lists.look()
        self._go_on()
        checked = self._lists.checked()
        if checked is not None:
            yield checked
        yield from self._found.samples
        yield from self._found.notices

    def _go_on(self) -> None:
        """Read on. What was read while the files changed is no result: the next cycle begins again."""
        scan, self._scan = self._scan, None
        if scan is None:
            return
        try:
            for _ in range(PIECES):
                next(scan)
        except StopIteration as end:
            if self._lists.state() == self._state:
                self._found = end.value
        except (Unreadable, CollectorError) as error:
            if self._lists.state() == self._state:
                self._state = None  # in the next cycle from the beginning
                raise CollectorError(f"the lists of packages cannot be read: {error}") from error
        else:
            self._scan = scan


class Packages:
    def __init__(self, host: HostFS) -> None:
        self._host = host
        self._looks: dict[str, _Look] = {}

    def collect(self) -> Iterator[Sample | Notice]:
        for kind, folders in _FOLDERS.items():
            if kind not in self._looks and any(self._host.root.info(folder) is not None for folder in folders):
                self._looks[kind] = _Look(_lists(kind, self._host))
        for look in self._looks.values():
            yield from look.collect()


def _lists(kind: str, host: HostFS) -> Lists:
    """Each is imported where its package management is."""
    if kind == "apt":
        from collectors._apt import Apt  # noqa: PLC0415 - see above

        return Apt(host)
    from collectors._dnf import Dnf  # noqa: PLC0415 - see above

    return Dnf(host)


def build(options: Options, host: HostFS) -> Packages:
    return Packages(host)
