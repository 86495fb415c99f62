"""OAuth 2.0, grant ``client_credentials`` (RFC 6749 section 4.4): a token for requests, fetched anew before it ends."""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from urllib.parse import quote_plus, urlencode

from collectors.probes._client import Ask, Client, Headers, parsed
from collectors.probes._http1 import Answer
from collectors.probes._login import basic
from collectors.probes._resolve import Resolver
from collectors.probes._run import ProbeFailed
from collectors.probes._secrets import Secrets
from collectors.probes._tls import Contexts
from collectors.probes.http_options import OAuth2

_LIMIT = 1 << 20
_EARLY = 10.0
"""Seconds before its end in which a token is not used any more."""
_FORM = ("Content-Type", "application/x-www-form-urlencoded")


class Tokens:
    """The token of one module, shared by its targets: one request for it at a time, however many wait."""

    def __init__(self, options: OAuth2, resolver: Resolver, contexts: Contexts, secrets: Secrets) -> None:
        self._options = options
        self._secrets = secrets
        self._client = Client(options, resolver, contexts, secrets)
        self._lock = asyncio.Lock()
        self._held = ""
        self._until = 0.0
        self._in_body = False
        """The server takes the client's secret only in the body (RFC 6749 section 2.3.1 leaves it the choice)."""

    async def authorization(self) -> str:
        """The header ``Authorization``; ProbeFailed when no token can be had."""
        async with self._lock:
            if not self._held or monotonic() >= self._until:
                await self._fetch()
            return self._held

    def refused(self, used: str) -> None:
        """The server did not take what ``authorization`` gave: the next request fetches another."""
        if self._held == used:
            self._held = ""

    async def _fetch(self) -> None:
        self._held = ""
        options = self._options
        secret = self._secrets.get("oauth2.client_secret", options.client_secret, options.client_secret_file)
        form = {"grant_type": "client_credentials"}
        if options.scopes:
            form["scope"] = " ".join(options.scopes)
        for name, value in options.endpoint_params.items():
            form[name] = self._secrets.get(f"oauth2.endpoint_params.{name}", value)
        status, content = await self._ask(form, secret, in_body=self._in_body)
        if not 200 <= status < 300 and not self._in_body:
            status, content = await self._ask(form, secret, in_body=True)
            self._in_body = 200 <= status < 300
        if not 200 <= status < 300:
            raise ProbeFailed(f"oauth2: the token endpoint answers {status}")
        self._take(content)

    async def _ask(self, form: dict[str, str], secret: str, *, in_body: bool) -> tuple[int, bytes]:
        options = self._options
        headers: Headers = (("User-Agent", "Tocsin"), ("Connection", "close"), _FORM)
        if in_body:
            form = {**form, "client_id": options.client_id, **({"client_secret": secret} if secret else {})}
        else:
            headers = (*headers, ("Authorization", basic(quote_plus(options.client_id), quote_plus(secret))))
        ask = Ask(parsed(options.token_url), "POST", headers, urlencode(form).encode())
        try:
            answered = await self._client.exchange(ask)
            try:
                return answered.answer.status, await _content(answered.answer)
            finally:
                answered.connection.close()
        except ProbeFailed as failure:
            raise ProbeFailed(f"oauth2: {failure}") from None

    def _take(self, content: bytes) -> None:
        try:
            answer = json.loads(content)
            token, kind = answer["access_token"], answer.get("token_type") or "Bearer"
            lasts = float(answer.get("expires_in") or 0)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ProbeFailed("oauth2: the token endpoint gives no token") from None
        if not isinstance(token, str) or not isinstance(kind, str) or not token or not f"{kind}{token}".isprintable():
            raise ProbeFailed("oauth2: the token endpoint gives no token")
        self._held = f"{'Bearer' if kind.lower() == 'bearer' else kind} {token}"
        self._until = monotonic() + lasts - _EARLY if lasts > 0 else float("inf")


async def _content(answer: Answer) -> bytes:
    held = bytearray()
    if answer.body is not None:
        async for part in answer.body:
            held += part
            if len(held) > _LIMIT:
                raise ProbeFailed(f"the answer is larger than {_LIMIT} bytes")
    return bytes(held)
