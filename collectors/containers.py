"""What containers use, from their control groups, with cAdvisor's names: docker, podman, containerd, CRI-O, Kubernetes,
LXC and systemd-nspawn. Slices at the top (``id="/system.slice"``) are there too, without a ``name``.

``name`` is the container's own where the agent may read it (docker, as root), otherwise the first 12 characters of its
id. No daemon is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from collectors._cgroup import Version1, Version2
from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._model import CollectorError, Labels, Metric, Notice, Sample, counter, gauge, labels

_WHO = ("id", "image", "name")
METRICS: tuple[Metric, ...] = (
    counter("container_cpu_usage_seconds_total", "Processor time in seconds.", *_WHO),
    counter("container_cpu_user_seconds_total", "Processor time in user mode in seconds.", *_WHO),
    counter("container_cpu_system_seconds_total", "Processor time in the kernel in seconds.", *_WHO),
    counter("container_cpu_cfs_periods_total", "Periods of the quota that went by.", *_WHO),
    counter("container_cpu_cfs_throttled_periods_total", "Periods in which it was throttled.", *_WHO),
    counter("container_cpu_cfs_throttled_seconds_total", "Seconds it was throttled.", *_WHO),
    gauge("container_spec_cpu_quota", "Microseconds of processor time in a period, when limited.", *_WHO),
    gauge("container_spec_cpu_period", "Length of such a period in microseconds.", *_WHO),
    gauge("container_memory_usage_bytes", "Memory in use in bytes, with all caches.", *_WHO),
    gauge("container_memory_working_set_bytes", "Memory in use in bytes without file cache that is idle.", *_WHO),
    gauge("container_memory_rss", "Anonymous memory in bytes.", *_WHO),
    gauge("container_memory_cache", "File cache in bytes.", *_WHO),
    gauge("container_spec_memory_limit_bytes", "Limit of the memory in bytes, 0 when there is none.", *_WHO),
    counter("container_oom_events_total", "Processes killed for want of memory.", *_WHO),
    gauge("container_threads", "Number of threads.", *_WHO),
    gauge("container_threads_max", "Limit of threads, 0 when there is none.", *_WHO),
    counter("container_fs_reads_bytes_total", "Bytes read.", "device", *_WHO),
    counter("container_fs_writes_bytes_total", "Bytes written.", "device", *_WHO),
    counter("container_fs_reads_total", "Reads completed.", "device", *_WHO),
    counter("container_fs_writes_total", "Writes completed.", "device", *_WHO),
)
CONTAINERS_LIMIT = 500
_DEPTH = 6
_ID = r"[0-9a-f]{64}"
_SCOPE = re.compile(rf"(?:docker|libpod|cri-containerd|crio|containerd)-({_ID})\.scope")
_BARE = re.compile(_ID)
_NAMED = re.compile(r"(?:lxc\.payload\.|lxc/|systemd-nspawn@|machine-)([^/]+?)(?:\.service|\.scope)?")
_BRANCH = re.compile(
    r"(?:system|machine|user|kubepods[^/]*|user-\d+|libpod_parent|docker|podman)(?:\.slice)?|user@\d+\.service|lxc"
    r"|libpod_parent|burstable|besteffort|pod[0-9a-f-]{36}"
)
"""Groups below which containers are looked for."""
_BARE_PARENTS = re.compile(r"docker|podman|pod[0-9a-f-]{36}")
_CONFIGURATION_LIMIT = 1 << 20


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which containers."""

    container_include: Annotated[
        str, Meta(description="RE2 searched for in the name; only containers that match are told. Empty: all")
    ] = ""
    container_exclude: Annotated[
        str,
        Meta(
            description="RE2 searched for in the name; containers that match are left out. Empty: none",
            examples=["^ci-job-"],
        ),
    ] = ""


class _Docker(msgspec.Struct):
    """What docker keeps of a container, as far as it is used here."""

    class Configuration(msgspec.Struct):
        Image: str = ""

    Name: str = ""
    Config: Configuration | None = None


