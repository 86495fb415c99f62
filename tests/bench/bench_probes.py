"""CPU of probes, per probe and as a share of a core for 500 targets at 30 s. Run by hand:

    .venv/bin/python tests/bench/bench_probes.py

Servers of its own on loopback, in another process. Fails when 500 HTTP targets at 30 s need more than 5 % of a core.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import resource
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit_collectors"))

from probe_kit import Authority, dns_server, http, module, ok, says, serve

from collectors.api import TargetScheduler
from collectors.probes import Options, build
from collectors.probes.modules import Module
from collectors.probes.options import TargetOptions

TARGETS = 500
INTERVAL = 30.0
MOST = 0.05


def serving(pipe: Connection, folder: str) -> None:
    async def main() -> None:
        authority = Authority.make(Path(folder))
        async with contextlib.AsyncExitStack() as stack:
            enter = stack.enter_async_context
            answer = http(ok(b"x" * 2_000, "Content-Type: text/html"))
            pipe.send({
                "http": await enter(serve(answer)),
                "https": await enter(serve(answer, authority.server("localhost", alpn=("http/1.1",)))),
                "tcp": await enter(serve(says(b"SSH-2.0-x\r\n"))),
                "dns": await enter(dns_server()),
            })  # fmt: skip
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(main())


async def cost(what: Module, target: str, base: Path) -> tuple[float, float]:
    """CPU seconds of one probe, and the share of them that failed."""
    targets = tuple(TargetOptions(name=f"t{number}", module="m", target=target) for number in range(TARGETS))
    options = Options(targets=targets, modules={"m": what})
    warm = TargetScheduler(build(options, str, base)[:20], limit=10)
    await warm.once()
    scheduler = TargetScheduler(build(options, str, base), limit=20)
    before = resource.getrusage(resource.RUSAGE_SELF)
    await scheduler.once()
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    failed = sum(bool(scrape.warnings or scrape.error) for scrape in scheduler.take(int(time.time() * 1000)))
    return spent / TARGETS, failed / TARGETS


async def measure(ports: dict[str, int], base: Path) -> dict[str, float]:
    trusting = {"ca_file": "ca.pem"}
    cases = {
        "http": (module("http", timeout=9, preferred_ip_protocol="ip4"), f"http://127.0.0.1:{ports['http']}/"),
        "http, a name": (module("http", timeout=9), f"http://localhost:{ports['http']}/"),
        "https": (module("http", timeout=9, tls_config=trusting), f"https://localhost:{ports['https']}/"),
        "tcp, banner": (module("tcp", timeout=9, query_response=[{"expect": "^SSH"}]), f"127.0.0.1:{ports['tcp']}"),
        "dns": (module("dns", timeout=9, query_name="example.test", query_type="A"), f"127.0.0.1:{ports['dns']}"),
        "icmp": (module("icmp", timeout=9), "127.0.0.1"),
    }
    shares = {}
    for name, (what, target) in cases.items():
        each, failed = await cost(what, target, base)
        shares[name] = each * TARGETS / INTERVAL
        lost = f", {failed:.0%} failed" if failed else ""
        share = f"{shares[name]:6.2%} of a core for {TARGETS} at {INTERVAL:g} s"
        print(f"{name:14} {each * 1000:6.2f} ms a probe, {share}{lost}")
    return shares


def main() -> int:
    ours, theirs = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        server = multiprocessing.Process(target=serving, args=(theirs, folder))
        server.start()
        try:
            shares = asyncio.run(measure(ours.recv(), Path(folder)))
        finally:
            ours.send(None)
            server.join(5)
            server.kill()
    return 0 if shares["http"] <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
