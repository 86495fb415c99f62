"""From a checked configuration to the parts that run. No part does I/O before it is started."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

import collectors.api
import integrations.api
from agent.config.load import Loaded
from agent.config.regex import compile_regex
from agent.config.schema import Backend, Config
from agent.core.calendar import Calendar
from agent.core.classify import build_classifier
from agent.core.decision import Context
from agent.core.route import build_tree
from agent.identity import Self
from agent.render.words import TemplateWords
from agent.secret import Credentials
from agent.store import Store, StoreUnavailable
from collectors.api import (
    FRAME_METRICS,
    TARGET_METRICS,
    TRAPS,
    Absent,
    Collector,
    HostFS,
    Metric,
    Scraper,
    Target,
    TargetScheduler,
    TrapStation,
    trap_collector,
    trap_settings,
    wants_traps,
)
from integrations.api import Integration, NotSent, Ports

JOB = "node"
DESK = "desk"


class Parts(msgspec.Struct, frozen=True):
    """What one configuration makes, besides the rule engine and delivery, which outlive a reload."""

    context: Context
    scraper: Scraper
    declared: dict[str, Metric]
    """Grows when a collector joins whose source was not there at the start."""
    integrations: Mapping[str, Integration]
    calendars: Mapping[str, Calendar]
    traps: object | None = None
    """How notifications are taken; None: not at all."""


T = TypeVar("T")


class LentStore(msgspec.Struct, frozen=True):
    """The store as an integration sees it: what a disk does not take was not done, and is tried again."""

    store: Store

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As ``Store.transact``; NotSent where the store says StoreUnavailable."""
        try:
            return await self.store.transact(work)
        except StoreUnavailable as error:
            raise NotSent(str(error)) from error


def backends(config: Config) -> Mapping[str, Backend]:
    """The configured integrations, or the embedded desk when there are none."""
    if config.integrations:
        return config.integrations
    return {DESK: Backend(type=DESK, options=integrations.api.load(DESK).Options())}


def build_integrations(config: Config, ports: Ports) -> dict[str, Integration]:
    """Every configured backend by name."""
    return {
        name: integrations.api.load(backend.type).build(name, backend.options, ports)
        for name, backend in backends(config).items()
    }


def build_scraper(
    config: Config, instance: str, station: TrapStation | None = None
) -> tuple[Scraper, dict[str, Metric]]:
    """The frame with this host's collectors, and the metrics it and they declare by name.

    ``station`` takes notifications in, where they are wanted.
    """
    collect = config.collect
    host = HostFS(collect.procfs, collect.sysfs, collect.rootfs)
    declared = {metric.name: metric for metric in FRAME_METRICS}

    def declare(name: str) -> None:
        declared.update({metric.name: metric for metric in collectors.api.load(name).METRICS})

    def build(name: str) -> Collector:
        module = collectors.api.load(name)
        options = collect.host.options.get(name)
        return module.build(module.Options() if options is None else options, host)

    built: dict[str, Collector] = {}
    absent: dict[str, Absent] = {}
    for name in collect.host.enabled:
        if collectors.api.present(name, host):
            built[name] = build(name)
            declare(name)
        else:
            absent[name] = Absent(partial(collectors.api.present, name, host), partial(build, name))
    targets, families = build_targets(config)
    declared.update({metric.name: metric for metric in families if metric.name not in declared})
    if station is not None:
        built[TRAPS], given = trap_collector(station)
        declared.update({metric.name: metric for metric in given})
    scraper = Scraper(
        built, job=JOB, instance=instance, deadline_s=collect.deadline / 1000, absent=absent, joined=declare,
        targets=targets,
    )  # fmt: skip
    return scraper, declared


def build_targets(config: Config) -> tuple[TargetScheduler | None, list[Metric]]:
    """What measures the targets, and the metrics they declare; None and nothing when there are no targets."""
    targets: list[Target] = []
    families: list[Metric] = []
    limit = 0
    secrets = credentials(config)
    for name in collectors.api.target_kinds():
        section = getattr(config.collect, name)
        if section.options is None or not section.options.targets:
            continue
        kind = collectors.api.load_targets(name)
        targets += kind.build(section.options, lambda credential: secrets(credential).reveal(), Path(section.base))
        families += [*TARGET_METRICS, *kind.METRICS]
        limit += section.options.limit
    return (TargetScheduler(targets, limit=limit) if targets else None), families


def build_traps(config: Config, targets: TargetScheduler | None) -> object | None:
    """How notifications are to be taken, and what they have measured at once; None where they are not wanted."""
    secrets = credentials(config)
    for name in collectors.api.target_kinds():
        options = getattr(config.collect, name).options
        if options is not None and wants_traps(options):
            return trap_settings(options, lambda credential: secrets(credential).reveal(), targets)
    return None


def build_context(loaded: Loaded, config: Config, own: Self, built: Mapping[str, Integration]) -> Context:
    """What decisions are made under."""
    policy = loaded.policy
    return Context(
        policy=policy.incident,
        tree=build_tree(policy.route, policy.receivers, compile_regex),
        classifier=build_classifier(
            policy.classification, policy.catalogue, own=own.ci, instance=own.instance, compile_regex=compile_regex
        ),
        words=TemplateWords(policy.incident, policy.classification.categories),
        environment=config.identity.environment,
        config_hash=loaded.config_hash,
        cannot_reopen=frozenset(name for name, each in built.items() if not each.capabilities.can_reopen),
    )


def build_parts(loaded: Loaded, own: Self, ports: Ports, station: Callable[[], TrapStation]) -> Parts:
    """Everything at once, so that a reload that fails half way changes nothing. ``loaded`` has no errors.

    ``station`` gives what takes notifications in; it is asked for only where they are wanted.
    """
    config = loaded.config
    if config is None:
        raise ValueError("a configuration with errors cannot be built")
    wanted = any(wants_traps(getattr(config.collect, name).options) for name in collectors.api.target_kinds())
    scraper, declared = build_scraper(config, own.instance, station() if wanted else None)
    parts = build_around(loaded, own, build_integrations(config, ports), scraper, declared)
    return msgspec.structs.replace(parts, traps=build_traps(config, scraper.targets))


def build_around(
    loaded: Loaded, own: Self, built: Mapping[str, Integration], scraper: Scraper, declared: dict[str, Metric]
) -> Parts:
    """The parts that go with these integrations and this scraper."""
    config = loaded.config
    if config is None:
        raise ValueError("a configuration with errors cannot be built")
    return Parts(build_context(loaded, config, own, built), scraper, declared, built, build_calendars(config))


def build_calendars(config: Config) -> Mapping[str, Calendar]:
    """Planned time by objective."""
    if not config.slo:
        return {}
    from agent.config.slo_checks import calendars  # noqa: PLC0415 - only who has objectives needs it

    return calendars(config.slo)


def credentials(config: Config) -> Credentials:
    """Where this configuration's secrets come from."""
    own = config.credentials_directory
    return Credentials(Path(own) if own else None)
