"""What the agent shows: plain JSON values for the APIs and the command, made from the live parts on request."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from agent.core.explain import Line, explain
from agent.core.model import Incident, IncidentState
from agent.core.outbox import OutboxRow
from agent.delivery import BackendStatus, GateState
from agent.http.parameters import BadParameter
from agent.http.tocsin_api import NotFound
from agent.objectives import objective_rows
from agent.rule_view import explained, rules_named
from agent.store import IncidentQuery
from agent.version import VERSION
from collectors.api import Metric, is_target
from rules.api import (
    Alert,
    AlertState,
    GroupStatus,
    Health,
    RuleStatus,
    SeriesWindow,
    did_you_mean,
)

if TYPE_CHECKING:
    from agent.cycle import Cycle
    from agent.daemon import Daemon

SEARCHED = 1_000
"""How many incidents, the newest, are looked through for a ticket's number."""
CERTIFICATE_S = 14 * 86_400
"""A certificate that ends within this many seconds is somebody's work."""
LIVE = tuple(state for state in IncidentState if state is not IncidentState.RESOLVED)


class View:
    """Read access to a running daemon, in the shapes that the HTTP APIs promise."""

    def __init__(self, daemon: Daemon) -> None:
        self._d = daemon

    @property
    def series(self) -> SeriesWindow:
        return self._d.series

    @property
    def declared(self) -> Mapping[str, Metric]:
        return self._d.declared

    def now(self) -> int:
        return self._d.timeline.now()

    def started_at(self) -> int:
        return self._d.started_at

    def rule_groups(self) -> Sequence[Mapping[str, Any]]:
        """The groups of Prometheus's ``/api/v1/rules``."""
        return [_group(group) for group in self._d.engine.groups()]

    def alert_list(self) -> Sequence[Mapping[str, Any]]:
        """The shape of Prometheus's ``/api/v1/alerts``; an alert held without data counts as firing there."""
        return [_prometheus_alert(alert) for alert in self._d.engine.alerts()]

    def alerts(self) -> Sequence[Mapping[str, Any]]:
        return [_alert(alert) for alert in self._d.engine.alerts()]

    def status(self) -> Mapping[str, Any]:
        d, cycle = self._d, self._d.cycle.stats
        failing = cycle.rules_failing
        backends = d.delivery.status()
        left = d.delivery.left_behind()
        problems = self._problems(backends, left)
        states = [alert.state for alert in d.engine.alerts()]
        scheduler = d.cycle.scraper.targets
        targets = scheduler.sources if scheduler is not None else frozenset[str]()
        return {
            "healthy": not problems,
            "problems": problems,
            "version": VERSION,
            "ci": d.own.ci.name,
            "ci_id": d.own.ci.id,
            "environment": d.config.identity.environment,
            "started_at": _rfc3339(d.started_at),
            "configuration": d.loaded.file,
            "configuration_hash": d.loaded.config_hash,
            "configuration_in_force": d.in_force,
            "url": d.url,
            "cycles": cycle.cycles,
            "cycles_skipped": cycle.skipped,
            "cycle_seconds": round(cycle.last_duration, 4),
            "series": d.series.stats().series,
            "samples": d.series.stats().samples,
            "samples_refused": cycle.refused_samples,
            "clock_steps": cycle.clock_steps,
            "pauses": cycle.pauses,
            "store": {
                "directory": str(d.state),
                "healthy": d.store.healthy,
                "degraded": d.store.degraded,
                "found": d.store.opened.found.value,
                "detail": d.store.opened.detail,
                "quarantined_to": d.store.opened.quarantined_to,
                "restored_from": d.store.opened.restored_from,
                "quarantined_rows": d.store.stats.quarantined_rows,
                "failed_writes": d.store.stats.failed,
                "owed": d.book.owed + d.delivery.ledger.unwritten,
                "free_bytes": d.health.room.free if d.health.room else None,
                "reserve": d.health.room.reserved if d.health.room else None,
            },
            "history": {
                "samples_taken_up": d.history.stats.samples_taken_up,
                "kept_at": "" if d.history.stats.kept_at is None else _rfc3339(d.history.stats.kept_at),
                "damaged": d.history.stats.damaged,
                "series_left_out": d.history.stats.left_out,
            },
            "memory_limit_bytes": d.health.memory_limit,
            "starts_last_hour": d.health.recent_starts(d.timeline.now()),
            "cycle_lag_seconds": round(cycle.last_lag, 4),
            "alerts_without_data_seconds": round(cycle.longest_without_data),
            "alerts": {state.value: states.count(state) for state in AlertState if state is not AlertState.INACTIVE},
            "incidents": {
                state.value: sum(incident.state is state for incident in d.book.live.values()) for state in LIVE
            },
            "backends": [
                {
                    "backend": each.backend,
                    "state": each.state.value,
                    "certificate_ends": _moment_of(d.health.certificates.get(each.backend)),
                    "pending": each.pending,
                    "sending": each.sending,
                    "in_doubt": each.in_doubt,
                    "rejected": each.rejected,
                    "open_tickets": each.open_tickets,
                    "last_error": each.last_error,
                }
                for each in backends
            ]
            + [_left_behind(name, count) for name, count in sorted(left.items())],
            "collectors": [
                {
                    "collector": scrape.source,
                    "ok": scrape.ok,
                    "samples": len(scrape.samples),
                    "ms": round(scrape.duration_s * 1000, 2),
                    "dropped": scrape.dropped,
                    "notes": "; ".join(filter(None, (scrape.error, *scrape.warnings))),
                }
                for scrape in cycle.scrapes.values()
                if scrape.source not in targets
            ],
            **_targets(d.cycle),
            "collectors_absent": list(d.cycle.scraper.absent),
            "rule_files_refused": [
                {
                    "file": each.file,
                    "in_force": each.in_force,
                    "since": "" if each.since is None else _rfc3339(each.since),
                    "problem": str(each.problem),
                }
                for each in d.rule_files.stale
            ],
            "objectives": objective_rows(d.config.slo, d.calendars, d.series, d.timeline.now()),
            "rules_failing": [{"rule": rule, "error": error} for rule, error in failing.items()],
            "rules_waiting": [
                {
                    "rule": each.rule,
                    "group": each.group,
                    "waits_for": str(each),
                    "until": _rfc3339(each.until),
                }
                for each in d.engine.waiting()
            ],
        }

    def _problems(self, backends: Sequence[BackendStatus], left: Mapping[str, int]) -> list[str]:
        """What somebody should look at, the gravest first, each with what is known about it."""
        d = self._d
        found = [] if d.store.healthy else [f"the state in {d.state} cannot be written; it is kept in memory meanwhile"]
        if d.history.stats.error:
            found.append(f"the past that long windows need cannot be written to {d.state}: {d.history.stats.error}")
        if d.cycle.stats.storage_full:
            held = _count(d.series.stats().series, "series")
            found.append(f"the storage is full ({held}) and refuses samples; raise collect.max_series or max_samples")
        if d.cycle.stats.samples_wanted > d.series.max_samples:
            found.append(
                f"the rules look back on {d.cycle.stats.samples_wanted} samples and there is room for"
                f" {d.series.max_samples}; the log says for which metric, and how to mend it"
            )
        for each in backends:
            if each.state is not GateState.UP:
                found.append(f"backend {each.backend} is {each.state.value}: {each.last_error or 'no reason given'}")
            if each.rejected:
                found.append(f"backend {each.backend} refused {_count(each.rejected, 'ticket')}; see: tocsin outbox")
            if each.in_doubt:
                found.append(f"backend {each.backend}: {_count(each.in_doubt, 'ticket')} in doubt, being searched for")
        found += [
            f"backend {name} is not configured, and {_count(count, 'ticket')} there cannot be resolved"
            for name, count in sorted(left.items())
        ]
        if not d.reloads.last_ok:
            found.append(f"the configuration in force is not the one asked for, but {d.in_force}")
        found += [
            f"rule file {each.file} is refused, and {each.in_force} of it is in force: {each.problem}"
            for each in d.rule_files.stale
        ]
        ends = {name: at - d.timeline.now() / 1000 for name, at in d.health.certificates.items()}
        found += [
            f"the certificate of backend {name} {f'ends in {left / 86_400:.1f} days' if left > 0 else 'has ended'}"
            for name, left in sorted(ends.items())
            if left < CERTIFICATE_S
        ]
        for scrape in d.cycle.stats.scrapes.values():
            if not scrape.ok:
                found.append(f"{_what(scrape.source)} fails: {scrape.error}")
        return found + [f"rule {rule} fails: {error}" for rule, error in d.cycle.stats.rules_failing.items()]

    async def incidents(self, state: str, limit: int) -> Sequence[Mapping[str, Any]]:
        states = _states(state)
        found = await self._d.store.incidents(IncidentQuery(states=states, limit=limit))
        return [_incident(incident, await self._rows(incident)) for incident in found]

    async def incident(self, name: str) -> Mapping[str, Any]:
        incident = await self._find(name)
        rows = await self._rows(incident)
        history = await self._d.store.timeline(incident.id)
        return {
            "incident": _incident(incident, rows),
            "outbox": [_row(row) for row in rows],
            "timeline": [msgspec.to_builtins(entry) for entry in history],
        }

    async def explain_incident(self, name: str) -> Mapping[str, Any]:
        incident = await self._find(name)
        history = await self._d.store.timeline(incident.id)
        told = explain(incident, history, self._d.book.ctx.policy)
        lines = [f"{_moment(line):25} {line.text}" for line in told]
        return {"incident": incident.id, "lines": lines}

    def explain_rule(self, name: str) -> Mapping[str, Any]:
        rules = self._d.alert_rules()
        if name not in rules:
            raise NotFound(f"no alert rule is called {name[:80]!r}; {did_you_mean(name, rules)}".rstrip("; "))
        return explained(rules_named(name, self._d.loaded.rules), self._d.loaded.rules, self._d.series, self.now())

    def outbox(self) -> Sequence[Mapping[str, Any]]:
        return [_row(row) for row in self._d.delivery.rows()]

    async def _rows(self, incident: Incident) -> list[OutboxRow]:
        """The outbox rows of an incident. Delivery holds those of the newest episode of a fault; of an older one whose
        ticket was never seen again after a crash, only the store knows the number.
        """
        held = {name: self._d.delivery.row((incident.id, name)) for name in incident.backends}
        seen = {name for name, person in incident.people.items() if person.number}
        if any(row is None and name not in seen for name, row in held.items()):
            held |= {row.backend: row for row in await self._d.store.outbox_of(incident.id)}
        return [row for _, row in sorted(held.items()) if row is not None]

    async def _find(self, name: str) -> Incident:
        """By id, or by the number of one of its tickets; of older episodes those are in the store only."""
        store = self._d.store
        found = await store.incident(name)
        if found is not None:
            return found
        for incident in await store.incidents(IncidentQuery(states=tuple(IncidentState), limit=SEARCHED)):
            if any(person.number == name for person in incident.people.values()):
                return incident
        raise NotFound(
            f"no incident has the id or ticket number {name[:80]!r}; list them with: tocsin incidents --state all"
        )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _what(source: str) -> str:
    """A collector, or a target, whose source says its kind."""
    return f"target {source}" if is_target(source) else f"collector {source}"


