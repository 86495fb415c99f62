"""The one shape of our JSON answers, which is the Prometheus HTTP API's: status, data, errorType, error."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

_ENCODER = msgspec.json.Encoder()


def success(data: Any) -> web.Response:
    return web.Response(body=_ENCODER.encode({"status": "success", "data": data}), content_type="application/json")


def failure(status: int, kind: str, text: str) -> web.Response:
    """``kind`` is the Prometheus errorType: bad_data, execution, timeout, internal, unavailable, not_found."""
    body = _ENCODER.encode({"status": "error", "errorType": kind, "error": text})
    return web.Response(status=status, body=body, content_type="application/json")
