"""The families that profiles give, as the reference and the checks of rules know them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collectors._model import Metric, counter, gauge
from collectors.snmp.columns import is_number
from collectors.snmp.profile import Form, Index, Lookup, Object, Profile, Syntax, Table
from collectors.snmp.samples import narrow

_DATES = frozenset({Syntax.DATE_AND_TIME, Syntax.PARSE_DATE_AND_TIME, Syntax.NTP_TIME_STAMP})


def declared(profiles: Iterable[Profile]) -> tuple[Metric, ...]:
    """Every family once, sorted by name."""
    found: dict[str, Metric] = {}
    for profile in profiles:
        for scalar in profile.scalars:
            found.update((metric.name, metric) for metric in _families(scalar, ()))
        for table in profile.tables:
            labels = published(table)
            for column in table.columns:
                found.update((metric.name, metric) for metric in _families(column, labels))
                if (less := narrow(column)) is not None:
                    found.update((metric.name, metric) for metric in _families(less, labels))
    return tuple(found[name] for name in sorted(found))


def published(table: Table) -> tuple[str, ...]:
    """Names of the labels that all metrics of a table have."""
    parts: tuple[Index | Lookup, ...] = (*table.indexes, *table.lookups)
    return tuple(sorted(each.label for each in parts if not each.drop))


def _families(each: Object, labels: tuple[str, ...]) -> Iterator[Metric]:
    if is_number(each):
        yield (counter if each.type is Syntax.COUNTER else gauge)(each.name, each.help, *labels)
    elif each.type in _DATES:
        yield gauge(each.name, each.help, *labels)
    elif each.regex_extracts:
        for suffix in each.regex_extracts:
            yield gauge(each.name + suffix, each.help, *labels)
    else:
        name = f"{each.name}_info" if each.as_ is Form.INFO else each.name
        yield gauge(name, each.help, *sorted({*labels, each.name}))
