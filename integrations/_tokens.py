"""Tokens that are obtained by a login of their own and end: OAuth 2 (RFC 6749) and BMC's AR-JWT.

A token is renewed before it ends, by one request however many wait for it, and once more when the server refuses it.
It lives in memory only. The secrets it is made from are read anew at each renewal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

import msgspec

from integrations._login import Authorization, BasicAuth, OAuth
from integrations.api import NotSent, Ports, Unauthorised

if TYPE_CHECKING:
    from integrations._http import Reply

MARGIN = 60.0
"""Seconds before its end at which a token is renewed; a fifth of its life when that is less."""
DEFAULT_LIFE = 1800.0
_LONGEST_LIFE = 86_400.0
_LONGEST_TOKEN = 16_384

Ask = Callable[[str, bytes, Authorization], Awaitable["Reply"]]
"""Posts a form to this address; the authorization's header goes along when it has one, its secrets are never shown."""


class Token(msgspec.Struct, frozen=True):
    """``life`` in seconds from now."""

    authorization: Authorization
    life: float


class Source(Protocol):
    """Where tokens come from."""

    async def obtain(self, ask: Ask) -> Token: ...

    async def release(self, ask: Ask, authorization: Authorization) -> None:
        """The token is not needed any more."""
        ...


class Tokens:
    """A login (``_login.Login``) by tokens of one source. ``clock`` gives seconds, the loop's when it is left out."""

    def __init__(self, source: Source, url: str, clock: Callable[[], float] | None = None) -> None:
        self.secure = url.startswith("https:")
        self._source = source
        self._clock = clock or _loop_time
        self._token: Authorization | None = None
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    async def authorization(self, ask: Ask) -> Authorization:
        async with self._lock:
            now = self._clock()
            if self._token is None or now >= self._renew_at:
                token = await self._source.obtain(ask)
                self._token = token.authorization
                self._renew_at = now + token.life - min(MARGIN, token.life / 5)
            return self._token

    def refused(self, authorization: Authorization) -> bool:
        if self._token is authorization:
            self._token = None
        return True

    async def release(self, ask: Ask) -> None:
        token, self._token = self._token, None
        if token is not None:
            await self._source.release(ask, token)


class _OAuthReply(msgspec.Struct, frozen=True):
    """RFC 6749 5.1; ``expires_in`` is a text in some products."""

    access_token: str
    expires_in: float | str | None = None
    refresh_token: str | None = None


class OAuthSource:
    """Client credentials, or a refresh token; of several refresh tokens the newest is used, as servers may turn it."""

    def __init__(self, options: OAuth, token_url: str, ports: Ports) -> None:
        self._options = options
        self._url = token_url
        self._ports = ports
        self._turned: tuple[str, str] | None = None
        """The credential as it was read, and the refresh token the server gave in its place."""

    async def obtain(self, ask: Ask) -> Token:
        secret = self._ports.credential(self._options.client_secret.credential).reveal()
        form = {"client_id": self._options.client_id, "client_secret": secret}
        if self._options.scope:
            form["scope"] = self._options.scope
        reference = self._options.refresh_token
        refresh = given = ""
        if reference is None:
            form["grant_type"] = "client_credentials"
        else:
            refresh = given = self._ports.credential(reference.credential).reveal()
            if self._turned is not None and self._turned[0] == given:
                refresh = self._turned[1]
            form |= {"grant_type": "refresh_token", "refresh_token": refresh}
        hidden = Authorization("", (secret, refresh, given))
        reply = await ask(self._url, urlencode(form).encode(), hidden)
        if reply.status >= 400:
            self._turned = None
            raise Unauthorised(
                f"{self._url} gives no token (it answered {reply.status} and said: {reply.said or 'nothing'}); look at"
                " token_url, client_id, client_secret, refresh_token and scope, and whether this grant is permitted"
            )
        got = reply.json(_OAuthReply)
        if given and got.refresh_token:
            self._turned = (given, got.refresh_token)
        secrets = (got.access_token, got.refresh_token or "", secret, refresh)
        return _token("Bearer", got.access_token, _life(got.expires_in), secrets)

    async def release(self, ask: Ask, authorization: Authorization) -> None:
        """An access token ends by itself."""


class ArJwtSource:
    """BMC AR System: a form login whose reply is the bare token, and a logout that gives the licence back."""

    def __init__(self, login: BasicAuth, url: str, ports: Ports, life: float = 3600.0) -> None:
        self._login = login
        self._url = url
        self._ports = ports
        self._life = life

    async def obtain(self, ask: Ask) -> Token:
        password = self._ports.credential(self._login.password.credential).reveal()
        form = urlencode({"username": self._login.user, "password": password}).encode()
        reply = await ask(f"{self._url}/api/jwt/login", form, Authorization("", (password,)))
        if reply.status >= 400:
            raise Unauthorised(
                f"{self._url}/api/jwt/login refuses the login of {self._login.user!r} (it answered {reply.status} and"
                f" said: {reply.said or 'nothing'}); look at user and password"
            )
        text = reply.text()
        if not text or "<" in text:
            raise reply.unexpected("answered with no token")
        return _token("AR-JWT", text, self._life, (text, password))

    async def release(self, ask: Ask, authorization: Authorization) -> None:
        try:
            await ask(f"{self._url}/api/jwt/logout", b"", authorization)
        except (NotSent, Unauthorised):
            pass  # it ends by itself, only later


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _token(scheme: str, text: str, life: float, secrets: tuple[str, ...]) -> Token:
    if not text or len(text) > _LONGEST_TOKEN:
        raise NotSent(f"the server gave a token of {len(text)} characters, which cannot be one")
    return Token(Authorization(f"{scheme} {text}", secrets), life)


def _life(expires_in: float | str | None) -> float:
    try:
        life = float(expires_in or DEFAULT_LIFE)
    except ValueError:
        return DEFAULT_LIFE
    return min(life, _LONGEST_LIFE) if life > 0 else DEFAULT_LIFE
