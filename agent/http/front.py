"""The small pages every agent has: ``/``, ``/metrics``, ``/-/healthy``, ``/-/ready``, ``/-/reload``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from aiohttp import web

from agent.http.access import Access
from agent.http.exposition import exposition
from collectors.api import Metric, Sample

INDEX = """\
<!doctype html><html lang="en"><meta charset="utf-8"><title>Tocsin</title>
<style>:root{color-scheme:light dark}body{font:16px/1.6 system-ui,sans-serif;margin:2rem auto;max-width:40rem}</style>
<h1>Tocsin</h1>
<ul>
<li><a href="/desk">Incident desk</a> (when the embedded desk is in use)</li>
<li><a href="/api/v1/tocsin/status">Status</a></li>
<li><a href="/api/v1/tocsin/incidents">Incidents</a></li>
<li><a href="/api/v1/alerts">Alerts</a>, <a href="/api/v1/rules">rules</a></li>
<li><a href="/metrics">Metrics</a></li>
</ul></html>
"""


class Front:
    """``latest`` gives the samples of the last cycle, ``declared`` their families; ``ready`` is False before it."""

    def __init__(
        self, *, latest: Callable[[], Iterable[Sample]], declared: Callable[[], Mapping[str, Metric]],
        ready: Callable[[], bool], reload: Callable[[], None], access: Access,
    ) -> None:  # fmt: skip
        self._latest = latest
        self._declared = declared
        self._ready = ready
        self._reload = reload
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._index),
            web.get("/metrics", self._metrics),
            web.get("/-/healthy", self._healthy),
            web.get("/-/ready", self._is_ready),
            web.post("/-/reload", self._ask_reload),
        ]

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return self._access.cookie_from_link(request) or web.Response(text=INDEX, content_type="text/html")

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
