"""For ``tocsin check`` alone: what collectors that the configuration mentions would say on this machine, as this user.

They are told what to look at and what to leave out, or need a right that the service does not have by itself; so each
is run once, and what it warns of or fails with is a warning at its section. Nothing is sent: those that speak to others
are left out.

Each runs in a child that is left behind when what it looks at hangs. A thread would not do: a process of which a thread
hangs in the kernel cannot end either.
"""

from __future__ import annotations

import inspect
import os
import select
import signal
from collections.abc import Iterable, Iterator
from typing import cast

import msgspec

import collectors.api
from agent.config.checks import Source
from agent.config.load import Loaded
from agent.config.words import quoted
from collectors.api import Collector, CollectorError, HostFS, Notice, Sample
from rules.api import Problem, Severity, read_yaml

CHECK = "config/collector"


def examine(loaded: Loaded, patience_s: float = 5.0) -> list[Problem]:
    """Warnings, each once. ``loaded`` has no errors, or nothing is found. ``patience_s`` is for each collector."""
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
        for words in _in_time(collectors.api.load(name).build(options, host), patience_s):
            at = source.problem(("collect", "host", name), f"collector {quoted(name)}: {words}", "", CHECK)
            found.append(Problem(at.file, at.line, at.column, at.message, "", CHECK, Severity.WARNING))
    return found


def _in_time(collector: Collector, patience_s: float) -> list[str]:
    """What the collector says, or that it hangs."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(ours)
            with open(theirs, "wb") as pipe:
                pipe.write(msgspec.json.encode(list(_said(collector))))
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        if select.select([pipe], [], [], patience_s)[0]:
            said = pipe.read()
            os.waitpid(child, 0)
            return msgspec.json.decode(said, type=list[str])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, os.WNOHANG)
    return [f"not done after {patience_s:g} s: what it looks at hangs (a dead server or disk behind a mount?)"]


def _said(collector: Collector) -> Iterator[str]:
    if inspect.iscoroutinefunction(collector.collect):
        return
    try:
        items = cast("Iterable[Sample | Notice]", collector.collect())
        yield from (item.text for item in items if isinstance(item, Notice))
    except CollectorError as error:
        yield str(error)
    except Exception as error:  # noqa: BLE001 - in a child: what nobody foresaw would otherwise be lost
        yield f"{type(error).__name__}: {error}"
