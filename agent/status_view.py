"""How the agent stands, as ``tocsin status`` and the API show it: every part, and what somebody should look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent.core.model import IncidentState
from agent.delivery import BackendStatus, GateState
from agent.objectives import objective_rows
from agent.open_files import shortage
from agent.shapes import rfc3339
from agent.version import VERSION
from collectors.api import Scrape, is_target
from rules.api import AlertState

if TYPE_CHECKING:
    from agent.cycle import Cycle
    from agent.daemon import Daemon

CERTIFICATE_S = 14 * 86_400
"""A certificate that ends within this many seconds is somebody's work."""
LIVE = tuple(state for state in IncidentState if state is not IncidentState.RESOLVED)


def status(d: Daemon) -> Mapping[str, Any]:
    """All of ``/api/v1/tocsin/status``."""
    cycle = d.cycle.stats
    failing = cycle.rules_failing
    backends = d.delivery.status()
    left = d.delivery.left_behind()
    problems = _problems(d, backends, left)
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
        "started_at": rfc3339(d.started_at),
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
        "store": _store(d),
        "history": _history(d),
        "memory_limit_bytes": d.health.memory_limit,
        "starts_last_hour": d.health.recent_starts(d.timeline.now()),
        "cycle_lag_seconds": round(cycle.last_lag, 4),
        "alerts_without_data_seconds": round(cycle.longest_without_data),
        "alerts": {state.value: states.count(state) for state in AlertState if state is not AlertState.INACTIVE},
        "incidents": {state.value: sum(incident.state is state for incident in d.book.live.values()) for state in LIVE},
        "backends": [_backend(each, d.health.certificates.get(each.backend)) for each in backends]
        + [_left_behind(name, count) for name, count in sorted(left.items())],
        "collectors": [_collector(scrape) for scrape in cycle.scrapes.values() if scrape.source not in targets],
        **_targets(d.cycle),
        "collectors_absent": list(d.cycle.scraper.absent),
        "rule_files_refused": [
            {
                "file": each.file,
                "in_force": each.in_force,
                "since": "" if each.since is None else rfc3339(each.since),
                "problem": str(each.problem),
            }
            for each in d.rule_files.refused
        ],
        "objectives": objective_rows(d.config.slo, d.calendars, d.series, d.timeline.now()),
        "rules_failing": [{"rule": rule, "error": error} for rule, error in failing.items()],
        "rules_waiting": [
            {
                "rule": each.rule,
                "group": each.group,
                "waits_for": str(each),
                "until": rfc3339(each.until),
            }
            for each in d.engine.waiting()
        ],
    }


def _store(d: Daemon) -> Mapping[str, Any]:
    """How the state directory is doing."""
    return {
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
    }


def _history(d: Daemon) -> Mapping[str, Any]:
    return {
        "samples_taken_up": d.history.stats.samples_taken_up,
        "kept_at": "" if d.history.stats.kept_at is None else rfc3339(d.history.stats.kept_at),
        "damaged": d.history.stats.damaged,
        "series_left_out": d.history.stats.left_out,
    }


def _backend(each: BackendStatus, certificate_ends: float | None) -> Mapping[str, Any]:
    """A line of the table of backends."""
    return {
        "backend": each.backend,
        "state": each.state.value,
        "certificate_ends": _moment_of(certificate_ends),
        "pending": each.pending,
        "sending": each.sending,
        "in_doubt": each.in_doubt,
        "rejected": each.rejected,
        "open_tickets": each.open_tickets,
        "last_error": each.last_error,
    }


def _collector(scrape: Scrape) -> Mapping[str, Any]:
    """A line of the table of collectors."""
    return {
        "collector": scrape.source,
        "ok": scrape.ok,
        "samples": len(scrape.samples),
        "ms": round(scrape.duration_s * 1000, 2),
        "dropped": scrape.dropped,
        "notes": "; ".join(filter(None, (scrape.error, *scrape.warnings))),
    }


def _problems(d: Daemon, backends: Sequence[BackendStatus], left: Mapping[str, int]) -> list[str]:
    """What somebody should look at, the gravest first, each with what is known about it."""
    found = [] if d.store.healthy else [f"the state in {d.state} cannot be written; it is kept in memory meanwhile"]
    if d.history.stats.error:
        found.append(f"the past that long windows need cannot be written to {d.state}: {d.history.stats.error}")
    if d.cycle.stats.storage_full:
        held = d.series.stats().series
        found.append(
            f"the storage is full ({held} series) and refuses samples; raise collect.max_series or max_samples"
        )
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
        for each in d.rule_files.refused
    ]
    ends = {name: at - d.timeline.now() / 1000 for name, at in d.health.certificates.items()}
    found += [
        f"the certificate of backend {name} {f'ends in {left / 86_400:.1f} days' if left > 0 else 'has ended'}"
        for name, left in sorted(ends.items())
        if left < CERTIFICATE_S
    ]
    if short := shortage(d.config):
        found.append(short)
    for scrape in d.cycle.stats.scrapes.values():
        if not scrape.ok and not scrape.echo:
            found.append(f"{_what(scrape.source)} fails: {scrape.error}")
    return found + [f"rule {rule} fails: {error}" for rule, error in d.cycle.stats.rules_failing.items()]


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
            if (scrape.error or scrape.warnings) and not scrape.echo
        ],
        **({"devices": devices} if (devices := [state.status() for state in scheduler.states()]) else {}),
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


def _moment_of(seconds: float | None) -> str:
    return "" if seconds is None else rfc3339(int(seconds * 1000))
