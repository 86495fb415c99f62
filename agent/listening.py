"""The listener of a running daemon: its pages and APIs over the live parts, and the token that opens them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, cast

from agent.actions import Actions
from agent.build import DESK, backends
from agent.http.access import Access, load_or_create_token
from agent.http.front import Front
from agent.http.html import Pages
from agent.http.prometheus_api import PrometheusApi
from agent.http.server import Listener, ListenerError
from agent.http.table import every_route
from agent.http.tocsin_api import TocsinApi
from agent.notify import Passed, inherited_sockets
from agent.packages import typed
from agent.view import View
from collectors.api import Sample
from integrations.api import DeskBook, Integration

if TYPE_CHECKING:
    from agent.daemon import Daemon

TOKEN = "token"  # noqa: S105 - the name of a file


def passed_sockets() -> Passed:
    """What the service manager passed, to be taken once; raises ListenerError."""
    try:
        return inherited_sockets()
    except OSError as error:
        raise ListenerError(f"the sockets of the service manager cannot be used: {error.strerror}") from error


async def listen(
    daemon: Daemon, integrations: Mapping[str, Integration], *, inherited: list[socket],
    latest: Callable[[], Iterator[Sample]], reload: Callable[[], None],
) -> tuple[Listener, str] | None:  # fmt: skip
    """The listener, started, with its URL; None when the configuration wants none. Raises ListenerError.

    ``inherited`` are its sockets, where the service manager has them. ``latest`` gives what ``/metrics`` shows,
    ``reload`` asks for one.
    """
    config = daemon.config
    if config.listen.address == "off" and not inherited:
        return None
    now = daemon.timeline.now
    view = View(daemon)
    acts = Actions(daemon.book, daemon.alert_rules, daemon.own.instance, lambda: daemon.delivery, now)
    access = Access(load_or_create_token(daemon.state / TOKEN), frozenset(config.listen.names))
    desk_name = next((name for name, each in backends(config).items() if each.type == DESK), None)
    desk = None if desk_name is None else cast("DeskBook", integrations[desk_name])
    pages = Pages(agent=daemon.own.ci.name, has_desk=desk is not None)
    front = Front(
        latest=latest, declared=lambda: daemon.declared, ready=daemon.cycle.first_done.is_set,
        reload=reload, access=access, overview=view, pages=pages,
    )  # fmt: skip
    apis = PrometheusApi(view), TocsinApi(view, acts)
    listener = Listener(every_route(front, *apis, desk=desk, access=access, pages=pages, now=now), access)
    return listener, await listener.start(config.listen.address, inherited)


def show_where(instance: str, url: str, state: Path) -> None:
    """For a person at a terminal: where to look. The token in the link goes nowhere else."""
    if url and sys.stdout.isatty():
        token = (state / TOKEN).read_text().strip()
        text = f"Tocsin watches {instance}.\n  Desk    {url}/desk?token={token}\n"
        text += f"  Status  {url}/  or: {typed()} status\n  Stop    Ctrl-C\n"
        sys.stdout.write(text)
        sys.stdout.flush()
