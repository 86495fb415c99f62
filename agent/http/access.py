"""Who may do what on the listener.

Reading is open to whoever can reach it, which by default is this machine only. Changing anything needs the token that
the agent keeps in its state directory: in a header for programs, in a cookie for the desk's page (the link that
``tocsin run`` prints sets it). The Host header must be loopback or a name from the configuration, or a page on the web
could reach the listener through a name it controls (DNS rebinding); a cookie counts only when the Origin header, if
there is one, is ours.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

HEADER = "X-Tocsin-Token"
COOKIE = "tocsin_token"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def load_or_create_token(path: Path) -> str:
    """The token of this state directory; written once, readable by the agent's user only."""
    try:
        text = path.read_text().strip()
        if len(text) >= 32:
            return text
    except FileNotFoundError:
        pass
    token = secrets.token_urlsafe(32)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(token + "\n")
    fresh.replace(path)
    return token


def _host_only(value: str) -> str:
    """``host`` of ``host:port``, ``[v6]:port`` or ``host``, lower case."""
    return (urlsplit(f"//{value}").hostname or "").lower()


class Access:
    """Checks one request; ``names`` are the host names the configuration allows besides loopback."""

    def __init__(self, token: str, names: frozenset[str]) -> None:
        self._token = token
        self._names = names | {"localhost", "127.0.0.1", "::1"}

    def host_allowed(self, request: web.Request) -> bool:
        return _host_only(request.headers.get("Host", "")) in self._names

    def _matches(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def may_change(self, request: web.Request) -> bool:
        header = request.headers.get(HEADER)
        if header is not None:
            return self._matches(header)
        origin = request.headers.get("Origin")
        if origin is not None and _host_only(urlsplit(origin).netloc) not in self._names:
            return False
        return self._matches(request.cookies.get(COOKIE, ""))

    def cookie_from_link(self, request: web.Request) -> web.Response | None:
        """A page asked for with ``?token=`` gets the cookie and is sent on to the same address without the token."""
        given = request.query.get("token")
        if given is None:
            return None
        response = web.Response(status=303, headers={"Location": request.path})
        if self._matches(given):
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="Strict", path="/")
        return response


def middleware(access: Access) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """Refuse a foreign Host always, and a change without the token."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not access.host_allowed(request):
            raise web.HTTPForbidden(text="This Host is not served here. Add it to listen.names if it should be.\n")
        reads_by_post = request.path.startswith("/api/v1/query") or request.path in ("/api/v1/series", "/api/v1/labels")
        if request.method not in ("GET", "HEAD", "OPTIONS") and not reads_by_post and not access.may_change(request):
            raise web.HTTPForbidden(
                text=f"A change needs the token from the file 'token' in the state directory, in the header {HEADER} "
                "(or open the desk by the link that `tocsin run` printed).\n"
            )
        return await handler(request)

    return check
