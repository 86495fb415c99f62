"""How a request proves who we are, and how that proof is kept out of every text."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta

from integrations.api import CredentialRef, Ports, Secret, Unauthorised


@dataclass(frozen=True, slots=True, repr=False)
class Authorization:
    """The value of the header (empty: none is sent), and every text of the request that must never be shown.

    Made anew for each request.
    """

    header: str
    secrets: tuple[str, ...]


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


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to log in: exactly one of the two ways."""

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


def authorizer(auth: Auth, scheme: str, ports: Ports) -> Callable[[], Authorization]:
    """What makes the header for each request; ValueError unless exactly one way to log in is given."""
    if (auth.token is None) == (auth.basic is None):
        raise ValueError("auth takes exactly one of token and basic")
    if auth.token is not None:
        token = auth.token.credential
        return lambda: with_scheme(scheme, ports.credential(token))
    assert auth.basic is not None  # noqa: S101 - for the type checker; decided above
    user, password = auth.basic.user, auth.basic.password.credential
    return lambda: basic(user, ports.credential(password))


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
            " use https, or say allow_plaintext: true"
        )
    return url.rstrip("/")


def redact(text: str, authorization: Authorization) -> str:
    """``text`` without any secret of ``authorization``, also where it stands percent-encoded."""
    for secret in authorization.secrets:
        for shape in (secret, quote(secret, safe="")):
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
