"""Every family that Debian's node_exporter can give on this host is made here with the same type, or named as not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from exporter_kit import exporter, fetched, parsed
from test_collect_agreement import NEWER

from agent.metrics_compared import NOT_MADE, ONLY_HERE, TOLD_OTHERWISE, Difference
from collectors.api import FRAME_METRICS, HostFS, Metric, Scraper, available, is_builtin, load, present

OF_THE_FRAME = frozenset(metric.name for metric in FRAME_METRICS)
NEEDS_MORE = frozenset({"supervisord", "runit", "wifi", "perf", "disable-defaults"})
"""Collectors that the exporter is not given: they need a service, a device or rights, or are none."""


@pytest.fixture(scope="module")
def reference(require: Callable[[str], Path]) -> dict[str, str]:
    """Type by name of all that node_exporter tells of this host with everything on."""
    program = require("prometheus-node-exporter")
    help_text = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    every = set(re.findall(r"--collector\.([a-z0-9_-]+) ", help_text.stdout + help_text.stderr)) - NEEDS_MORE
    with exporter(
        program, "--collector.cpu.info", "--collector.stat.softirq", *(f"--collector.{name}" for name in sorted(every))
    ) as url:
        return {name: kind for name, _, _, kind in parsed(fetched(url)) if is_theirs(name)}


def is_theirs(name: str) -> bool:
    return name.startswith("node_") and name not in OF_THE_FRAME


def declared() -> dict[str, Metric]:
    return {metric.name: metric for name in available() for metric in load(name).METRICS}


def matching(names: Iterable[str], differences: Iterable[Difference]) -> set[str]:
    pattern = re.compile("|".join(each.families for each in differences))
    return {name for name in names if pattern.fullmatch(name)}


@pytest.mark.server("prometheus-node-exporter")
def test_every_family_of_the_exporter_is_made_or_named_as_not_made(reference: dict[str, str]) -> None:
    assert len(reference) > 300
    missing = set(reference) - set(declared())
    unnamed = missing - matching(missing, NOT_MADE)
    assert not unnamed, "make it, or give the reason in agent/metrics_compared.py"


@pytest.mark.server("prometheus-node-exporter")
def test_types_are_those_of_the_exporter(reference: dict[str, str]) -> None:
    ours = declared()
    assert {name: kind for name, kind in reference.items() if name in ours} == {
        name: ours[name].type.value for name in reference if name in ours
    }


@pytest.mark.server("prometheus-node-exporter")
async def test_what_this_host_has_beyond_the_exporter_is_named(reference: dict[str, str]) -> None:
    host = HostFS()
    names = [name for name in available() if is_builtin(name) and present(name, host)]
    frame = Scraper(
        {name: (module := load(name)).build(module.Options(), host) for name in names}, job="node", instance="here"
    )
    given = {sample.name for scrape in await frame.cycle(0) for sample in scrape.samples} - OF_THE_FRAME
    await frame.aclose()
    beyond = {name for name in given - set(reference) if not NEWER.fullmatch(name)}
    assert len(given) > 300
    assert beyond == matching(beyond, ONLY_HERE), "name it in agent/metrics_compared.py, or as newer"


@pytest.mark.server("prometheus-node-exporter")
def test_what_is_only_here_is_not_there(reference: dict[str, str]) -> None:
    assert not matching(reference, ONLY_HERE)


def test_what_is_named_as_not_made_is_not_made() -> None:
    assert not matching(declared(), NOT_MADE), "take it off the list in agent/metrics_compared.py"


@pytest.mark.parametrize("each", [*ONLY_HERE, *TOLD_OTHERWISE], ids=lambda each: each.families)
def test_what_is_said_of_our_families_is_said_of_some(each: Difference) -> None:
    named = matching(declared(), [each])
    assert named
    assert named <= {metric.name for name in each.whose.split(", ") for metric in load(name).METRICS}


def test_a_family_of_another_exporter_is_named_as_only_here() -> None:
    foreign = {name for name in declared() if not name.startswith("node_")}
    assert foreign == matching(foreign, ONLY_HERE), "name it in agent/metrics_compared.py"
