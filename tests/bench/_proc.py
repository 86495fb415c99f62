"""Readings of a process from /proc (proc(5)) for the benchmarks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reading:
    """``rss`` and ``pss`` in bytes, ``cpu`` in seconds since the start, ``written`` in bytes handed to storage."""

    rss: int
    pss: int
    cpu: float
    written: int


def read(pid: int) -> Reading:
    """One reading; CPU over all threads, in nanoseconds resolution where the kernel has schedstat."""
    base = Path("/proc") / str(pid)
    rss = pss = 0
    for line in (base / "smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            rss = int(line.split()[1]) * 1024
        elif line.startswith("Pss:"):
            pss = int(line.split()[1]) * 1024
    cpu = 0.0
    for task in (base / "task").iterdir():
        cpu += int((task / "schedstat").read_text().split()[0]) / 1e9
    written = 0
    for line in (base / "io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            written = int(line.split()[1])
    return Reading(rss, pss, cpu, written)


def wait_until(check: object, seconds: float, what: str) -> None:
    """Poll ``check`` (a callable) until it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():  # type: ignore[operator]
            return
        time.sleep(0.05)
    raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
