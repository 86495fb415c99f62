"""What an alert is about and how bad it is: CI, category, service, group, impact, urgency, priority.

Everything comes from configuration. For each field the order is: a row of the classification table, the alert's own
label, the catalogue, the default; ``Class.why`` keeps which of them spoke.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from agent.core.identity import CI, INSTANCE, instance_ci
from agent.core.matcher import CompileRegex, LabelTest, all_match, compile_all
from agent.core.model import Ci
from agent.core.policy import SEVERITY_LABEL, Catalogue, CatalogueCi, Classification, ClassRule, Service
from agent.core.priority import impact_of, priority_of, urgency_of

DEFAULT = "default"


class Class(msgspec.Struct, frozen=True):
    """The classification of one alert. ``why`` names for each field where its value came from."""

    severity: str
    category: str
    subcategory: str
    service: str
    assignment_group: str
    impact: int
    urgency: int
    priority: int
    why: tuple[tuple[str, str], ...]

    @property
    def worst_first(self) -> tuple[int, int, int]:
        """Sorting by this puts the worst alert first."""
        return (self.priority, self.urgency, self.impact)


class _Row(msgspec.Struct, frozen=True):
    where: str
    tests: tuple[LabelTest, ...]
    rule: ClassRule


class Classifier(msgspec.Struct, frozen=True):
    """The classification tables and the catalogue, ready to run."""

    config: Classification
    rows: tuple[_Row, ...]
    cis: tuple[tuple[tuple[LabelTest, ...], CatalogueCi], ...]
    ci_by_id: Mapping[str, CatalogueCi]
    services: Mapping[str, Service]
    own: Ci
    instance: str

    def ci(self, labels: Mapping[str, str]) -> Ci:
        """The CI an alert is about: the catalogue's first match, this host, or the instance by its name."""
        for tests, entry in self.cis:
            if tests and all_match(tests, labels):
                return Ci(id=entry.id, name=entry.name or entry.id)
        instance = labels.get(INSTANCE, "")
        return self.own if instance in ("", self.instance) else instance_ci(instance)

    def classify(self, labels: Mapping[str, str], ci: Ci) -> Class:
        """Classify one alert about this CI."""
        labels = {**labels, CI: ci.name}
        rows = [row for row in self.rows if all_match(row.tests, labels)]
        entry = self.ci_by_id.get(ci.id)
        config = self.config

        service, service_why = _first(
            *((row.rule.service, row.where) for row in rows),
            (labels.get("service", ""), "label service"),
            (entry.service if entry else "", "catalogue"),
            (config.default_service, DEFAULT),
        )
        known = self.services.get(service)
        label_category = labels.get("category", "")
        category, category_why = _first(
            *((row.rule.category, row.where) for row in rows),
            (label_category if label_category in config.categories else "", "label category"),
            (config.default_category, DEFAULT),
        )
        subcategory, subcategory_why = _first(
            *((row.rule.subcategory, row.where) for row in rows),
            (labels.get("subcategory", ""), "label subcategory"),
            (labels.get("component", ""), "label component"),
        )
        group, group_why = _first(
            *((row.rule.assignment_group, row.where) for row in rows),
            (labels.get("assignment_group", ""), "label assignment_group"),
            (entry.assignment_group if entry else "", "catalogue, CI"),
            (known.assignment_group if known else "", "catalogue, service"),
            (config.groups.get(category, ""), "groups, by category"),
            (config.default_assignment_group, DEFAULT),
        )
        impact, impact_why = self._impact(rows, entry, known)
        severity = labels.get(SEVERITY_LABEL, "")
        urgency, urgency_why = urgency_of(severity, config), f"severity {severity or 'not set'}"
        for row in rows:
            if row.rule.urgency is not None:
                urgency, urgency_why = row.rule.urgency, row.where
                break
        return Class(
            severity=severity,
            category=category,
            subcategory=subcategory,
            service=service,
            assignment_group=group,
            impact=impact,
            urgency=urgency,
            priority=priority_of(impact, urgency, config),
            why=(
                ("category", category_why),
                ("subcategory", subcategory_why),
                ("service", service_why),
                ("assignment_group", group_why),
                ("impact", impact_why),
                ("urgency", urgency_why),
            ),
        )

    def _impact(self, rows: Iterable[_Row], entry: CatalogueCi | None, service: Service | None) -> tuple[int, str]:
        for row in rows:
            if row.rule.impact is not None:
                return row.rule.impact, row.where
        if entry and entry.criticality:
            return impact_of(entry.criticality, self.config), f"catalogue, CI is {entry.criticality.value}"
        if service:
            why = f"catalogue, service is {service.criticality.value}"
            return impact_of(service.criticality, self.config), why
        return impact_of(None, self.config), DEFAULT


def build_classifier(
    config: Classification, catalogue: Catalogue, *, own: Ci, instance: str, compile_regex: CompileRegex
) -> Classifier:
    """Compile the tables; raises MatcherError. ``instance`` is the ``instance`` label of this host's own series."""
    return Classifier(
        config=config,
        rows=tuple(
            _Row(f"classification.rules[{number}]", compile_all(rule.matchers, compile_regex), rule)
            for number, rule in enumerate(config.rules)
        ),
        cis=tuple((compile_all(entry.matchers, compile_regex), entry) for entry in catalogue.cis),
        ci_by_id={entry.id: entry for entry in reversed(catalogue.cis)},
        services={service.name: service for service in reversed(catalogue.services)},
        own=own,
        instance=instance,
    )


def _first(*candidates: tuple[str, str]) -> tuple[str, str]:
    """The first candidate with a value, and where it came from."""
    return next(((value, where) for value, where in candidates if value), ("", "nothing says"))
