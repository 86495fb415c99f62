"""The listener: one aiohttp application on the configured address or on sockets the service manager opened."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent import log
from agent.http.access import Access, middleware
from agent.http.guard import add_headers, answer_errors

BODY_LIMIT = 1 << 20
LINGER_S = 2.0
_log = log.get("http")


class ListenerError(Exception):
    """The address cannot be listened on; the text says which and what to do."""


def split_address(address: str) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[v6]:port``."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def make_application(routes: Iterable[web.RouteDef], access: Access) -> web.Application:
    """The routes behind the checks that every request passes."""
    checks = [cast("Middleware", check) for check in (answer_errors, middleware(access))]
    application = web.Application(middlewares=checks, client_max_size=BODY_LIMIT)
    application.on_response_prepare.append(add_headers)
    application.add_routes(routes)
    return application


class Listener:
    """Started and stopped by the daemon; requests are handled on its event loop."""

    def __init__(self, routes: Iterable[web.RouteDef], access: Access) -> None:
        application = make_application(routes, access)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=LINGER_S)

    async def start(self, address: str, inherited: Sequence[socket.socket]) -> str:
        """Listen; returns the URL to tell people. Raises ListenerError."""
        await self._runner.setup()
        if inherited:
            for sock in inherited:
                await web.SockSite(self._runner, sock).start()
            host, port = inherited[0].getsockname()[:2]
        else:
            host, port = split_address(address)
            try:
                site = web.TCPSite(self._runner, host, port, reuse_address=True)
                await site.start()
            except OSError as error:
                raise ListenerError(
                    f"cannot listen on {address}: {error.strerror or error}; "
                    "another agent may run here, or set listen.address to a free port"
                ) from error
            bound = self._runner.addresses[0]
            port = bound[1]
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()
