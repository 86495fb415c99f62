"""For ``tocsin check`` alone: what collectors that the configuration mentions would say on this machine, as this user.

They are told what to look at and what to leave out, or need a right that the service does not have by itself; so each
is run once, and what it warns of or fails with is a warning at its section. Nothing is sent: those that speak to others
are left out.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import cast

import collectors.api
from agent.config.checks import Source
from agent.config.load import Loaded
from agent.config.words import quoted
from collectors.api import Collector, CollectorError, HostFS, Notice, Sample
from rules.api import Problem, Severity, read_yaml

CHECK = "config/collector"


def examine(loaded: Loaded) -> list[Problem]:
    """Warnings, each once. ``loaded`` has no errors, or nothing is found."""
    config, text = loaded.config, loaded.texts.get(loaded.file)
    if config is None or text is None:
        return []
    root, _ = read_yaml(text, loaded.file)
    if root is None:
        return []
    source = Source(loaded.file, root)
    host = HostFS(config.collect.procfs, config.collect.sysfs, config.collect.rootfs)
    found = []
    for name, options in sorted(config.collect.host.options.items()):
        if not collectors.api.is_builtin(name):
            continue
        for words in _said(collectors.api.load(name).build(options, host)):
            at = source.problem(("collect", "host", name), f"collector {quoted(name)}: {words}", "", CHECK)
            found.append(Problem(at.file, at.line, at.column, at.message, "", CHECK, Severity.WARNING))
    return found


def _said(collector: Collector) -> Iterator[str]:
    if inspect.iscoroutinefunction(collector.collect):
        return
    try:
        items = cast("Iterable[Sample | Notice]", collector.collect())
        yield from (item.text for item in items if isinstance(item, Notice))
    except CollectorError as error:
        yield str(error)
