"""What the shipped SNMP profiles and the receiver of notifications make: each metric with its labels and how often."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from collectors.snmp.load import shipped, shipped_names
from collectors.snmp.profile import Every, Form, Index, Lookup, Object, Syntax
from collectors.snmp.traps import station

TARGET = frozenset({"instance", "job"})
SELF = {
    "up": TARGET,
    "snmp_scrape_duration_seconds": TARGET | {"module"},
    "snmp_scrape_packets_sent": TARGET | {"module"},
    "snmp_scrape_packets_retried": TARGET | {"module"},
}
"""What the poller says of itself, as snmp_exporter does."""
_TEXT = {Syntax.DISPLAY_STRING, Syntax.OCTET_STRING, Syntax.INET_ADDRESS_IPV4, Syntax.OBJECT_IDENTIFIER}
_TRAP_LABELS = {"trap", "security"}


class Made(NamedTuple):
    """``labels`` are those that it may have; ``every`` is None for what is not read from a device at intervals."""

    labels: frozenset[str]
    every: Every | None


def _name_and_labels(each: Object) -> tuple[str, set[str]]:
    if each.as_ is Form.INFO:
        return f"{each.name}_info", {each.name}
    return each.name, {each.name} if each.as_ is not Form.RAW or each.type in _TEXT else set()


def _of_profiles() -> Iterator[tuple[str, Made]]:
    for profile in map(shipped, shipped_names()):
        for scalar in profile.scalars:
            name, own = _name_and_labels(scalar)
            yield name, Made(TARGET | own, scalar.every or Every.SLOW)
        for table in profile.tables:
            parts: tuple[Index | Lookup, ...] = (*table.indexes, *table.lookups)
            labels = TARGET | {part.label for part in parts if not part.drop}
            for column in table.columns:
                name, own = _name_and_labels(column)
                yield name, Made(labels | own, column.every or table.every)
                if column.instead is not None:
                    yield column.instead.name, Made(labels, column.every or table.every)


@cache
def metrics() -> dict[str, Made]:
    """Every metric by its name."""
    profiles = [shipped(name) for name in shipped_names()]
    lookups = {label.label for profile in profiles for trap in profile.traps for label in trap.labels}
    found = {name: Made(TARGET | set(metric_labels), None) for name, metric_labels in SELF.items()}
    for metric in station.METRICS:
        more = _TRAP_LABELS | lookups if metric.name.startswith("snmp_traps") else set()
        found[metric.name] = Made(TARGET | set(metric.labels) | more, None)
    return found | dict(_of_profiles())


def made() -> set[str]:
    return set(metrics())