def _targets(cycle: Cycle) -> Mapping[str, Any]:
    """How the measuring of targets goes, and those that are not well: nothing where there are none."""
    scheduler = cycle.scraper.targets
    if scheduler is None:
        return {}
    seen = [cycle.stats.scrapes[source] for source in sorted(scheduler.sources) if source in cycle.stats.scrapes]
    return {
        "targets": {
            "configured": len(scheduler.sources),
            "measured": len(seen),
            "in_progress": scheduler.running,
            "waiting": scheduler.waiting,
            "runs": scheduler.stats.runs,
            "skipped": scheduler.stats.skipped,
            "overruns": scheduler.stats.overruns,
        },
        "targets_failing": [
            {
                "target": scrape.source,
                "instance": dict(scrape.target).get("instance", ""),
                "ms": round(scrape.duration_s * 1000, 2),
                "notes": "; ".join(filter(None, (scrape.error, *scrape.warnings))),
            }
            for scrape in seen
            if scrape.error or scrape.warnings
        ],
    }


def _left_behind(backend: str, count: int) -> Mapping[str, Any]:
    """A line of the table of backends about one that is not configured."""
    return {
        "backend": backend,
        "state": "not configured",
        "certificate_ends": "",
        "pending": count,
        "sending": 0,
        "in_doubt": 0,
        "rejected": 0,
        "open_tickets": count,
        "last_error": "add it to `integrations` again until these are resolved",
    }