class _Group(NamedTuple):
    """A control group to tell of: its path, and the container's id or name (empty for a slice)."""

    path: str
    container: str


class Containers:
    def __init__(self, host: HostFS, keep: NameFilter) -> None:
        self._host = host
        self._keep = keep
        self._names: dict[_Group, tuple[str, Labels]] = {}
        self._devices: dict[tuple[_Group, str], Labels] = {}

    def collect(self) -> Iterator[Sample | Notice]:
        sys = self._host.sys
        tree = Version1(sys) if sys.info("fs/cgroup/cgroup.controllers") is None else Version2(sys)
        groups = list(find(tree))
        if len(groups) > CONTAINERS_LIMIT:
            yield Notice(
                f"there are more than {CONTAINERS_LIMIT} containers; {len(groups) - CONTAINERS_LIMIT} left out"
            )
            del groups[CONTAINERS_LIMIT:]
        names = {group: self._names.get(group) or self._identify(group) for group in groups}
        if names.keys() != self._names.keys():
            self._devices = {key: pairs for key, pairs in self._devices.items() if key[0] in names}
        self._names = names
        for group, (name, pairs) in names.items():
            if group.container and not self._keep.keeps(name):
                continue
            for measure in tree.measures(group.path):
                of_device = self._on_device(group, measure.device, pairs) if measure.device else pairs
                yield Sample(measure.name, of_device, measure.value)

    def _identify(self, group: _Group) -> tuple[str, Labels]:
        name, image = group.container, ""
        if _BARE.fullmatch(name):
            name, image = self._docker(name) or (name[:12], "")
        return name, labels(id=f"/{group.path}", name=name, image=image)

    def _docker(self, container: str) -> tuple[str, str] | None:
        """Name and image, where docker's own files may be read."""
        try:
            text = self._host.root.find(f"var/lib/docker/containers/{container}/config.v2.json", _CONFIGURATION_LIMIT)
            held = msgspec.json.decode(text, type=_Docker) if text else None
        except (CollectorError, msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        if held is None or not held.Name:
            return None
        return held.Name.lstrip("/"), held.Config.Image if held.Config else ""

    def _on_device(self, group: _Group, device: str, pairs: Labels) -> Labels:
        made = self._devices.get((group, device))
        if made is None:
            text = self._host.sys.attribute(f"dev/block/{device}/uevent") or ""
            name = next((line[8:] for line in text.splitlines() if line.startswith("DEVNAME=")), "")
            made = labels(**dict(pairs), device=f"/dev/{name}" if name else device)
            self._devices[group, device] = made
        return made


def find(tree: Version1 | Version2) -> Iterator[_Group]:
    """The slices at the top, and all containers, found by the names that runtimes give their groups."""
    todo = [("", name, _DEPTH) for name in sorted(tree.list(""))]
    while todo:
        parent, name, depth = todo.pop()
        path = f"{parent}/{name}" if parent else name
        container = _container(parent.rpartition("/")[2], name)
        if container:
            yield _Group(path, container)
        elif _BRANCH.fullmatch(name) and depth:
            if not parent:
                yield _Group(path, "")
            todo += [(path, child, depth - 1) for child in tree.list(path)]


def _container(parent: str, name: str) -> str:
    """The id or name of a container by the name of its group, empty when it is none."""
    found = _SCOPE.fullmatch(name)
    if found:
        return found[1]
    if _BARE.fullmatch(name) and _BARE_PARENTS.fullmatch(parent):
        return name
    named = _NAMED.fullmatch(f"lxc/{name}" if parent == "lxc" else name)
    return named[1].replace(r"\x2d", "-") if named else ""


def build(options: Options, host: HostFS) -> Containers:
    keep = NameFilter.of("container", include=options.container_include, exclude=options.container_exclude)
    return Containers(host, keep)
