"""Which collectors there are: the modules of this package, and what third parties offer by entry point.

A built-in collector is a module here whose name does not begin with ``_`` and is not ``api``; an entry point in the
group ``tocsin.collectors`` names a module of the same form. A module is imported only when its collector is enabled.
One that cannot be loaded is an error for whoever asked, never a line in a log.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec

import collectors
from collectors._host import HostFS
from collectors._model import Collector, Metric
from collectors._options import OptionProblem, Reveal
from collectors._targets import Target

GROUP = "tocsin.collectors"
ON_REQUEST = frozenset(
    {
        "apcupsd", "buddyinfo", "certificates", "cgroups", "files", "interrupts", "journal", "kmsg", "ksmd", "lnstat",
        "logind", "meminfo_numa", "ntp", "nut", "slabinfo", "softirqs", "tcpstat", "xfrm",
        "zoneinfo",
    }
)  # fmt: skip
"""Collectors that are off until the configuration mentions them: they cost more, in series or in time, than most hosts
get out of them (node_exporter has the same ones off), or they have to be told what to look at, or need a right that the
service does not have by itself.
"""
TARGET_KINDS = ("probes", "snmp")
"""Sections of ``collect`` that make targets, each a package here of the same name."""


class CollectorModule(Protocol):
    """What the module of a collector offers; ``build`` raises ValueError naming the option that is wrong."""

    METRICS: tuple[Metric, ...]
    Options: type[msgspec.Struct]

    def build(self, options: msgspec.Struct, host: HostFS) -> Collector: ...


class TargetModule(Protocol):
    """What the package of a kind of target offers.

    ``Modules`` is the form of a file that the option ``modules`` may name instead of holding them; ``used`` of the
    options names those that targets ask for. ``Profile``, if there is one, is the form of each ``NAME.yml`` in the
    folder that the option ``profiles`` may name instead of holding them. ``check`` gives every mistake of options that
    are well formed, for collections every ``cycle_ms``. ``build`` takes options without a mistake and does no I/O;
    ``base`` is where relative paths in the modules begin.
    """

    METRICS: tuple[Metric, ...]
    Options: type[msgspec.Struct]
    Modules: type[msgspec.Struct]
    Profile: type[msgspec.Struct] | None

    def check(self, options: Any, cycle_ms: int) -> Iterable[OptionProblem]: ...

    def build(self, options: Any, reveal: Reveal, base: Path) -> Sequence[Target]: ...

    def labels(self, target: Any) -> frozenset[str]:
        """Names of the labels that every series of one of the options' targets has beside ``instance`` and ``job``."""


class UnknownCollectorError(LookupError):
    """No collector of that name; the text lists those there are."""


class CollectorLoadError(Exception):
    """A collector is there but cannot be used; the text says which, and what to do."""


@cache
def available() -> tuple[str, ...]:
    """Names of all collectors, sorted, without importing any."""
    return tuple(sorted({*_builtin(), *_third_party()}))


def is_builtin(name: str) -> bool:
    """Whether the collector comes with us and nobody else claims its name, so that it can be loaded."""
    return name in _builtin() and name not in _third_party()


def on_by_default(name: str) -> bool:
    """Whether the collector runs on a host whose configuration does not mention it."""
    return name not in ON_REQUEST


@cache
def load(name: str) -> CollectorModule:
    """The module of one collector, checked to be one."""
    offered = _third_party()
    if name in _builtin():
        if name in offered:
            raise CollectorLoadError(
                f"collector {name!r}: {_origin(offered[name])} has the name of a built-in one; remove that package"
            )
        found: object = importlib.import_module(f"collectors.{name}")
    elif name in offered:
        found = _load_entry_point(offered[name])
    else:
        raise UnknownCollectorError(f"there is no collector {name!r}; there are {', '.join(available())}")
    return _checked(name, found)


def target_kinds() -> tuple[str, ...]:
    """Names of all kinds of targets, without importing any."""
    return TARGET_KINDS


@cache
def load_targets(kind: str) -> TargetModule:
    """The package of one kind of target."""
    return cast("TargetModule", importlib.import_module(f"collectors.{kind}"))


@cache
def _builtin() -> frozenset[str]:
    modules = pkgutil.iter_modules(collectors.__path__)
    return frozenset(m.name for m in modules if not m.ispkg and not m.name.startswith("_") and m.name != "api")


@cache
def _third_party() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name in found and found[point.name].value != point.value:
            raise CollectorLoadError(
                f"collector {point.name!r} comes from {_origin(found[point.name])} and {_origin(point)}; remove one"
            )
        found[point.name] = point
    return found


def _load_entry_point(point: EntryPoint) -> object:
    try:
        return cast("object", point.load())
    except Exception as error:
        raise CollectorLoadError(
            f"collector {point.name!r} from {_origin(point)} cannot be loaded: {type(error).__name__}: {error}"
            " (repair or remove that package, or turn the collector off)"
        ) from error


def _checked(name: str, found: object) -> CollectorModule:
    metrics = getattr(found, "METRICS", None)
    options = getattr(found, "Options", None)
    missing = [
        part
        for part, good in (
            ("METRICS (a tuple of Metric)", _is_metrics(metrics)),
            ("Options (a msgspec.Struct class)", isinstance(options, type) and issubclass(options, msgspec.Struct)),
            ("build (a function)", callable(getattr(found, "build", None))),
        )
        if not good
    ]
    if missing:
        raise CollectorLoadError(
            f"collector {name!r} does not offer {' and '.join(missing)}; see docs/adding-a-collector.md"
        )
    return cast("CollectorModule", found)


def _is_metrics(metrics: object) -> bool:
    return isinstance(metrics, Sequence) and all(isinstance(metric, Metric) for metric in metrics)


def _origin(point: EntryPoint) -> str:
    return f"package {point.dist.name!r}" if point.dist is not None else f"entry point {point.value!r}"
