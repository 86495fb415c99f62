"""The Prometheus HTTP API over what is in memory. Source: prometheus.io, HTTP API v1.

Times outside what is kept give empty results, as in Prometheus. A query runs on the event loop, so it has a deadline
and a sample budget; both end it with an error and never with part of a result.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from aiohttp import web

from agent.http.parameters import BadParameter, Parameters
from agent.http.reply import failure, success
from agent.version import VERSION
from collectors.api import Metric
from rules.api import (
    EvalError,
    EvalOptions,
    ExprError,
    Matcher,
    Matrix,
    Query,
    Result,
    SeriesWindow,
    VectorSelector,
    compile_expr,
    parse,
    to_api_json,
)

DEADLINE_S = 1.0
MAX_STEPS = 11_000
Handler = Callable[[web.Request], Awaitable[web.Response]]


class Readable(Protocol):
    """What this API reads of the agent."""

    @property
    def series(self) -> SeriesWindow: ...
    @property
    def declared(self) -> Mapping[str, Metric]: ...
    def now(self) -> int: ...
    def rule_groups(self) -> Sequence[Mapping[str, Any]]: ...
    def alert_list(self) -> Sequence[Mapping[str, Any]]: ...


@lru_cache(maxsize=256)
def _compiled(text: str) -> Query:
    return compile_expr(parse(text))


def _options() -> EvalOptions:
    end = time.monotonic() + DEADLINE_S
    return EvalOptions(deadline=lambda: time.monotonic() > end)


def _answering(work: Callable[[web.Request], Awaitable[Any]]) -> Handler:
    """Turn what ``work`` returns or raises into the API's answer."""

    async def handler(request: web.Request) -> web.Response:
        try:
            return success(await work(request))
        except (BadParameter, ExprError) as error:
            return failure(400, "bad_data", str(error))
        except EvalError as error:
            kind = "timeout" if "timed out" in str(error) else "execution"
            return failure(503 if kind == "timeout" else 422, kind, str(error))

    return handler


def _selectors(texts: Sequence[str]) -> list[tuple[Matcher, ...]]:
    found = []
    for text in texts:
        expr = parse(text)
        if not isinstance(expr, VectorSelector):
            raise BadParameter(f'match[] is {text[:80]!r}; write a selector such as up or {{job="node"}}')
        found.append(expr.matchers)
    return found


class PrometheusApi:
    """The handlers; ``agent`` is asked anew for each request."""

    def __init__(self, agent: Readable) -> None:
        self._agent = agent

    def routes(self) -> list[web.RouteDef]:
        both = {
            "/api/v1/query": self._query,
            "/api/v1/query_range": self._query_range,
            "/api/v1/series": self._series,
            "/api/v1/labels": self._labels,
        }
        only_get = {
            "/api/v1/label/{name}/values": self._label_values,
            "/api/v1/metadata": self._metadata,
            "/api/v1/rules": self._rules,
            "/api/v1/alerts": self._alerts,
            "/api/v1/status/buildinfo": self._buildinfo,
        }
        made = [web.get(path, _answering(work)) for path, work in {**both, **only_get}.items()]
        return made + [web.post(path, _answering(work)) for path, work in both.items()]

    async def _query(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        query = _compiled(parameters.text("query"))
        at = parameters.time("time", self._agent.now())
        result: Result = query.instant(self._agent.series, at, _options())
        return to_api_json(result)

    async def _query_range(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        query = _compiled(parameters.text("query"))
        start, end, step = parameters.time("start"), parameters.time("end"), parameters.duration("step")
        if end < start:
            raise BadParameter("end lies before start")
        if (end - start) // step > MAX_STEPS:
            raise BadParameter(f"more than {MAX_STEPS} points per series; use a longer step or a shorter range")
        result: Matrix = query.range(self._agent.series, start, end, step, _options())
        return to_api_json(result)

    async def _series(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        texts = parameters.all("match[]")
        if not texts:
            raise BadParameter("the parameter match[] is missing; name at least one selector")
        found = self._agent.series.find(
            _selectors(texts), parameters.optional_time("start"), parameters.optional_time("end")
        )
        return [{"__name__": series.name, **dict(series.labels)} for series in found]

    async def _labels(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        return self._agent.series.label_names(
            _selectors(parameters.all("match[]")), parameters.optional_time("start"), parameters.optional_time("end")
        )

    async def _label_values(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        return self._agent.series.label_values(
            request.match_info["name"],
            _selectors(parameters.all("match[]")),
            parameters.optional_time("start"),
            parameters.optional_time("end"),
        )

    async def _metadata(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        metric = request.query.get("metric")
        limit = parameters.number("limit", 0)
        declared = self._agent.declared
        names = [metric] if metric else self._agent.series.metric_names()
        known = [name for name in names if name in declared]
        chosen = known[:limit] if limit else known
        return {name: [{"type": declared[name].type.value, "help": declared[name].help, "unit": ""}] for name in chosen}

    async def _rules(self, request: web.Request) -> Any:
        wanted = request.query.get("type", "")
        if wanted not in ("", "alert", "record"):
            raise BadParameter(f"type is {wanted[:20]!r}; write alert or record")
        kind = {"alert": "alerting", "record": "recording"}.get(wanted)
        groups = []
        for group in self._agent.rule_groups():
            rules = [rule for rule in group["rules"] if kind is None or rule["type"] == kind]
            if rules:
                groups.append({**group, "rules": rules})
        return {"groups": groups}

    async def _alerts(self, _request: web.Request) -> Any:
        return {"alerts": self._agent.alert_list()}

    async def _buildinfo(self, _request: web.Request) -> Any:
        return {
            "version": VERSION,
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": f"Python {platform.python_version()}",
            "application": "tocsin",
        }
