"""How a device is asked: version, and community or user with keys. The section ``collect.snmp.credentials``."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from collectors._options import CredentialRef, OptionProblem, Reveal


class Auth(Enum):
    """Authentication protocols of the USM (RFC 3414, RFC 7860)."""

    MD5 = "md5"
    SHA = "sha"
    SHA224 = "sha224"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class Priv(Enum):
    """Privacy protocols (RFC 3414, RFC 3826, and what vendors made of longer keys).

    AES-192 and AES-256 have no standard for making a key that is longer than the hash: ``aes192`` and ``aes256`` follow
    Blumenthal's draft (net-snmp, H3C, Juniper), ``aes192c`` and ``aes256c`` Reeder's (Cisco, Huawei and others).
    """

    DES = "des"
    AES128 = "aes128"
    AES192 = "aes192"
    AES256 = "aes256"
    AES192C = "aes192c"
    AES256C = "aes256c"


class CredentialOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`version: 2` with a `community`, or `version: 3` with a `user` and its keys."""

    version: Annotated[Literal[1, 2, 3], Meta(description="The version of SNMP: 1, 2 (for 2c) or 3.")]
    community: Annotated[
        CredentialRef | None, Meta(description="Versions 1 and 2: the community.", examples=[{"credential": "ro"}])
    ] = None
    user: Annotated[str, Meta(description="Version 3: the user.", max_length=32, examples=["tocsin"])] = ""
    auth: Annotated[
        Auth | None, Meta(description="How messages are authenticated; left out: not at all.", examples=["sha256"])
    ] = None
    auth_key: Annotated[
        CredentialRef | None,
        Meta(description="The password for authentication.", examples=[{"credential": "snmp-auth"}]),
    ] = None
    priv: Annotated[
        Priv | None,
        Meta(
            description="How messages are encrypted; left out: not at all. `aes192c` and `aes256c` are the dialect of "
            "Cisco, `aes192` and `aes256` that of net-snmp.",
            examples=["aes128"],
        ),
    ] = None
    priv_key: Annotated[
        CredentialRef | None,
        Meta(description="The password for encryption.", examples=[{"credential": "snmp-priv"}]),
    ] = None
    context: Annotated[str, Meta(description="Version 3: the context name.", max_length=255, examples=["vrf-a"])] = ""


class Community(msgspec.Struct, frozen=True):
    """SNMPv1 or v2c."""

    version: Literal[1, 2]
    community: str

    def __repr__(self) -> str:
        return f"Community(version={self.version}, community=***)"


class User(msgspec.Struct, frozen=True):
    """SNMPv3 with the USM. ``priv`` is given only with ``auth``; keys are passwords, as typed by people."""

    name: str
    auth: Auth | None = None
    auth_key: str = ""
    priv: Priv | None = None
    priv_key: str = ""
    context: str = ""

    def __repr__(self) -> str:
        return f"User({self.name!a}, {self.level}, context={self.context!a})"

    @property
    def level(self) -> str:
        """As people configure it: ``authPriv sha256/aes128``."""
        if self.auth is None:
            return "noAuthNoPriv"
        if self.priv is None:
            return f"authNoPriv {self.auth.value}"
        return f"authPriv {self.auth.value}/{self.priv.value}"


Credential = Community | User

_SHORTEST = 8
"""Characters a password must have: RFC 3414 section 11.2; net-snmp and most devices refuse shorter ones."""
_OF_USERS = ("user", "auth", "auth_key", "priv", "priv_key", "context")


def problems(options: CredentialOptions) -> Iterator[OptionProblem]:
    """Every mistake that shows without a secret."""
    if options.version in (1, 2):
        if options.community is None:
            yield OptionProblem(("version",), f"version {options.version} needs a community", "add 'community: ...'")
        for key in _OF_USERS:
            if getattr(options, key):
                yield OptionProblem((key,), f"{key} belongs to version 3", "take it out, or write version: 3")
        return
    if options.community is not None:
        yield OptionProblem(("community",), "a community belongs to versions 1 and 2", "version 3 has a user")
    if not options.user:
        yield OptionProblem(("version",), "version 3 needs a user", "add 'user: ...'")
    for protocol, key in (("auth", "auth_key"), ("priv", "priv_key")):
        if (getattr(options, protocol) is None) != (getattr(options, key) is None):
            have, lack = (protocol, key) if getattr(options, protocol) else (key, protocol)
            yield OptionProblem((have,), f"{have} is there without {lack}", f"add '{lack}: ...', or take it out")
    if options.priv is not None and options.auth is None:
        yield OptionProblem(("priv",), "priv needs auth: SNMPv3 encrypts only what is authenticated", "add 'auth: ...'")
    if options.auth in (Auth.MD5, Auth.SHA) or options.priv is Priv.DES:
        weak = " and ".join(
            p.value for p in (options.auth, options.priv) if p in (Auth.MD5, Auth.SHA, Priv.DES) and p is not None
        )
        key = "priv" if options.priv is Priv.DES else "auth"
        yield OptionProblem(
            (key,), f"{weak} can be broken today", "use sha256 and aes128 where the device has them", True
        )


def resolve(options: CredentialOptions, reveal: Reveal) -> Credential:
    """The values to ask with; ValueError names the key whose secret is no good, without quoting it."""
    if options.version != 3:
        return Community(options.version, _secret("community", options.community, reveal))
    auth_key = _secret("auth_key", options.auth_key, reveal, _SHORTEST)
    priv_key = _secret("priv_key", options.priv_key, reveal, _SHORTEST)
    return User(options.user, options.auth, auth_key, options.priv, priv_key, options.context)


def _secret(key: str, reference: CredentialRef | None, reveal: Reveal, shortest: int = 1) -> str:
    if reference is None:
        return ""
    secret = reveal(reference.credential)
    if len(secret) < shortest:
        raise ValueError(f"{key}: the credential {reference.credential!a} is shorter than {shortest} characters")
    return secret
