"""The small pages every agent has: ``/``, ``/metrics``, ``/-/healthy``, ``/-/ready``, ``/-/reload``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from agent.http.access import Access
from agent.http.exposition import exposition
from agent.http.html import Pages
from collectors.api import Metric, Sample

INCIDENTS_SHOWN = 20


class Overview(Protocol):
    """What the page at ``/`` shows, in the shapes of ``/api/v1/tocsin/``."""

    def now(self) -> int: ...
    def started_at(self) -> int: ...
    def status(self) -> Mapping[str, Any]: ...
    async def incidents(self, state: str, limit: int) -> Sequence[Mapping[str, Any]]: ...


class Front:
    """``latest`` gives the samples of the last cycle, ``declared`` their families; ``ready`` is False before it."""

    def __init__(
        self, *, latest: Callable[[], Iterable[Sample]], declared: Callable[[], Mapping[str, Metric]],
        ready: Callable[[], bool], reload: Callable[[], None], access: Access, overview: Overview, pages: Pages,
    ) -> None:  # fmt: skip
        self._latest = latest
        self._declared = declared
        self._ready = ready
        self._reload = reload
        self._access = access
        self._overview = overview
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._index),
            web.get("/metrics", self._metrics),
            web.get("/-/healthy", self._healthy),
            web.get("/-/ready", self._is_ready),
            web.post("/-/reload", self._ask_reload),
        ]

    async def _index(self, request: web.Request) -> web.StreamResponse:
        entering = self._access.cookie_from_link(request)
        if entering is not None:
            return entering
        shown = self._overview
        incidents = await shown.incidents("live", INCIDENTS_SHOWN + 1)
        return self._pages.render(
            "status.html", status=shown.status(), incidents=incidents[:INCIDENTS_SHOWN],
            more=len(incidents) > INCIDENTS_SHOWN, now=shown.now(), started=shown.started_at(),
        )  # fmt: skip

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = exposition(self._latest(), self._declared(), request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="Tocsin is healthy.\n")

    async def _is_ready(self, _request: web.Request) -> web.Response:
        if self._ready():
            return web.Response(text="Tocsin is ready.\n")
        return web.Response(status=503, text="Tocsin has not completed its first cycle.\n")

    async def _ask_reload(self, _request: web.Request) -> web.Response:
        self._reload()
        return web.Response(status=202, text="Reading the configuration again; see the log or /api/v1/tocsin/status.\n")
