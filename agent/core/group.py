"""Alerts to buckets: which incident an alert belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.core.classify import Classifier
from agent.core.identity import CI, fault_key, grouping_labels
from agent.core.model import Ci, Incident, IncidentState, Labels
from agent.core.route import Match, Node, route
from rules.api import Alert

DRILL = "drill:"


@dataclass(frozen=True, slots=True)
class Bucket:
    """The alerts of one evaluation that belong to one fault, and where it is to be reported."""

    key: str
    rule: str
    ci: Ci
    grouping: Labels
    backends: tuple[str, ...]
    group_wait: int
    group_interval: int
    paths: tuple[str, ...]
    alerts: tuple[Alert, ...]
    test: bool = False


@dataclass(slots=True)
class _Gathered:
    rule: str
    ci: Ci
    grouping: Labels
    matches: list[Match] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)


def group(
    alerts: Iterable[Alert], tree: Node, classifier: Classifier, live: Mapping[str, Incident]
) -> dict[str, Bucket]:
    """Sort alerts into buckets by fault key.

    ``live`` are the incidents that are not resolved, by key. An alert that is a member of one stays with it, so that a
    new routing tree or catalogue never makes a second ticket in the same backend for a fault that already has one. Nor
    does it cut an incident off: one in a backend that no route leads to any more still hears of its members.
    """
    homes = _homes(live)
    gathered: dict[str, _Gathered] = {}
    for alert in alerts:
        labels = dict(alert.labels)
        ci = classifier.ci(labels)
        reached: set[str] = set()
        for match in route(tree, {**labels, CI: ci.name}):
            grouping = grouping_labels(labels, match.group_by)
            key = _home(fault_key(alert.rule, ci.id, grouping), match.backend, homes.get(alert.labels, ()), live)
            bucket = gathered.get(key)
            if bucket is None:
                bucket = gathered[key] = _Gathered(alert.rule, ci, grouping)
            if match not in bucket.matches:
                bucket.matches.append(match)
            _put(bucket, alert)
            reached.update((match.backend, *(live[key].backends if key in live else ())))
        for home in homes.get(alert.labels, ()):
            if not reached.issuperset(live[home].backends):
                _gather_at_home(gathered, live[home], alert)
    return {key: _bucket(key, gathered[key], live.get(key)) for key in sorted(gathered)}


def drill(bucket: Bucket) -> Bucket:
    """The same fault as an exercise: its key differs, so that it never meets a real incident."""
    return replace(bucket, key=DRILL + bucket.key, test=True)


def _homes(live: Mapping[str, Incident]) -> dict[Labels, list[str]]:
    homes: dict[Labels, list[str]] = {}
    for key in sorted(live):
        incident = live[key]
        if incident.state is not IncidentState.RESOLVED and not incident.test:
            for member in incident.members:
                homes.setdefault(member.labels, []).append(key)
    return homes


def _home(key: str, backend: str, homes: Sequence[str], live: Mapping[str, Incident]) -> str:
    """The live incident the alert is a member of and that has this backend; else the one its labels name."""
    if key in homes:
        return key
    return next((home for home in homes if backend in live[home].backends), key)


def _gather_at_home(gathered: dict[str, _Gathered], home: Incident, alert: Alert) -> None:
    bucket = gathered.setdefault(home.key, _Gathered(home.rule, home.ci, home.grouping))
    _put(bucket, alert)


def _put(bucket: _Gathered, alert: Alert) -> None:
    """Once, however many routes lead here. They do so one after another, so only the last can be the same: in a storm
    there are thousands.
    """
    if not bucket.alerts or bucket.alerts[-1] is not alert:
        bucket.alerts.append(alert)


def _bucket(key: str, gathered: _Gathered, incident: Incident | None) -> Bucket:
    matches = sorted(gathered.matches, key=lambda match: match.path)
    waits = [match.group_wait for match in matches] or ([incident.group_wait] if incident else [])
    intervals = [match.group_interval for match in matches] or ([incident.group_interval] if incident else [])
    backends = [match.backend for match in matches] or (incident.backends if incident else ())
    return Bucket(
        key=key,
        rule=gathered.rule,
        ci=gathered.ci,
        grouping=gathered.grouping,
        backends=tuple(dict.fromkeys(backends)),
        group_wait=min(waits),
        group_interval=min(intervals),
        paths=tuple(" > ".join(match.path) for match in matches),
        alerts=tuple(sorted(gathered.alerts, key=lambda alert: (alert.labels, alert.group, alert.file))),
    )
