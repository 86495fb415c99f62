"""What surrounds every handler: refusals in the form the client reads, errors that show no trace, and headers."""

from __future__ import annotations

from aiohttp import web

from agent import log
from agent.http.access import Handler
from agent.http.reply import failure
from agent.store import StoreUnavailable
from integrations.api import NotSent

_KINDS = {403: "forbidden", 404: "not_found", 503: "unavailable"}
_log = log.get("http")


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Signal ``on_response_prepare``: name no versions, and have nobody guess what a body is."""
    response.headers["Server"] = "tocsin"
    response.headers["X-Content-Type-Options"] = "nosniff"


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A refusal or an error below ``/api/`` is JSON, elsewhere one line of text; a traceback goes to the log only."""
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        if refusal.status < 400:
            raise
        answer = _refusal(request, refusal.status, _said(request, refusal))
        if "Allow" in refusal.headers:
            answer.headers["Allow"] = refusal.headers["Allow"]
        return answer
    except (StoreUnavailable, NotSent) as error:
        return _refusal(request, 503, f"the agent's state cannot be read or written now: {error}")
    except ConnectionError:
        raise  # the client went away; aiohttp ends the connection
    except Exception as error:  # noqa: BLE001 - the last one who can answer the client; the trace is logged
        _log.error("request_failed", method=request.method, path=request.path[:200], exc_info=error)
        return _refusal(request, 500, "the agent failed to answer this; its log says why")


def _said(request: web.Request, refusal: web.HTTPException) -> str:
    if refusal.status == 404:
        return f"there is nothing at {request.path[:200]}"
    return (refusal.text or refusal.reason).strip()


def _refusal(request: web.Request, status: int, text: str) -> web.Response:
    if request.path.startswith("/api/"):
        return failure(status, _KINDS.get(status, "internal" if status >= 500 else "bad_data"), text)
    return web.Response(status=status, text=text + "\n")
