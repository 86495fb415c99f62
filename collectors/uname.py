"""Who the kernel says it is: uname(2), and the NIS domain name from /proc/sys/kernel/domainname."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import Labels, Sample, gauge, labels

METRICS = (
    gauge(
        "node_uname_info",
        "Labeled system information as provided by the uname system call; always 1.",
        "sysname",
        "release",
        "version",
        "machine",
        "nodename",
        "domainname",
    ),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Uname:
    def __init__(self, host: HostFS) -> None:
        self._host = host
        self._made: tuple[object, Labels] | None = None

    def collect(self) -> Iterator[Sample]:
        name = self._host.uname()
        domain = self._host.proc.attribute("sys/kernel/domainname") or ""
        if self._made is None or self._made[0] != (name, domain):
            pairs = labels(
                sysname=name.sysname,
                release=name.release,
                version=name.version,
                machine=name.machine,
                nodename=name.nodename,
                domainname=domain,
            )
            self._made = ((name, domain), pairs)
        yield Sample("node_uname_info", self._made[1], 1.0)


def build(options: Options, host: HostFS) -> Uname:
    return Uname(host)
