"""What a collector is, and the values it makes. Third-party collectors import this module and nothing else of ours.

A collector is one file in this package (or one entry point in the group ``tocsin.collectors``) that measures one thing.
The module offers three names::

    METRICS: tuple[Metric, ...]        every family it can produce; docs and lints are generated from it
    class Options(msgspec.Struct, ...) its section of the configuration, frozen, unknown fields forbidden
    def build(options: Options, host: HostFS) -> Collector

``build`` validates (ValueError names the option that is wrong) and does no I/O. A blocking collector defines
``def collect(self) -> Iterable[Sample | Notice]`` and runs on a worker thread; one that speaks an asyncio library
defines ``async def collect(self)``. docs/adding-a-collector.md shows a whole one.

What is not this host but is seen from it (probes) is a *target*: a package here that makes them from its options, and a
scheduler that measures each at an interval of its own.
"""

from __future__ import annotations

from collectors._devices import (
    CannotAskError,
    DeviceVerdict,
    DiscoveredDevice,
    RecordedWrongError,
    discovered_as_yaml,
    discovered_dependencies,
    examine_devices,
    plan_discovery,
    record_device,
    replayed_device,
)
from collectors._filter import NameFilter, compile_pattern
from collectors._host import HostFS, Tree
from collectors._importing import CannotImportError, Imported, import_profiles
from collectors._model import (
    Collector,
    CollectorError,
    Labels,
    Metric,
    MetricType,
    Notice,
    Sample,
    counter,
    family_of,
    gauge,
    labels,
    untyped,
)
from collectors._notifications import (
    TRAPS,
    TrapStation,
    trap_collector,
    trap_metrics,
    trap_settings,
    trap_station,
    wants_traps,
)
from collectors._options import CredentialRef, Octets, OptionProblem, Reveal, Secret, Unsupported
from collectors._presence import Absent, present
from collectors._registry import (
    CollectorLoadError,
    CollectorModule,
    TargetModule,
    UnknownCollectorError,
    available,
    is_builtin,
    load,
    load_targets,
    on_by_default,
    target_kinds,
)
from collectors._scrape import FRAME_METRICS, Scrape, Scraper, framed
from collectors._targets import TARGET_METRICS, Target, TargetScheduler, is_target

__all__ = [
    "FRAME_METRICS",
    "TARGET_METRICS",
    "TRAPS",
    "Absent",
    "CannotAskError",
    "CannotImportError",
    "Collector",
    "CollectorError",
    "CollectorLoadError",
    "CollectorModule",
    "CredentialRef",
    "DeviceVerdict",
    "DiscoveredDevice",
    "HostFS",
    "Imported",
    "Labels",
    "Metric",
    "MetricType",
    "NameFilter",
    "Notice",
    "Octets",
    "OptionProblem",
    "RecordedWrongError",
    "Reveal",
    "Sample",
    "Scrape",
    "Scraper",
    "Secret",
    "Target",
    "TargetModule",
    "TargetScheduler",
    "TrapStation",
    "Tree",
    "UnknownCollectorError",
    "Unsupported",
    "available",
    "compile_pattern",
    "counter",
    "discovered_as_yaml",
    "discovered_dependencies",
    "examine_devices",
    "family_of",
    "framed",
    "gauge",
    "import_profiles",
    "is_builtin",
    "is_target",
    "labels",
    "load",
    "load_targets",
    "on_by_default",
    "plan_discovery",
    "present",
    "record_device",
    "replayed_device",
    "target_kinds",
    "trap_collector",
    "trap_metrics",
    "trap_settings",
    "trap_station",
    "untyped",
    "wants_traps",
]
