"""Everything the listener serves, in one list."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from agent.http.access import Access
from agent.http.desk_api import routes as desk_api_routes
from agent.http.desk_page import routes as desk_page_routes
from agent.http.front import Front
from agent.http.html import Pages
from agent.http.prometheus_api import PrometheusApi
from agent.http.tocsin_api import TocsinApi
from integrations.api import DeskBook


def every_route(
    front: Front, prometheus: PrometheusApi, tocsin: TocsinApi, *,
    desk: DeskBook | None, access: Access, pages: Pages, now: Callable[[], int],
) -> list[web.RouteDef]:  # fmt: skip
    """``desk`` is the embedded desk where one is in use; ``now`` is in milliseconds since the epoch."""
    routes = [*front.routes(), *prometheus.routes(), *tocsin.routes()]
    if desk is not None:
        routes += [*desk_api_routes(desk), *desk_page_routes(desk, access, pages, now)]
    return routes
