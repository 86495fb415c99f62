"""The agent's own metrics: what it counted, as samples for its own rules and for ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from agent.book import Book
from agent.core.calendar import Calendar
from agent.core.model import IncidentState
from agent.core.outbox import RowState
from agent.cycle import CycleStats
from agent.delivery import Delivery, DeliveryStats, GateState
from agent.health import Health, process
from agent.history import HistoryStats
from agent.rule_files import RuleFileStates
from agent.store import Store
from agent.version import VERSION
from collectors.api import Labels, Sample, TargetScheduler, labels
from rules.api import AlertState, SeriesWindow


class ReloadStats(msgspec.Struct):
    """What became of the configuration."""

    succeeded: int = 0
    failed: int = 0
    last_ok: bool = True


class Sources(msgspec.Struct, frozen=True):
    """Where the numbers come from."""

    cycle: CycleStats
    series: SeriesWindow
    book: Book
    delivery: Delivery
    store: Store
    history: HistoryStats
    reloads: ReloadStats
    rule_files: RuleFileStates
    health: Health
    calendars: Mapping[str, Calendar]
    """Planned time of each objective that has some."""
    interval_ms: int
    targets: TargetScheduler | None
    started_at: int


_NO_LABELS: Labels = ()


class OwnMetrics:
    """Makes the samples; label tuples are kept, because the same ones are made every cycle."""

    def __init__(self, job: str, instance: str) -> None:
        self._fixed = {"job": job, "instance": instance}
        self._labels: dict[tuple[tuple[str, str], ...], Labels] = {}

    def samples(self, s: Sources, now: int) -> list[Sample]:
        """All of ``OWN_METRICS`` as of ``now`` (timeline milliseconds)."""
        return [Sample(name, self._with(extra), float(value)) for name, extra, value in _values(s, now)]

    def _with(self, extra: Labels) -> Labels:
        made = self._labels.get(extra)
        if made is None:
            made = self._labels[extra] = labels(**self._fixed, **dict(extra))
        return made


def _values(s: Sources, now: int) -> Iterator[tuple[str, Labels, float]]:
    for name, value in (*_plain(s), *_health(s, now)):
        yield name, _NO_LABELS, value
    yield "tocsin_build_info", (("version", VERSION),), 1
    for outcome, count in (("ok", s.reloads.succeeded), ("failed", s.reloads.failed)):
        yield "tocsin_config_reloads_total", (("outcome", outcome),), count
    for each in s.rule_files.all:
        file = (("file", each.file),)
        yield "tocsin_rule_file_stale", file, each.problem is not None
        yield "tocsin_rule_file_rules", file, each.rules
    if (targets := s.targets) is not None:
        yield "tocsin_targets", _NO_LABELS, len(targets.sources)
        yield "tocsin_target_runs_total", _NO_LABELS, targets.stats.runs
        yield "tocsin_target_runs_skipped_total", _NO_LABELS, targets.stats.skipped
        yield "tocsin_target_overruns_total", _NO_LABELS, targets.stats.overruns
    states = [incident.state for incident in s.book.live.values()]
    for state in IncidentState:
        if state is not IncidentState.RESOLVED:
            yield "tocsin_incidents", (("state", state.value),), states.count(state)
    for backend in s.delivery.status():
        who = ("backend", backend.backend)
        if backend.known:  # a guess would end the alert about a backend that was down before a restart
            yield "tocsin_backend_up", (who,), backend.state is GateState.UP
            yield "tocsin_backend_unauthorised", (who,), backend.state is GateState.UNAUTHORISED
        ends = s.health.certificates.get(backend.backend)
        if ends is not None:
            yield "tocsin_backend_certificate_end_seconds", (who,), ends
        oldest = backend.oldest_queued_at
        yield "tocsin_outbox_oldest_seconds", (who,), 0 if oldest is None else max(0, now - oldest) / 1000
        waiting = (
            (RowState.PENDING, backend.pending), (RowState.SENDING, backend.sending),
            (RowState.IN_DOUBT, backend.in_doubt), (RowState.REJECTED, backend.rejected),
        )  # fmt: skip
        for state_, count in waiting:
            yield "tocsin_outbox_rows", (who, ("state", state_.value)), count
        for name in _DELIVERY_FIELDS:
            yield f"tocsin_delivery_{name}_total", (who,), getattr(backend.stats, name)
    for held in (AlertState.PENDING, AlertState.FIRING, AlertState.NO_DATA):
        yield "tocsin_alerts", (("state", held.value),), s.cycle.alerts.get(held, 0)
    for slo, calendar in s.calendars.items():
        yield "tocsin_slo_planned", (("slo", slo),), calendar.planned(now)


_DELIVERY_FIELDS = DeliveryStats.__struct_fields__


def _plain(s: Sources) -> Iterable[tuple[str, float]]:
    rss, cpu = process()
    held = s.series.stats()
    return (
        ("tocsin_start_time_seconds", s.started_at / 1000),
        ("tocsin_resident_memory_bytes", rss),
        ("tocsin_cpu_seconds_total", cpu),
        ("tocsin_cycles_total", s.cycle.cycles),
        ("tocsin_cycles_skipped_total", s.cycle.skipped),
        ("tocsin_cycle_duration_seconds", s.cycle.last_duration),
        ("tocsin_cycle_lag_seconds", s.cycle.last_lag),
        ("tocsin_interval_seconds", s.interval_ms / 1000),
        ("tocsin_rule_evaluation_duration_seconds", s.cycle.last_evaluation),
        ("tocsin_rule_evaluation_failures_total", s.cycle.rule_failures),
        ("tocsin_rules_failing", len(s.cycle.rules_failing)),
        ("tocsin_rules_waiting", s.cycle.rules_waiting),
        ("tocsin_clock_steps_total", s.cycle.clock_steps),
        ("tocsin_pauses_total", s.cycle.pauses),
        ("tocsin_series", held.series),
        ("tocsin_samples", held.samples),
        ("tocsin_samples_refused_total", s.cycle.refused_samples),
        ("tocsin_samples_dropped", sum(scrape.dropped for scrape in s.cycle.scrapes.values())),
        ("tocsin_alerts_without_data_seconds", s.cycle.longest_without_data),
        ("tocsin_outbox_left_behind", sum(s.delivery.left_behind().values())),
        ("tocsin_store_owed", s.book.owed + s.delivery.ledger.unwritten),
        ("tocsin_store_healthy", s.store.healthy),
        ("tocsin_store_commits_total", s.store.stats.commits),
        ("tocsin_store_failures_total", s.store.stats.failed),
        ("tocsin_store_quarantined_rows_total", s.store.stats.quarantined_rows),
        ("tocsin_history_written_bytes_total", s.history.written_bytes),
        ("tocsin_history_failures_total", s.history.failed),
        ("tocsin_history_damaged_total", s.history.damaged),
        ("tocsin_config_last_reload_successful", s.reloads.last_ok),
    )


def _health(s: Sources, now: int) -> Iterator[tuple[str, float]]:
    yield "tocsin_starts_last_hour", s.health.recent_starts(now)
    if s.health.memory_limit is not None:
        yield "tocsin_memory_limit_bytes", s.health.memory_limit
    if s.health.heartbeat:
        yield "tocsin_heartbeat_late_seconds", s.health.heartbeat_late
    if s.health.room is not None:
        yield "tocsin_state_free_bytes", s.health.room.free
        yield "tocsin_state_size_bytes", s.health.room.size
        yield "tocsin_state_reserve", s.health.room.reserved
