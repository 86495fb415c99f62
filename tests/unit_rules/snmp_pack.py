"""What the shipped SNMP profiles, the poller and the receiver of notifications make: metrics, labels and how often."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from collectors.snmp.declared import declared
from collectors.snmp.load import shipped, shipped_names
from collectors.snmp.own import OWN
from collectors.snmp.profile import Every, Object
from collectors.snmp.traps import station

TARGET = frozenset({"instance", "job"})


class Made(NamedTuple):
    """``labels`` are those that it may have. ``slow``: read every 240 s, in place of every 60 s."""

    labels: frozenset[str]
    slow: bool


def _objects() -> Iterator[tuple[Object, Every]]:
    for profile in map(shipped, shipped_names()):
        yield from ((each, each.every or Every.SLOW) for each in profile.scalars)
        for table in profile.tables:
            yield from ((each, each.every or table.every) for each in table.columns)


@cache
def metrics() -> dict[str, Made]:
    """Every metric by its name."""
    profiles = [shipped(name) for name in shipped_names()]
    slow = {each.name for each, every in _objects() if every is Every.SLOW}
    variables = {label.label for profile in profiles for trap in profile.traps for label in trap.labels}
    found = {"up": Made(TARGET, slow=False)}
    for metric in (*station.METRICS, *OWN):
        more = variables if metric.name.startswith("snmp_traps") else set()
        found[metric.name] = Made(TARGET | set(metric.labels) | more, slow=False)
    for metric in declared(profiles):
        found[metric.name] = Made(TARGET | set(metric.labels), metric.name in slow)
    return found
