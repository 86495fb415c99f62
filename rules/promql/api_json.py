"""Results in the JSON shape of Prometheus's HTTP API (``/api/v1/query``, ``/api/v1/query_range``)."""

from __future__ import annotations

import math
from typing import Any

from rules.model import Labels
from rules.promql.numbers import format_value
from rules.promql.values import Matrix, Result, ScalarResult, StringResult, Vector


def to_api_json(result: Result) -> dict[str, Any]:
    """The ``data`` object of a successful answer: ``resultType`` and ``result``, ready for a JSON encoder.

    Times are seconds with at most three decimals, values are strings.
    """
    match result:
        case ScalarResult(at, value):
            return {"resultType": "scalar", "result": [seconds(at), api_value(value)]}
        case StringResult(at, text):
            return {"resultType": "string", "result": [seconds(at), text]}
        case Vector(at, elements):
            return {
                "resultType": "vector",
                "result": [
                    {"metric": metric(name, labels), "value": [seconds(at), api_value(value)]}
                    for name, labels, value in elements
                ],
            }
        case Matrix(lines):
            return {
                "resultType": "matrix",
                "result": [
                    {
                        "metric": metric(line.name, line.labels),
                        "values": [
                            [seconds(at), api_value(value)] for at, value in zip(line.times, line.values, strict=True)
                        ],
                    }
                    for line in lines
                ],
            }


def metric(name: str, labels: Labels) -> dict[str, str]:
    return {"__name__": name, **dict(labels)} if name else dict(labels)


def seconds(at: int) -> int | float:
    return at // 1000 if at % 1000 == 0 else at / 1000


def api_value(value: float) -> str:
    """Shortest digits that read back, with an exponent only below 1e-6 and from 1e21 on, as the reference writes it."""
    size = abs(value)
    if math.isfinite(value) and value and (size < 1e-6 or size >= 1e21):
        return repr(value)
    return format_value(value)