def _states(text: str) -> tuple[IncidentState, ...]:
    if text == "live":
        return LIVE
    if text == "all":
        return tuple(IncidentState)
    try:
        return (IncidentState(text),)
    except ValueError:
        choices = ", ".join(["live", "all", *(state.value for state in IncidentState)])
        raise BadParameter(f"state is {text[:40]!r}; write one of {choices}") from None


def _prometheus_alert(alert: Alert) -> Mapping[str, Any]:
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": "pending" if alert.state is AlertState.PENDING else "firing",
        "activeAt": _rfc3339(alert.since),
        "value": _exponent(alert.value),
    }


def _group(group: GroupStatus) -> Mapping[str, Any]:
    return {
        "name": group.name,
        "file": group.file,
        "interval": group.interval_seconds,
        "limit": group.limit,
        "evaluationTime": group.evaluation_seconds,
        "lastEvaluation": _evaluated(group.evaluated_at),
        "rules": [_rule(rule) for rule in group.rules],
    }


def _rule(rule: RuleStatus) -> Mapping[str, Any]:
    plain: dict[str, Any] = {
        "name": rule.name,
        "query": rule.query.strip(),
        "labels": dict(rule.labels),
        "health": rule.health.value if rule.health in (Health.OK, Health.ERR) else "unknown",
        "type": rule.type,
        "lastEvaluation": _evaluated(rule.evaluated_at),
        "evaluationTime": rule.evaluation_seconds,
    }
    if rule.waiting is not None:
        plain["waitsFor"] = str(rule.waiting)
        plain["waitsUntil"] = _rfc3339(rule.waiting.until)
    if rule.last_error:
        plain["lastError"] = rule.last_error
    if rule.type == "alerting":
        states = {alert.state for alert in rule.alerts}
        firing = states & {AlertState.FIRING, AlertState.NO_DATA}
        plain |= {
            "state": "firing" if firing else "pending" if states else "inactive",
            "duration": rule.for_seconds,
            "keepFiringFor": rule.keep_firing_for_seconds,
            "annotations": dict(rule.annotations),
            "alerts": [_prometheus_alert(alert) for alert in rule.alerts],
        }
    return plain


