"""The agent's own metrics: what it counted, as samples for its own rules and for ``/metrics``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from agent.book import Book
from agent.core.model import IncidentState
from agent.core.outbox import RowState
from agent.cycle import CycleStats
from agent.delivery import Delivery, DeliveryStats, GateState
from agent.store import Store
from agent.version import VERSION
from collectors.api import Labels, Metric, MetricType, Sample, labels
from rules.api import SeriesWindow

_PAGE = os.sysconf("SC_PAGE_SIZE")


def _gauge(name: str, text: str, *names: str) -> Metric:
    return Metric(name, MetricType.GAUGE, text, names)


def _counter(name: str, text: str, *names: str) -> Metric:
    return Metric(name, MetricType.COUNTER, text, names)


_DELIVERY_HELP = {
    "created": "Tickets created.",
    "applied": "Updates of tickets that succeeded.",
    "adopted": "Tickets found by correlation id instead of being created.",
    "reopened": "Ended tickets taken up again by policy.",
    "superseded": "Wishes replaced by a newer one before they were sent.",
    "not_sent": "Attempts that provably changed nothing.",
    "in_doubt": "Writes whose outcome was unknown.",
    "recreated": "Creates repeated after the window of uncertainty.",
    "rejected": "Writes the backend refused.",
    "unauthorised": "Calls refused for the credential or its rights.",
    "unexpected": "Exceptions outside the adapter contract.",
    "held": "Sends held back because the claim could not be made durable.",
    "sent_undurably": "Sends in memory only, because the store has failed for long.",
    "gone": "Tickets deleted or merged away.",
    "moved": "Rows moved to an older ticket of the same fault.",
    "twins_retired": "Second tickets of one fault that were resolved.",
    "strays": "Open tickets of ours without a live incident, as seen by the audit.",
    "waited": "Moves of a ticket put off until a doubtful earlier one cannot come late any more.",
    "reads": "Tickets read back.",
    "audits": "Audits completed.",
}

OWN_METRICS: tuple[Metric, ...] = (
    _gauge("tocsin_build_info", "Always 1; the labels say which version runs.", "version"),
    _gauge("tocsin_start_time_seconds", "When the agent started, in seconds since the epoch."),
    _gauge("tocsin_resident_memory_bytes", "Memory of the process that is in RAM."),
    _counter("tocsin_cpu_seconds_total", "CPU time of the process in seconds, user and system."),
    _counter("tocsin_cycles_total", "Collection cycles completed."),
    _counter("tocsin_cycles_skipped_total", "Collection cycles left out because the one before took too long."),
    _gauge("tocsin_cycle_duration_seconds", "Duration of the last cycle."),
    _gauge("tocsin_rule_evaluation_duration_seconds", "Duration of the last evaluation of rules."),
    _counter("tocsin_rule_evaluation_failures_total", "Rules that failed, counted at each evaluation."),
    _gauge("tocsin_rules_failing", "Rules whose last evaluation failed."),
    _gauge("tocsin_rules_waiting", "Rules that wait for data after a start."),
    _counter("tocsin_clock_steps_total", "Steps of the wall clock that were followed."),
    _counter("tocsin_pauses_total", "Times the machine or the process stood still."),
    _gauge("tocsin_series", "Series in memory."),
    _gauge("tocsin_samples", "Samples in memory."),
    _counter("tocsin_samples_refused_total", "Samples refused because the series window is full."),
    _gauge("tocsin_incidents", "Incidents that are not resolved, by state.", "state"),
    _gauge("tocsin_outbox_rows", "Outbox rows by backend and state.", "backend", "state"),
    _gauge(
        "tocsin_outbox_oldest_seconds", "Age of the oldest row that is not delivered; 0 when there is none.", "backend"
    ),
    _gauge("tocsin_backend_up", "1 while the backend answers and takes the credential.", "backend"),
    *(_counter(f"tocsin_delivery_{name}_total", text, "backend") for name, text in _DELIVERY_HELP.items()),
    _gauge("tocsin_store_healthy", "1 while the last write reached the disk."),
    _counter("tocsin_store_commits_total", "Transactions that wrote something."),
    _counter("tocsin_store_failures_total", "Writes that the disk did not take."),
    _counter("tocsin_store_quarantined_rows_total", "Stored rows found damaged and set aside."),
    _gauge("tocsin_config_last_reload_successful", "1 when the configuration in force is the one last asked for."),
    _counter("tocsin_config_reloads_total", "Reloads by outcome.", "outcome"),
)


@dataclass(slots=True)
class ReloadStats:
    """What became of the configuration."""

    succeeded: int = 0
    failed: int = 0
    last_ok: bool = True


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the numbers come from."""

    cycle: CycleStats
    series: SeriesWindow
    book: Book
    delivery: Delivery
    store: Store
    reloads: ReloadStats
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
    for name, value in _plain(s):
        yield name, _NO_LABELS, value
    yield "tocsin_build_info", (("version", VERSION),), 1
    for outcome, count in (("ok", s.reloads.succeeded), ("failed", s.reloads.failed)):
        yield "tocsin_config_reloads_total", (("outcome", outcome),), count
    states = [incident.state for incident in s.book.live.values()]
    for state in IncidentState:
        if state is not IncidentState.RESOLVED:
            yield "tocsin_incidents", (("state", state.value),), states.count(state)
    for backend in s.delivery.status():
        who = ("backend", backend.backend)
        yield "tocsin_backend_up", (who,), backend.state is GateState.UP
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


_DELIVERY_FIELDS = tuple(field.name for field in fields(DeliveryStats))


def _plain(s: Sources) -> Iterable[tuple[str, float]]:
    rss, cpu = _process()
    held = s.series.stats()
    return (
        ("tocsin_start_time_seconds", s.started_at / 1000),
        ("tocsin_resident_memory_bytes", rss),
        ("tocsin_cpu_seconds_total", cpu),
        ("tocsin_cycles_total", s.cycle.cycles),
        ("tocsin_cycles_skipped_total", s.cycle.skipped),
        ("tocsin_cycle_duration_seconds", s.cycle.last_duration),
        ("tocsin_rule_evaluation_duration_seconds", s.cycle.last_evaluation),
        ("tocsin_rule_evaluation_failures_total", s.cycle.rule_failures),
        ("tocsin_rules_failing", len(s.cycle.rules_failing)),
        ("tocsin_rules_waiting", s.cycle.rules_waiting),
        ("tocsin_clock_steps_total", s.cycle.clock_steps),
        ("tocsin_pauses_total", s.cycle.pauses),
        ("tocsin_series", held.series),
        ("tocsin_samples", held.samples),
        ("tocsin_samples_refused_total", s.cycle.refused_samples),
        ("tocsin_store_healthy", s.store.healthy),
        ("tocsin_store_commits_total", s.store.stats.commits),
        ("tocsin_store_failures_total", s.store.stats.failed),
        ("tocsin_store_quarantined_rows_total", s.store.stats.quarantined_rows),
        ("tocsin_config_last_reload_successful", s.reloads.last_ok),
    )


def _process() -> tuple[int, float]:
    """Resident bytes and CPU seconds of this process (proc(5), times(2))."""
    with open("/proc/self/statm", "rb") as file:
        rss = int(file.read().split()[1]) * _PAGE
    times = os.times()
    return rss, times.user + times.system
