"""Where metrics come from: collectors of this host, targets that are measured from here, and the agent itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import collectors.api
from agent.config.lints._known import OPEN_LABELS, OPTIONAL_LABELS
from agent.config.schema import Config
from agent.own_metrics import OWN_METRICS
from collectors.api import Metric

BASE_LABELS = frozenset({"instance", "job"})
"""What every series of this agent carries."""
HOST_JOB, OWN_JOB = "node", "tocsin"


@dataclass(frozen=True, slots=True)
class Origin:
    """A metric as one source gives it. ``jobs`` are the values of its label ``job``, ``interval`` is in ms.

    ``certain`` labels are on every series, ``possible`` ones on some; None is any label.
    """

    metric: Metric
    jobs: frozenset[str]
    interval: int
    certain: frozenset[str]
    possible: frozenset[str] | None

    def joined(self, other: Origin) -> Origin:
        """The same metric from two sources."""
        return Origin(
            self.metric,
            self.jobs | other.jobs,
            max(self.interval, other.interval),
            self.certain & other.certain,
            None if self.possible is None or other.possible is None else self.possible | other.possible,
        )


def origins(config: Config) -> dict[str, Origin]:
    """Every metric that this configuration gives, by its name."""
    found: dict[str, Origin] = {}
    for origin in (*_host(config), *_targets(config)):
        name = origin.metric.name
        found[name] = found[name].joined(origin) if name in found else origin
    return found


def metrics_of(collector: str) -> tuple[Metric, ...]:
    """What a collector declares; nothing when it cannot be loaded, which is said where the configuration is checked."""
    try:
        return collectors.api.load(collector).METRICS
    except collectors.api.CollectorLoadError:
        return ()


@cache
def target_kind_of(name: str) -> str:
    """The kind of target that would give this metric, were there any; "" when there is none."""
    kinds = collectors.api.target_kinds()
    return next((kind for kind in kinds if any(m.name == name for m in collectors.api.load_targets(kind).METRICS)), "")


def _host(config: Config) -> Iterator[Origin]:
    interval = config.collect.interval
    declared = (metric for name in config.collect.host.enabled for metric in metrics_of(name))
    for metric in (*collectors.api.FRAME_METRICS, *declared):
        yield _origin(metric, HOST_JOB, interval)
    for metric in OWN_METRICS:
        yield _origin(metric, OWN_JOB, interval)


def _targets(config: Config) -> Iterator[Origin]:
    """Their series carry the labels of their target besides."""
    for kind in collectors.api.target_kinds():
        options = getattr(config.collect, kind).options
        if options is None:
            continue
        if not options.targets:  # notifications come from whoever sends them
            declared = collectors.api.trap_metrics() if collectors.api.wants_traps(options) else ()
            yield from (_origin(metric, options.job, config.collect.interval) for metric in declared)
            continue
        interval = max(target.interval or options.interval for target in options.targets)
        module = collectors.api.load_targets(kind)
        written = [module.labels(target) for target in options.targets]
        certain, possible = frozenset.intersection(*written), frozenset[str]().union(*written)
        for metric in (*collectors.api.TARGET_METRICS, *module.METRICS):
            yield _origin(metric, options.job, interval, certain, possible)


def _origin(
    metric: Metric,
    job: str,
    interval: int,
    certain: frozenset[str] = frozenset(),
    possible: frozenset[str] = frozenset(),
) -> Origin:
    declared = frozenset(metric.labels)
    # Of what describes a thing a part is often unknown; only the name of the thing is always there.
    some = OPTIONAL_LABELS | (declared - {"device"} if metric.name.endswith("_info") else frozenset())
    always = BASE_LABELS | (declared - some) | certain
    all_of_them = None if metric.name in OPEN_LABELS else BASE_LABELS | declared | possible
    return Origin(metric, frozenset({job}), interval, always, all_of_them)