def _alert(alert: Alert) -> Mapping[str, Any]:
    return {
        "rule": alert.rule,
        "group": alert.group,
        "state": alert.state.value,
        "reason": alert.reason,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "since": alert.since,
        "fired_at": alert.fired_at,
        "no_data_since": alert.no_data_since,
        "value": alert.value if alert.value == alert.value else "NaN",
    }


def _incident(incident: Incident, rows: Sequence[OutboxRow]) -> Mapping[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(incident)
    plain["id"] = incident.id
    tickets = {name: {"number": each.number, "url": each.url} for name, each in incident.people.items() if each.number}
    tickets |= {row.backend: {"number": row.ref.number or row.ref.id, "url": row.ref.url} for row in rows if row.ref}
    plain["tickets"] = [{"backend": name, **ticket} for name, ticket in sorted(tickets.items())]
    return plain


def _row(row: OutboxRow) -> Mapping[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(row)
    plain["correlation_id"] = row.wish.correlation_id
    plain["wished"] = row.wish.state.value
    del plain["wish"]
    return plain


def _moment(line: Line) -> str:
    """When a decision was taken, ``now`` for how things stand and ``next`` for what may come."""
    return _rfc3339(line.at) if line.at is not None else "next" if line.reason == "next" else "now"


def _evaluated(at: int | None) -> str:
    """Go's zero time for what was never evaluated, as Prometheus writes it."""
    return "0001-01-01T00:00:00Z" if at is None else _rfc3339(at)


def _exponent(value: float) -> str:
    """Shortest digits with an exponent, as Go's ``strconv.FormatFloat(value, 'e', -1, 64)`` writes them."""
    if not math.isfinite(value):
        return _special(value)
    texts = (f"{value:.{digits}e}" for digits in range(17))
    return next(text for text in texts if float(text) == value)


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _moment_of(seconds: float | None) -> str:
    return "" if seconds is None else _rfc3339(int(seconds * 1000))


def _rfc3339(at: int) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 - only when somebody asks

    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
