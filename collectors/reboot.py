"""Whether the machine waits for a restart: a package asked for it, or a newer kernel is installed than runs.

``/run/reboot-required`` is how Debian's and Ubuntu's packages ask. Kernels are compared within one flavour: a
``rt-amd64`` kernel is no news to a machine that runs ``amd64``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import Labels, Sample, gauge, labels

METRICS = (
    gauge("node_reboot_required", "1 when the machine ought to be restarted, 0 otherwise."),
    gauge("node_reboot_required_packages", "Packages that asked for it, when they are named."),
    gauge(
        "node_kernel_newer_installed", "1 when a newer kernel than the running one is in /boot.", "running", "newest"
    ),
)
_KERNEL = re.compile(r"(?:vmlinuz|vmlinux|Image)-(\d.*)")
_REQUIRED = "run/reboot-required"
_PACKAGES = "run/reboot-required.pkgs"
_LIMIT = 65536
_NAMES_LIMIT = 1000


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


def newest(running: str, installed: list[str]) -> str:
    """The newest of the installed kernels that are of the running one's flavour, or the running one."""
    flavour = _flavour(running)
    return max([running, *(each for each in installed if _flavour(each) == flavour)], key=_numbers)


def _flavour(version: str) -> list[str]:
    return re.findall(r"[a-z]+", version)


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d{1,9}", version)]


class Reboot:
    def __init__(self, host: HostFS) -> None:
        self._host = host
        self._labels: tuple[tuple[str, str], Labels] = (("", ""), ())

    def collect(self) -> Iterator[Sample]:
        root = self._host.root
        asked = root.info(_REQUIRED) is not None
        newer = False
        running = self._host.uname().release
        kernels = [found[1] for name in root.some("boot", _NAMES_LIMIT) or () if (found := _KERNEL.fullmatch(name))]
        if kernels:
            latest = newest(running, kernels)
            newer = latest != running
            if self._labels[0] != (running, latest):
                self._labels = (running, latest), labels(running=running, newest=latest)
            yield Sample("node_kernel_newer_installed", self._labels[1], float(newer))
        yield Sample("node_reboot_required", NONE, float(asked or newer))
        if asked:
            packages = root.head(_PACKAGES, _LIMIT)
            if packages is not None:
                yield Sample("node_reboot_required_packages", NONE, float(len(set(packages.split()))))


def build(options: Options, host: HostFS) -> Reboot:
    return Reboot(host)
