"""The one shape of our JSON answers, which is the Prometheus HTTP API's: status, data, errorType, error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

_ENCODER = msgspec.json.Encoder()


def success(data: Any, *, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> web.Response:
    body = {"status": "success", "data": data}
    if warnings:
        body["warnings"] = warnings
    if infos:
        body["infos"] = infos
    return web.Response(body=_ENCODER.encode(body), content_type="application/json")


def failure(status: int, kind: str, text: str) -> web.Response:
    """``kind`` is the Prometheus errorType (bad_data, execution, timeout, internal, unavailable, not_found), or
    ``forbidden``, which Prometheus has no word for.
    """
    body = _ENCODER.encode({"status": "error", "errorType": kind, "error": text})
    return web.Response(status=status, body=body, content_type="application/json")
