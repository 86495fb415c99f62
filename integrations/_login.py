"""How a request proves who we are, and how that proof is kept out of every text."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol
from urllib.parse import quote, quote_plus, urlsplit

import msgspec
from msgspec import Meta

from integrations.api import CredentialRef, Ports, Secret, Unauthorised

if TYPE_CHECKING:
    from integrations._tokens import Ask


@dataclass(frozen=True, slots=True, repr=False)
class Authorization:
    """The value of the header (empty: none is sent), and every text of the request that must never be shown.

    Made anew for each request.
    """

    header: str
    secrets: tuple[str, ...]


NO_AUTHORIZATION = Authorization("", ())


def with_scheme(scheme: str, secret: Secret) -> Authorization:
    """``Authorization: SCHEME secret`` (``token`` for Request Tracker, ``Bearer`` for others)."""
    return Authorization(f"{scheme} {secret.reveal()}", (secret.reveal(),))


def basic(user: str, password: Secret) -> Authorization:
    """Basic authentication, RFC 7617, UTF-8, with the standard alphabet of base64."""
    pair = base64.b64encode(f"{user}:{password.reveal()}".encode()).decode()
    return Authorization(f"Basic {pair}", (pair, password.reveal()))


class BasicAuth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user and a password, sent with each request (HTTP Basic)."""

    user: Annotated[str, Meta(description="Name of the account", examples=["tocsin"])]
    password: Annotated[
        CredentialRef, Meta(description="Its password, by reference", examples=[{"credential": "rt-password"}])
    ]


class OAuth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """OAuth 2: a token by client credentials, or by a refresh token when one is given."""

    client_id: Annotated[str, Meta(description="Identity of the client at the server", examples=["5f2c0b7e"])]
    client_secret: Annotated[
        CredentialRef, Meta(description="Its secret, by reference", examples=[{"credential": "oauth-client"}])
    ]
    refresh_token: Annotated[
        CredentialRef | None,
        Meta(
            description="A refresh token, by reference; without one the client's own credentials are used",
            examples=[{"credential": "oauth-refresh"}],
        ),
    ] = None
    token_url: Annotated[
        str,
        Meta(
            description="Where tokens are given. Empty: where the product gives them",
            examples=["https://login.example.net/oauth2/token"],
        ),
    ] = ""
    scope: Annotated[str, Meta(description="Scopes asked for. Empty: none are named", examples=["incident.write"])] = ""


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to log in: exactly one of the three ways."""

    token: Annotated[
        CredentialRef | None,
        Meta(description="A token of the account, by reference", examples=[{"credential": "rt-token"}]),
    ] = None
    basic: Annotated[
        BasicAuth | None,
        Meta(
            description="A user and a password",
            examples=[{"user": "tocsin", "password": {"credential": "rt-password"}}],
        ),
    ] = None
    oauth: Annotated[
        OAuth | None,
        Meta(
            description="A client that gets tokens by OAuth 2; they are renewed before they end",
            examples=[{"client_id": "5f2c0b7e", "client_secret": {"credential": "oauth-client"}}],
        ),
    ] = None


class Login(Protocol):
    """What makes the header of each request; the door asks it."""

    secure: bool
    """Whether it needs TLS of its own, whatever the address of the product."""

    async def authorization(self, ask: Ask) -> Authorization:
        """The header now. ``ask`` posts a form, should that be needed to get one."""
        ...

    def refused(self, authorization: Authorization) -> bool:
        """The server said 401 to it. True when another may do better."""
        ...

    async def release(self, ask: Ask) -> None:
        """The door is being closed."""
        ...


class Fixed:
    """A login that needs no request: the header is made anew from the credential each time."""

    secure = False

    def __init__(self, make: Callable[[], Authorization]) -> None:
        self._make = make

    async def authorization(self, ask: Ask) -> Authorization:
        return self._make()

    def refused(self, authorization: Authorization) -> bool:
        return False

    async def release(self, ask: Ask) -> None:
        """There is nothing to give back."""


def anonymous() -> Login:
    """For servers that want no header: the secret is in the body, or in a signature."""
    return Fixed(lambda: NO_AUTHORIZATION)


def authorizer(auth: Auth, scheme: str, ports: Ports, token_url: str = "") -> Login:
    """The login of these options; ValueError unless exactly one way is given.

    ``scheme`` is the one of a plain token, ``token_url`` where the product gives tokens by OAuth 2 (empty: nowhere).
    """
    if [auth.token, auth.basic, auth.oauth].count(None) != 2:
        raise ValueError("auth takes exactly one of token, basic and oauth")
    if auth.oauth is not None:
        from integrations._tokens import OAuthSource, Tokens  # noqa: PLC0415 - only who uses it pays for it

        url = auth.oauth.token_url or token_url
        if not url:
            raise ValueError("auth.oauth.token_url is empty, and this product has no usual place; write the address")
        return Tokens(OAuthSource(auth.oauth, checked_url(url, allow_plaintext=False), ports), url)
    if auth.token is not None:
        token = auth.token.credential
        return Fixed(lambda: with_scheme(scheme, ports.credential(token)))
    assert auth.basic is not None  # noqa: S101 - for the type checker; decided above
    user, password = auth.basic.user, auth.basic.password.credential
    return Fixed(lambda: basic(user, ports.credential(password)))


def checked_url(url: str, *, allow_plaintext: bool) -> str:
    """``url`` without a trailing slash. ValueError when it is no http address, carries a login, or exposes it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("url is not a whole address; write one such as https://rt.example.net")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url carries a user or a password; name a credential under auth instead")
    if parts.query or parts.fragment:
        raise ValueError("url has a query or a fragment; give only the address under which the product answers")
    if parts.scheme == "http" and not allow_plaintext and not _is_loopback(parts.hostname):
        raise ValueError(
            f"url is plain http to {parts.hostname}, which would show the credential to the network;"
            " use https, or say connection: {allow_plaintext: true}"
        )
    return url.rstrip("/")


def redact(text: str, authorization: Authorization) -> str:
    """``text`` without any secret of ``authorization``, also where it stands encoded for a URL, a form or JSON."""
    for secret in authorization.secrets:
        for shape in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]):
            if shape:
                text = text.replace(shape, "***")
    return text


def check_header(name: str, authorization: Authorization) -> None:
    if not (authorization.header.isascii() and authorization.header.isprintable()):
        raise Unauthorised(
            f"{name}: the credential has a line break or another character that a header cannot carry; write it without"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
