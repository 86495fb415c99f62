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
from typing import NamedTuple

import pytest
from golden_hardware import FILES as HARDWARE
from golden_hardware import plant_hardware
from golden_host import TREE, GoldenHost
from golden_rpm import FILES as RPM
from golden_services import FILES as SERVICES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors import _scrape
from collectors._host import PROC_LIMIT
from collectors._scrape import explain
from collectors.api import CollectorError, HostFS, Scraper, available, load

TREES = int(os.environ.get("TOCSIN_TREES", "25"))
GOLDEN = {path: text.encode() for path, text in (TREE | HARDWARE).items()}
GOLDEN |= SERVICES | RPM
GOLDEN["var/lib/prometheus/node-exporter/a.prom"] = b'x{a="1"} 1\n'


WAYS = ("cut", "insert", "flip", "double", "noise", "huge", "vast", "gone")
Tree = dict[str, bytes]


class Change(NamedTuple):
    """What happens to one file at ``place``, a share of its length; ``text`` is what some ways put there."""

    path: str
    way: str
    place: float
    text: bytes

    def apply(self, tree: Tree) -> None:
        data = tree[self.path]
        place = int(len(data) * self.place)
        if self.way == "gone":
            del tree[self.path]
            return
        tree[self.path] = {
            "cut": data[:place],
            "insert": data[:place] + self.text + data[place:],
            "flip": data[:place] + self.text[:1] + data[place + 1 :],
            "double": data + data,
            "noise": self.text,
            "huge": data * (100_000 // max(len(data), 1) + 1),
            "vast": data + b"9" * (PROC_LIMIT + 1),
        }[self.way]


TEXTS = st.sampled_from([b"\xff", b"\0", b"\n\n", b" ", b"9" * 400, b"9" * 5000, b"-1", b"{"]) | st.binary(max_size=200)
CHANGES = st.lists(
    st.builds(Change, st.sampled_from(sorted(GOLDEN)), st.sampled_from(WAYS), st.floats(0, 1), TEXTS),
    min_size=1, max_size=8, unique_by=lambda change: change.path,
)  # fmt: skip


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> GoldenHost:
    """The golden machine; each example changes what differs and puts it back, for planting it all takes long."""
    return plant_hardware(tmp_path_factory.mktemp("machine"), GOLDEN)


@contextmanager
def changed(machine: GoldenHost, tree: Tree) -> Iterator[None]:
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
    frame = Scraper(collectors, job="node", instance="i", deadline_s=60)
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


def survive(machine: GoldenHost, unforeseen: list[str], tree: Tree) -> None:
    unforeseen.clear()
    with changed(machine, tree):
        asyncio.run(scrape_all(machine))
    assert not unforeseen, unforeseen.pop()
    assert not [thread for thread in threading.enumerate() if thread.name == "tocsin-collect" and not thread.daemon]


@settings(max_examples=TREES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CHANGES)
def test_no_tree_gets_an_exception_out_of_a_collector(
    machine: GoldenHost, unforeseen: list[str], changes: list[Change]
) -> None:
    tree = dict(GOLDEN)
    for change in changes:
        change.apply(tree)
    survive(machine, unforeseen, tree)


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\0", b"9" * 6000 + b"\n", b"9" * 4000 + b"\n", b"-1\n", b"a:b c=d\n"])
def test_every_file_says_the_same(machine: GoldenHost, unforeseen: list[str], text: bytes) -> None:
    survive(machine, unforeseen, dict.fromkeys(GOLDEN, text))


def test_the_golden_machine_and_an_empty_one(machine: GoldenHost, unforeseen: list[str]) -> None:
    survive(machine, unforeseen, GOLDEN)
    survive(machine, unforeseen, {})
