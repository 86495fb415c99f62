"""The Prometheus HTTP API over what is in memory. Source: prometheus.io, HTTP API v1.

Times outside what is kept give empty results, as in Prometheus. A query runs on the event loop, so it has a deadline
and a sample budget; both end it with an error and never with part of a result.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from agent.http.label_name import unescape_label
from agent.http.parameters import BadParameter, Parameters
from agent.http.prometheus_rules import chosen_rules, selectors
from agent.http.reply import failure, success
from agent.version import VERSION
from collectors.api import Metric, MetricType, family_of
from rules.api import (
    EvalError,
    EvalOptions,
    ExprError,
    Matcher,
    Matrix,
    Notes,
    Query,
    Result,
    SeriesWindow,
    ValueType,
    Vector,
    annotated_query,
    parse,
    prettify,
    to_api_json,
)

DEADLINE_S = 1.0
DEADLINE_MS = int(DEADLINE_S * 1000)
LOOKBACK_MS = EvalOptions().lookback
TRUNCATED = "results truncated due to limit"
MAX_STEPS = 11_000
T = TypeVar("T")
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
def _compiled(text: str) -> tuple[Query, Notes]:
    return annotated_query(text)


def _options(parameters: Parameters) -> EvalOptions:
    """The deadline is ours, or what the client asks for when that is shorter."""
    end = time.monotonic() + min(DEADLINE_S, parameters.duration("timeout", DEADLINE_MS) / 1000)
    lookback = parameters.duration("lookback_delta", LOOKBACK_MS)
    return EvalOptions(deadline=lambda: time.monotonic() > end, lookback=lookback)


def _answering(work: Callable[[web.Request], Awaitable[Any]]) -> Handler:
    """Turn what ``work`` returns or raises into the API's answer."""

    async def handler(request: web.Request) -> web.Response:
        try:
            found = await work(request)
            if isinstance(found, _Cut):
                return success(found.data, warnings=[TRUNCATED] if found.truncated else ())
            if isinstance(found, _Annotated):
                cut = [TRUNCATED] if found.truncated else []
                warnings = [*found.notes.warnings(), *cut]
                return success(to_api_json(found.result), warnings=warnings, infos=found.notes.infos())
            return success(found)
        except (BadParameter, ExprError) as error:
            return failure(400, "bad_data", str(error))
        except EvalError as error:
            kind = "timeout" if "timed out" in str(error) else "execution"
            return failure(503 if kind == "timeout" else 422, kind, str(error))

    return handler


class _Annotated(msgspec.Struct, frozen=True):
    """A result and what is doubtful about it."""

    result: Result
    notes: Notes
    truncated: bool = False


def _cut(result: Result, notes: Notes, parameters: Parameters) -> _Annotated:
    """Of a vector or a matrix as many series as the client's ``limit`` says; 0 is no limit."""
    limit = parameters.number("limit", 0)
    if limit and isinstance(result, Vector) and len(result.elements) > limit:
        return _Annotated(Vector(result.at, result.elements[:limit]), notes, truncated=True)
    if limit and isinstance(result, Matrix) and len(result.lines) > limit:
        return _Annotated(Matrix(result.lines[:limit]), notes, truncated=True)
    return _Annotated(result, notes)


class _Cut(msgspec.Struct, frozen=True):
    """A list cut to the client's ``limit``, which the answer says."""

    data: Sequence[Any]
    truncated: bool


def _limited(found: Sequence[Any], parameters: Parameters) -> _Cut:
    """0 is no limit, as in Prometheus."""
    limit = parameters.number("limit", 0)
    return _Cut(found[:limit], len(found) > limit) if limit else _Cut(found, False)


def _matching(
    parameters: Parameters, ask: Callable[[Sequence[Sequence[Matcher]], int | None, int | None], Iterable[T]]
) -> Iterator[T]:
    """What ``ask`` finds for each selector in turn, some of it more than once, until the deadline."""
    wanted = selectors(parameters.all("match[]"))
    start, end = parameters.optional_time("start"), parameters.optional_time("end")
    late = _options(parameters).deadline
    for each in ([selector] for selector in wanted) if wanted else ([],):
        if late is not None and late():
            raise EvalError("query timed out while series were looked up; use fewer match[]")
        yield from ask(each, start, end)


def _type(metric: Metric) -> str:
    """Prometheus's word for a type; its metadata calls what has none ``unknown``."""
    return "unknown" if metric.type is MetricType.UNTYPED else metric.type.value


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
            "/api/v1/query_exemplars": self._exemplars,
            "/api/v1/format_query": self._format,
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
        query, notes = _compiled(parameters.text("query"))
        at = parameters.time("time", self._agent.now())
        notes.clear()
        return _cut(query.instant(self._agent.series, at, _options(parameters)), notes, parameters)

    async def _query_range(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        query, notes = _compiled(parameters.text("query"))
        start, end, step = parameters.time("start"), parameters.time("end"), parameters.duration("step")
        if query.type not in (ValueType.SCALAR, ValueType.VECTOR):
            raise BadParameter(f"a range query takes a scalar or an instant vector; this is a {query.type.value}")
        if end < start:
            raise BadParameter("end lies before start")
        if (end - start) // step > MAX_STEPS:
            raise BadParameter(f"more than {MAX_STEPS} points per series; use a longer step or a shorter range")
        notes.clear()
        result = query.range(self._agent.series, start, end, step, _options(parameters))
        return _cut(result, notes, parameters)

    async def _series(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        if not parameters.all("match[]"):
            raise BadParameter("the parameter match[] is missing; name at least one selector")
        found = {
            id(series): {"__name__": series.name, **dict(series.labels)}
            for series in _matching(parameters, self._agent.series.find)
        }
        return _limited(list(found.values()), parameters)

    async def _labels(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        return _limited(sorted({*_matching(parameters, self._agent.series.label_names)}), parameters)

    async def _label_values(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        name = unescape_label(request.match_info["name"])
        values = partial(self._agent.series.label_values, name)
        return _limited(sorted({*_matching(parameters, values)}), parameters)

    async def _metadata(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        metric = request.query.get("metric")
        # 0 means none here and everything elsewhere; that is how Prometheus has it.
        limit = parameters.number("limit", -1)
        declared = self._agent.declared
        names = [metric] if metric else self._agent.series.metric_names()
        known = list({of.name: of for name in names if (of := family_of(name, declared)) is not None}.values())
        chosen = known if limit < 0 else known[:limit]
        return {of.name: [{"type": _type(of), "help": of.help, "unit": ""}] for of in chosen}

    async def _rules(self, request: web.Request) -> Any:
        return chosen_rules(self._agent.rule_groups(), await Parameters.of(request))

    async def _alerts(self, _request: web.Request) -> Any:
        return {"alerts": self._agent.alert_list()}

    async def _format(self, request: web.Request) -> Any:
        parameters = await Parameters.of(request)
        return prettify(parameters.text("query"))

    async def _exemplars(self, request: web.Request) -> Any:
        """None are kept; Grafana asks for them beside a graph."""
        parameters = await Parameters.of(request)
        parse(parameters.text("query"))
        return []

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
