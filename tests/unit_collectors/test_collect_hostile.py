"""Generated, mutated and truncated hosts: whatever the files say, every collector ends in a scrape.

A sample of trees each time; TOCSIN_TREES=1000 in the environment for as many as that.
"""

from __future__ import annotations

import asyncio
import os
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from golden_hardware import FILES as HARDWARE
from golden_hardware import plant_hardware
from golden_host import TREE, GoldenHost
from golden_services import FILES as SERVICES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collectors import _scrape
from collectors._host import PROC_LIMIT
from collectors._scrape import explain
from collectors.api import CollectorError, HostFS, Scraper, available, load

TREES = int(os.environ.get("TOCSIN_TREES", "25"))
GOLDEN = {path: text.encode() for path, text in (TREE | HARDWARE).items()}
GOLDEN |= SERVICES
GOLDEN["var/lib/prometheus/node-exporter/a.prom"] = b'x{a="1"} 1\n'


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, bytes]:
    """The golden tree with a few files cut, changed, doubled, replaced, or gone."""
    tree = dict(GOLDEN)
    for path in draw(st.lists(st.sampled_from(sorted(GOLDEN)), min_size=1, max_size=4, unique=True)):
        data = tree[path]
        place = draw(st.integers(0, len(data)))
        way = draw(st.sampled_from(["cut", "insert", "flip", "double", "noise", "huge", "vast", "gone"]))
        if way == "cut":
            tree[path] = data[:place]
        elif way == "insert":
            tree[path] = (
                data[:place]
                + draw(st.sampled_from([b"\xff", b"\0", b"\n\n", b" ", b"9" * 5000, b"-1", b"{"]))
                + data[place:]
            )
        elif way == "flip":
            tree[path] = data[:place] + bytes([draw(st.integers(0, 255))]) + data[place + 1 :]
        elif way == "double":
            tree[path] = data + data
        elif way == "noise":
            tree[path] = draw(st.binary(max_size=200))
        elif way == "huge":
            tree[path] = data * (100_000 // max(len(data), 1) + 1)
        elif way == "vast":
            tree[path] = data + b"9" * (PROC_LIMIT + 1)
        else:
            del tree[path]
    return tree


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> GoldenHost:
    """The golden machine; each example changes what differs and puts it back, for planting it all takes long."""
    return plant_hardware(tmp_path_factory.mktemp("machine"), GOLDEN)


@contextmanager
def changed(machine: GoldenHost, tree: dict[str, bytes]) -> Iterator[None]:
    top = Path(machine.root.root)
    paths = [path for path, data in GOLDEN.items() if tree.get(path) != data]
    for path in paths:
        if path in tree:
            (top / path).write_bytes(tree[path])
        else:
            (top / path).unlink()
    try:
        yield
    finally:
        for path in paths:
            (top / path).write_bytes(GOLDEN[path])


async def scrape_all(host: HostFS) -> None:
    collectors = {name: (module := load(name)).build(module.Options(), host) for name in available()}
    frame = Scraper(collectors, job="node", instance="i", deadline_s=5)
    for cycle in range(2):
        scrapes = await frame.cycle(cycle)
        assert [scrape.source for scrape in scrapes] == list(collectors)
        for scrape in scrapes:
            assert scrape.ok == (not scrape.error)
            assert "still running" not in scrape.error
            assert len({(sample.name, sample.labels) for sample in scrape.samples}) == len(scrape.samples)
            for sample in scrape.samples:
                assert type(sample.value) is float
                assert all(value.encode() and name.isidentifier() for name, value in sample.labels)
    await frame.aclose()


@pytest.fixture(scope="module")
def unforeseen() -> Iterator[list[str]]:
    """What got out of a collector and is not its own word (CollectorError) for what is wrong with a file."""
    found: list[str] = []

    def noting(error: BaseException) -> str:
        if not isinstance(error, CollectorError):
            found.append("".join(traceback.format_exception(error)))
        return explain(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_scrape, "explain", noting)
        yield found


@settings(max_examples=TREES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
@example(GOLDEN)
@example({})
@example(dict.fromkeys(GOLDEN, b""))
@example(dict.fromkeys(GOLDEN, b"\xff\xfe\0"))
@example(dict.fromkeys(GOLDEN, b"9" * 6000 + b"\n"))
def test_no_tree_gets_an_exception_out_of_a_collector(
    machine: GoldenHost, unforeseen: list[str], tree: dict[str, bytes]
) -> None:
    with changed(machine, tree):
        asyncio.run(scrape_all(machine))
    assert not unforeseen, unforeseen.pop()
    assert not [thread for thread in threading.enumerate() if thread.name == "tocsin-collect" and not thread.daemon]
