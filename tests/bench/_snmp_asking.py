"""So many devices asked by Tocsin, in a process that does nothing else; see ``bench_snmp.py``.

As a program it prints its MB without and with storing what they say: ``_snmp_asking.py PORT DEVICES AT_ONCE``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import msgspec
from _proc import read  # beside this file

from collectors.api import TargetScheduler
from collectors.snmp import Options, build
from collectors.snmp.load import shipped
from collectors.snmp.profile import Every, Profile
from rules.api import SeriesWindow


def objects() -> Profile:
    """The fast part of the profile for interfaces, and sysUpTime: what both are told to read."""
    (table,) = shipped("interfaces").tables
    fast = tuple(column for column in table.columns if column.every is None)
    table = msgspec.structs.replace(table, columns=fast, discontinuity=None)
    uptime = next(each for each in shipped("system").scalars if each.name == "sysUpTime")
    return Profile(scalars=(msgspec.structs.replace(uptime, every=Every.FAST),), tables=(table,))


def wanted(port: int, count: int) -> Options:
    targets = [
        {"host": "127.0.0.1", "port": port, "name": f"sw{n}", "credential": "ro", "profile": "bench"}
        for n in range(count)
    ]
    credentials = {"ro": {"version": 2, "community": {"credential": "ro"}}}
    options = msgspec.convert({"targets": targets, "credentials": credentials}, Options)
    return msgspec.structs.replace(options, profiles={"bench": objects()})


class Asking:
    """The fast polls of so many devices, through the frame and into the window."""

    def __init__(self, port: int, count: int, at_once: int = 20) -> None:
        targets = [t for t in build(wanted(port, count), lambda name: "public", Path()) if t.name.endswith(":fast")]
        self.scheduler = TargetScheduler(targets, limit=at_once)
        self.window: SeriesWindow | None = SeriesWindow()
        self.at = 0
        self.failed = 0

    async def round(self) -> int:
        await self.scheduler.once()
        self.at += 60_000
        stored = 0
        for scrape in self.scheduler.take(self.at):
            if not scrape.ok:
                self.failed += 1
                continue
            stored += len(scrape.samples)
            if self.window is not None:
                self.window.ingest(scrape.source, scrape.samples, self.at)
        return stored


async def main(port: int, count: int, at_once: int) -> tuple[float, float]:
    asking = Asking(port, count, at_once)
    window, asking.window = asking.window, None
    for _ in range(3):
        await asking.round()
    bare = read(os.getpid()).rss / 1e6
    asking.window = window
    for _ in range(3):
        await asking.round()
    return bare, read(os.getpid()).rss / 1e6


if __name__ == "__main__":
    print(*asyncio.run(main(*map(int, sys.argv[1:]))))
