"""What there is besides one rule: the metrics of this agent, the other rules, the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import collectors.api
from agent.config.lints._known import SCRIPTS
from agent.config.lints._sources import Origin, metrics_of, origins
from agent.config.schema import Config
from collectors.api import MetricType
from rules.api import AlertingRule, Expr, Group, RecordingRule, Recordings, RuleFile, recordings_of

NEAR = 0.85
"""How like a name must be to be offered: a letter wrong, not another metric of the same kind."""
MOST_NEAREST = 300
"""Looking for one takes milliseconds; a file of ten thousand unknown names has another mistake than spelling."""
ENGINE_METRICS = frozenset({"ALERTS", "ALERTS_FOR_STATE"})

Identity = tuple[type, str, tuple[tuple[str, str], ...]]
"""Kind, name and labels as written."""


def identity(rule: AlertingRule | RecordingRule) -> Identity:
    if isinstance(rule, RecordingRule):
        return RecordingRule, rule.name, rule.labels
    return AlertingRule, rule.name, tuple((name, template.source) for name, template in rule.labels)


class World:
    """``subjects`` are the files being checked, which are in force together; ``known`` are further ones whose recorded
    metrics they may use.
    """

    def __init__(self, config: Config, subjects: Sequence[RuleFile], known: Iterable[RuleFile]) -> None:
        self.config = config
        self.interval = config.collect.interval
        self.subjects = tuple(subjects)
        self.files = (*(file for file in known if file.file not in {each.file for each in subjects}), *subjects)
        self.open_ended = bool(getattr(config.collect.host.options.get("textfile"), "directories", ()))
        """Files of people may bring any metric: an unknown one is no mistake."""
        self._scripts = SCRIPTS if "textfile" in config.collect.host.enabled else ()
        self.metrics = origins(config)
        self._told: dict[tuple[str, int], tuple[Expr, Any]] = {}
        self._nearest: dict[str, str] = {}

    @cached_property
    def recorded(self) -> dict[str, list[tuple[RuleFile, Group, RecordingRule]]]:
        found: dict[str, list[tuple[RuleFile, Group, RecordingRule]]] = {}
        for file in self.files:
            for group in file.groups:
                for rule in group.rules:
                    if isinstance(rule, RecordingRule):
                        found.setdefault(rule.name, []).append((file, group, rule))
        return found

    @cached_property
    def recordings(self) -> Recordings:
        """The same as values, as the evidence of an alert asks for them."""
        return recordings_of(rule for file in self.files for rule in file.rules)

    @cached_property
    def conditions(self) -> dict[tuple[str, int, Expr], list[tuple[RuleFile, AlertingRule]]]:
        """Alerts of one name, one ``for`` and one condition, in order."""
        found: dict[tuple[str, int, Expr], list[tuple[RuleFile, AlertingRule]]] = {}
        for file, rule in self._checked():
            if isinstance(rule, AlertingRule):
                found.setdefault((rule.name, rule.for_, rule.expr), []).append((file, rule))
        return found

    @cached_property
    def twins(self) -> dict[Identity, list[tuple[RuleFile, AlertingRule | RecordingRule]]]:
        """Rules that make the same alerts or series."""
        found: dict[Identity, list[tuple[RuleFile, AlertingRule | RecordingRule]]] = {}
        for file, rule in self._checked():
            found.setdefault(identity(rule), []).append((file, rule))
        return found

    def _checked(self) -> Iterator[tuple[RuleFile, AlertingRule | RecordingRule]]:
        return ((file, rule) for file in self.subjects for rule in file.rules)

    def declared(self, name: str) -> Origin | None:
        """A metric of this agent whose labels and type are known; not one that a rule records."""
        return None if name in self.recorded else self.metrics.get(name)

    def is_known(self, name: str) -> bool:
        known = name in self.metrics or name in self.recorded or name in ENGINE_METRICS
        return known or name.startswith(self._scripts)

    def type_of(self, name: str) -> MetricType | None:
        declared = self.declared(name)
        return declared.metric.type if declared is not None else None

    def interval_of(self, name: str) -> int:
        """Time in ms between two samples of a metric: of a recorded one that of the slowest group that records it."""
        intervals = [group.interval or self.interval for _, group, _ in self.recorded.get(name, ())]
        declared = self.declared(name)
        return max(intervals, default=declared.interval if declared is not None else self.interval)

    def told(self, what: str, expr: Expr) -> Any:
        """What was found out about a part of an expression; None when nothing was yet."""
        return self._told.get((what, id(expr)), (expr, None))[1]

    def tell(self, what: str, expr: Expr, found: object) -> None:
        """Keeps it, and the part itself, so that no other can have its ``id``."""
        self._told[what, id(expr)] = expr, found

    def nearest(self, name: str) -> str:
        """The known metric that was probably meant; "" when none is near, or when very many names were asked for."""
        if name not in self._nearest and len(self._nearest) < MOST_NEAREST:
            known = [*self.metrics, *self.recorded]
            # The names before node_exporter 0.16 had no unit at the end: node_cpu, node_boot_time.
            longer = sorted((each for each in known if each.startswith(f"{name}_")), key=len)
            self._nearest[name] = (longer or get_close_matches(name[:128], known, n=1, cutoff=NEAR) or [""])[0]
        return self._nearest.get(name, "")

    def collector_that_is_off(self, name: str) -> str:
        """The collector that would give this metric, were it on; "" when there is none."""
        if name.startswith(SCRIPTS) and not self._scripts:
            return "textfile"
        off = (each for each in collectors.api.available() if each not in self.config.collect.host.enabled)
        return next((each for each in off if any(metric.name == name for metric in metrics_of(each))), "")
