"""Scenes played in namespaces of their own by test_collect_bad_moments.py; each prints what it saw as JSON.

Run by ``unshare --mount --pid --fork --mount-proc``, so that /proc and every mount here are nobody else's.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from fakes.sleeping_fuse import SleepingMount

from collectors import filesystem
from collectors.api import HostFS, Scrape, Scraper, available, load, on_by_default, present

Told = dict[str, Any]
NOBODY = 65534


def told(scrapes: list[Scrape]) -> Told:
    """What a pass said, by collector: error, seconds, values by name and label values."""
    return {
        scrape.source: {
            "error": scrape.error,
            "seconds": scrape.duration_s,
            "values": {
                f"{sample.name} {' '.join(value for name, value in sample.labels if name not in ('instance', 'job'))}":
                    sample.value
                for sample in scrape.samples
            },
        }
        for scrape in scrapes
    }  # fmt: skip


def everything() -> Scraper:
    """All collectors this machine has something for."""
    host = HostFS()
    here = [name for name in available() if on_by_default(name) and name != "systemd" and present(name, host)]
    built = {name: (module := load(name)).build(module.Options(), host) for name in here}
    return Scraper(built, job="j", instance="i", deadline_s=5)


async def hung_mount(folder: str) -> list[Told]:
    """A file system that sleeps: a pass before, two while it sleeps, and one after it woke."""
    options = filesystem.Options(mount_timeout_seconds=0.2, fs_types_exclude="^(proc|sysfs|overlay)$")
    host = HostFS()
    others = {name: (module := load(name)).build(module.Options(), host) for name in ("loadavg", "meminfo", "stat")}
    built = {"filesystem": filesystem.build(options, host), **others}
    frame = Scraper(built, job="j", instance="i", deadline_s=5, patience_s=0.1)
    passes = [told(await frame.cycle(0))]
    mount = SleepingMount(folder)
    passes.append(told(await frame.cycle(1)))
    asked = len(mount.asleep)
    passes.append(told(await frame.cycle(2)))
    passes[-1]["asked again"] = len(mount.asleep) - asked
    mount.wake()
    deadline = time.monotonic() + 10
    while True:
        last = told(await frame.cycle(3))
        woken = any(key.startswith("node_filesystem_size") and folder in key for key in last["filesystem"]["values"])
        if woken or time.monotonic() > deadline:
            break
    await frame.aclose()
    return [*passes, last]


async def hidden_proc(hidepid: str) -> list[Told]:
    """/proc as another user sees it when it is mounted with hidepid."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"proc", b"/proc", b"proc", 0, f"hidepid={hidepid}".encode()) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    frame = everything()
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    passes = [told(await frame.cycle(cycle)) for cycle in range(2)]
    await frame.aclose()
    return passes


async def container(_: str) -> list[Told]:
    """What a container sees: its own processes and interfaces, a /sys that cannot be looked into."""
    libc = ctypes.CDLL(None, use_errno=True)
    for point in (b"/sys/firmware", b"/proc/sys"):
        if os.path.isdir(point):
            libc.mount(b"tmpfs", point, b"tmpfs", 0, b"size=0")
    frame = everything()
    passes = [told(await frame.cycle(cycle)) for cycle in range(2)]
    await frame.aclose()
    return passes


async def dying_processes(_: str) -> list[Told]:
    """Processes that live for a moment only, while all collectors look."""
    frame = everything()
    passes = []
    for cycle in range(10):
        children = [os.spawnlp(os.P_NOWAIT, "true", "true") for _ in range(20)]
        passes.append(told(await frame.cycle(cycle)))
        for child in children:
            os.waitpid(child, 0)
    await frame.aclose()
    return passes


SCENES: dict[str, Callable[[str], Any]] = {
    scene.__name__: scene for scene in (hung_mount, hidden_proc, container, dying_processes)
}


def under_an_init() -> None:
    """Go on as a child, so that process 1 here is somebody else's; that one waits and ends with the same status."""
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    if sys.argv[1] == hidden_proc.__name__:
        under_an_init()
    print(json.dumps(asyncio.run(SCENES[sys.argv[1]](sys.argv[2]))), flush=True)
    os._exit(0)  # a thread may still hang in the kernel
