"""Debian's node_exporter as a process: started on a free port of loopback, asked, and ended."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from collectors.api import Labels


@contextmanager
def exporter(program: Path, *flags: str) -> Iterator[str]:
    """The address of its metrics, while it runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [program, f"--web.listen-address={address}", *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://{address}/metrics"
    finally:
        process.kill()
        process.wait()


def fetched(url: str) -> str:
    """What it answers, as soon as it does."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return str(answer.read(), "utf-8")
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def parsed(text: str) -> Iterator[tuple[str, Labels, float, str]]:
    """(name, labels without empty ones, value, type in our words) of each series."""
    for family in text_string_to_metric_families(text):
        kind = "untyped" if family.type == "unknown" else family.type
        for sample in family.samples:
            pairs = tuple(sorted((name, value) for name, value in sample.labels.items() if value))
            yield sample.name, pairs, sample.value, kind
