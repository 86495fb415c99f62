"""How the cost of a collection grows with the host: 200 disks, 500 interfaces, 1,000 mounts, 2,000 processes. As root:

    .venv/bin/python tests/bench/bench_growth.py [--cycles 20]

Interfaces, mounts and processes are real ones, in namespaces of their own (unshare(1), network namespaces with veth
pairs, tmpfs, sleeping processes); disks are a written tree. Each is measured at a quarter, a half and the whole of its
number. Exit status 1 when one of the whole costs more than ``BEND`` times what one of the quarter costs: linear growth
has the ratio 1 (caches that grow full make it a little more), growth with the square of the number has 4.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from collectors.api import HostFS, Scraper, load

BEND = 2.0
ROUNDS = 5
"""The least of so many counts: what others on the machine cost is left out."""


@contextmanager
def disks(count: int) -> Iterator[HostFS]:
    """A tree with ``count`` disks of two partitions, as the kernel and udev describe them."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        lines = []
        for disk in range(count):
            for part, suffix in enumerate(("", "1", "2")):
                numbers = " ".join(str(number * 1001 + disk) for number in range(17))
                lines.append(f"{8 + disk:4d} {part:7d} d{disk:03d}{suffix} {numbers}")
                udev = top / f"run/udev/data/b{8 + disk}:{part}"
                udev.parent.mkdir(parents=True, exist_ok=True)
                udev.write_text(f"S:disk/by-id/{disk}\nE:ID_MODEL=M\nE:ID_SERIAL_SHORT=S{disk}\nE:ID_WWN=0x{disk:x}\n")
            queue = top / f"sys/block/d{disk:03d}/queue"
            queue.mkdir(parents=True)
            (queue / "rotational").write_text("1\n")
        (top / "proc").mkdir()
        (top / "proc/diskstats").write_text("\n".join(lines) + "\n")
        yield HostFS(str(top / "proc"), str(top / "sys"), str(top))


@contextmanager
def interfaces(count: int) -> Iterator[HostFS]:
    """Pairs of virtual interfaces, and the /sys of this network namespace."""
    pairs = "".join(f"link add a{number} type veth peer name b{number}\n" for number in range(count // 2))
    subprocess.run(["ip", "-batch", "-"], input=pairs, text=True, check=True)
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
    yield HostFS()


@contextmanager
def mounts(count: int) -> Iterator[HostFS]:
    """Empty file systems, one in the other's neighbourhood."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", name], check=True)
        for number in range(count):
            (Path(name) / f"m{number}").mkdir()
        command = f'for n in $(seq 0 {count - 1}); do mount -t tmpfs -o size=4k tmpfs "{name}/m$n"; done'
        subprocess.run(["sh", "-c", command], check=True)
        try:
            yield HostFS()
        finally:
            subprocess.run(["umount", "--recursive", name], check=True)


@contextmanager
def processes(count: int) -> Iterator[HostFS]:
    """Processes that sleep; all end with this one, the first of its namespace."""
    for _ in range(count):
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
    yield HostFS()


@dataclass(frozen=True)
class Kind:
    count: int
    collectors: tuple[str, ...]
    make: Callable[[int], object]
    unshare: tuple[str, ...]


KINDS = {
    "disks": Kind(200, ("diskstats",), disks, ()),
    "interfaces": Kind(500, ("netclass", "netdev"), interfaces, ("--net", "--mount")),
    "mounts": Kind(1000, ("filesystem",), mounts, ("--pid", "--fork", "--mount-proc", "--kill-child")),
    "processes": Kind(2000, ("processes",), processes, ("--pid", "--fork", "--mount-proc", "--kill-child")),
}


async def cycles(host: HostFS, names: tuple[str, ...], count: int) -> dict[str, tuple[float, int]]:
    """CPU milliseconds of one cycle of each collector, and its series."""
    found = {}
    for name in names:
        module = load(name)
        frame = Scraper({name: module.build(module.Options(), host)}, job="node", instance="here")
        (scrape,) = await frame.cycle(0)
        least = float("inf")
        for _ in range(ROUNDS):
            started = time.process_time()
            for _ in range(count):
                (scrape,) = await frame.cycle(0)
            least = min(least, (time.process_time() - started) / count * 1000)
        if not scrape.ok:
            raise RuntimeError(f"{name}: {scrape.error}")
        found[name] = least, len(scrape.samples)
        await frame.aclose()
    return found


def measure(kind: str, count: int, repeat: int) -> int:
    """In the namespaces that ``main`` made: one line for each collector."""
    import asyncio

    with KINDS[kind].make(count) as host:  # type: ignore[attr-defined]
        for name, (milliseconds, series) in asyncio.run(cycles(host, KINDS[kind].collectors, repeat)).items():
            print(name, milliseconds, series)
    return 0


def grown(kind: str, repeat: int) -> bool:
    """Measure one kind at three sizes and print it; whether each of its collectors grows linearly."""
    what = KINDS[kind]
    sizes = (what.count // 4, what.count // 2, what.count)
    cost: dict[str, list[float]] = {}
    series: dict[str, int] = {}
    for size in sizes:
        inside = [sys.executable, __file__, "--kind", kind, "--count", str(size), "--cycles", str(repeat)]
        command = ["unshare", *what.unshare, *inside] if what.unshare else inside
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout
        for line in out.splitlines():
            name, milliseconds, samples = line.split()
            cost.setdefault(name, []).append(float(milliseconds))
            series[name] = int(samples)
    linear = True
    for name, (quarter, half, whole) in cost.items():
        bend = whole / sizes[2] / (quarter / sizes[0])
        linear = linear and bend <= BEND
        each = (whole - quarter) / (sizes[2] - sizes[0]) * 1000
        print(
            f"{name:12} {sizes[2]:5d} {kind:11} {quarter:7.2f} {half:7.2f} {whole:7.2f} ms,"
            f" {each:6.1f} us for one more, {series[name]:6d} series, bend {bend:.2f}"
        )
    return linear


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--kind", choices=tuple(KINDS), help="this kind only, in the namespaces one is in")
    parser.add_argument("--count", type=int, default=0)
    options = parser.parse_args()
    if options.count:
        return measure(options.kind, options.count, options.cycles)
    if os.geteuid() != 0:
        print("this makes namespaces and mounts: run it as root", file=sys.stderr)
        return os.EX_NOPERM
    bent = [kind for kind in ([options.kind] if options.kind else KINDS) if not grown(kind, options.cycles)]
    return 1 if bent else 0


if __name__ == "__main__":
    sys.exit(main())
