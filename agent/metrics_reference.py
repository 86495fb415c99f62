"""``python -m agent.metrics_reference``: writes ``docs/metrics.md`` from what collectors and the agent declare.

A test compares the page with the program.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import collectors.api
from agent.build import JOB
from agent.daemon import OWN_JOB
from agent.metrics_compared import NOT_MADE, ONLY_HERE, TOLD_OTHERWISE, Difference
from agent.own_metrics import OWN_METRICS
from collectors.api import FRAME_METRICS, Metric

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"

_INTRODUCTION = f"""\
# Metrics

Generated from the program by `make docs`; do not edit.

What rules can use and `tocsin query` can ask for. `GET /metrics` shows all of it but what rules make. Every series
also has `instance` (the host name) and `job`: `{JOB}` for what collectors measure, `{OWN_JOB}` for what the agent
counts about itself. Names, labels and units of host metrics are those of node_exporter, so that rules and
dashboards people already have go on working. A collector may give less than it declares: what the kernel or the
machine does not have is not there.

`meminfo` gives one gauge for every line of `/proc/meminfo`, also for one that a newer kernel adds. `textfile` gives
whatever the files hold besides; `hwmon` and `zfs` also give what is not described here, by the same naming. Rules make
the series they record, and `ALERTS` and `ALERTS_FOR_STATE` as Prometheus does.
"""

_TARGETS = """\
`instance` is the target, `job` is as configured, and further labels are there when they are given; probes also have
`module`, and `name` where they have one: see [probes](probes.md) and [SNMP](snmp.md). A device has these once.

"""


_COMPARED = """\
A test compares all of it with the real exporter (the version of Debian 12, with every collector on) on one host: names,
types, labels and values. Families are given as regular expressions.

"""


def render() -> str:
    """The whole page."""
    parts = [_INTRODUCTION, "\n## Of every collector\n\n", _table(FRAME_METRICS)]
    for name in collectors.api.available():
        off = "" if collectors.api.on_by_default(name) else "Off until the configuration mentions it.\n\n"
        parts += [f"\n## Collector `{name}`\n\n{off}", _table(collectors.api.load(name).METRICS)]
    parts += ["\n## Of every target\n\n", _TARGETS, _table(collectors.api.TARGET_METRICS)]
    for kind in collectors.api.target_kinds():
        parts += [f"\n## Targets: `{kind}`\n\n", _table(collectors.api.load_targets(kind).METRICS)]
    parts += ["\n## The agent itself\n\n", _table(OWN_METRICS)]
    parts += ["\n## Beside node_exporter\n\n", _COMPARED]
    parts += ["### Not made here\n\n", _differences(NOT_MADE, "its collector")]
    parts += ["\n### Only here\n\n", _differences(ONLY_HERE, "collector")]
    parts += ["\n### The same name, another value\n\n", _differences(TOLD_OTHERWISE, "collector")]
    return "".join(parts)


def _table(metrics: Iterable[Metric]) -> str:
    return _lines(("metric", "type", "labels", "meaning"), map(_row, metrics))


def _differences(differences: Iterable[Difference], whose: str) -> str:
    rows = ((f"`{each.families}`".replace("|", "\\|"), each.whose, each.why) for each in differences)
    return _lines(("families", whose, "why"), rows)


def _lines(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _row(metric: Metric) -> tuple[str, str, str, str]:
    names = ", ".join(f"`{name}`" for name in metric.labels)
    return f"`{metric.name}`", metric.type.value, names, metric.help.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
