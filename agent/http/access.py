"""Who may do what on the listener.

Reading is open to whoever can reach it, which by default is this machine only. Changing anything needs the token that
the agent keeps in its state directory: in a header for programs, in a cookie for the desk's page (the link that
``tocsin run`` prints sets it). The Host header must be loopback or a name from the configuration, or a page on the web
could reach the listener through a name it controls (DNS rebinding). A cookie counts only with an Origin that is ours:
browsers send one with every form, and send cookies to every port of a host, so that a page of another program on this
machine could use ours (Fetch, "Origin header"; RFC 6265, 8.5).
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

HEADER = "X-Tocsin-Token"
COOKIE = "tocsin_token"
CLOSED = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
READS_BY_POST = frozenset(f"/api/v1/{name}" for name in ("query", "query_range", "query_exemplars", "series", "labels"))
"""Long queries come as forms; these change nothing."""

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
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
    """``host`` of ``host:port``, ``[v6]:port`` or ``host``, lower case; empty when it is none."""
    match = _HOST.fullmatch(value)
    return match[1].strip("[]").lower() if match else ""


class Access:
    """Checks one request; ``names`` are the host names the configuration allows besides loopback."""

    def __init__(self, token: str, names: frozenset[str]) -> None:
        self._token = token
        self._public = frozenset(name.lower() for name in names)
        self._names = self._public | {"localhost", "127.0.0.1", "::1"}

    def host_allowed(self, request: web.Request) -> bool:
        return _host_only(request.headers.get("Host", "")) in self._names

    def _matches(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def may_change(self, request: web.Request) -> bool:
        """By the header of a program, or by the cookie of a form on a page of ours."""
        header = request.headers.get(HEADER)
        if header is not None:
            return self._matches(header)
        return self._is_ours(request) and self.has_cookie(request)

    def has_cookie(self, request: web.Request) -> bool:
        """True in a browser that came by the link; such a page may offer its forms."""
        return self._matches(request.cookies.get(COOKIE, ""))

    def _is_ours(self, request: web.Request) -> bool:
        """The origin is the address that was asked, or a public name whose proxy asks us by another one."""
        scheme, separator, address = request.headers.get("Origin", "").partition("://")
        if scheme not in ("http", "https") or not separator:
            return False
        return address.lower() == request.headers.get("Host", "").lower() or _host_only(address) in self._public

    def cookie_from_link(self, request: web.Request) -> web.Response | None:
        """A page asked for with ``?token=`` gets the cookie and is sent on to the same address without the token."""
        given = request.query.get("token")
        if given is None:
            return None
        response = web.Response(status=303, headers={"Location": request.rel_url.raw_path, **CLOSED})
        if self._matches(given):
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="Strict", path="/")
        return response


def middleware(access: Access) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """Refuse a foreign Host always, and a change without the token."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not access.host_allowed(request):
            raise web.HTTPForbidden(text="This Host is not served here. Add it to listen.names if it should be.\n")
        reads = request.method in ("GET", "HEAD", "OPTIONS") or request.path in READS_BY_POST
        if not reads and not access.may_change(request):
            raise web.HTTPForbidden(
                text=f"A change needs the token from the file 'token' in the state directory, in the header {HEADER} "
                "(or open the desk by the link that `tocsin run` printed).\n"
            )
        return await handler(request)

    return check
