"""From a password to the keys of a user at one engine, and the ciphers they are for.

Sources: RFC 3414 section 8 and appendix A.2, RFC 3826, RFC 7860; the two ways to longer keys are drafts only.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import msgspec

from collectors.snmp.credentials import Auth, Priv, User

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

HASHES = {
    Auth.MD5: ("md5", 12),
    Auth.SHA: ("sha1", 12),
    Auth.SHA224: ("sha224", 16),
    Auth.SHA256: ("sha256", 24),
    Auth.SHA384: ("sha384", 32),
    Auth.SHA512: ("sha512", 48),
}
"""Name of the hash, and bytes of the digest that are sent."""
SALT_SIZE = 8
_STRETCHED = 1 << 20
_SIZES = {
    Priv.DES: 16,
    Priv.AES128: 16,
    Priv.AES192: 24,
    Priv.AES192C: 24,
    Priv.AES256: 32,
    Priv.AES256C: 32,
}
_REEDER = (Priv.AES192C, Priv.AES256C)


_MOST_ENGINES = 2_000


class Start(msgspec.Struct, frozen=True):
    """What a message says for its cipher: starts and time of the authoritative engine, and the salt."""

    boots: int
    time: int
    salt: bytes


class UserKeys:
    """A user with the keys at each engine, worked out once; PRIV and AUTH as the user has them."""

    def __init__(self, user: User) -> None:
        self.user = user
        # Anybody can make up engine ids: the number of keys that are remembered is bounded, and each is quickly made.
        self.authentication = lru_cache(_MOST_ENGINES)(self._authentication)
        self.privacy = lru_cache(_MOST_ENGINES)(self._privacy)

    @cached_property
    def _authentication_base(self) -> bytes:
        return stretched(self.user.auth_key.encode(), self._auth)

    @cached_property
    def _privacy_base(self) -> bytes:
        return stretched(self.user.priv_key.encode(), self._auth)

    @property
    def _auth(self) -> Auth:
        if self.user.auth is None:
            raise ValueError("a user without authentication has no keys")
        return self.user.auth

    def _authentication(self, engine_id: bytes) -> bytes:
        return localised(self._authentication_base, engine_id, self._auth)

    def _privacy(self, engine_id: bytes) -> bytes:
        if self.user.priv is None:
            raise ValueError("a user without privacy has no key for it")
        return privacy_key(self._privacy_base, engine_id, self._auth, self.user.priv)


def stretched(password: bytes, auth: Auth) -> bytes:
    """The key that a password stands for, before it belongs to an engine. Takes some milliseconds, by design."""
    whole = password * (_STRETCHED // len(password) + 1)
    return _hash(auth, whole[:_STRETCHED])


def localised(key: bytes, engine_id: bytes, auth: Auth) -> bytes:
    """The key at one engine."""
    return _hash(auth, key + engine_id + key)


def privacy_key(key: bytes, engine_id: bytes, auth: Auth, priv: Priv) -> bytes:
    """The key for ``priv`` at one engine, made longer where the hash is too short for it."""
    found = localised(key, engine_id, auth)
    while len(found) < _SIZES[priv]:
        if priv in _REEDER:
            found += localised(stretched(found, auth), engine_id, auth)
        else:
            found += _hash(auth, found)
    return found[: _SIZES[priv]]


def digest(message: bytes, key: bytes, auth: Auth) -> bytes:
    """The authentication parameters of a message in which they are zeros."""
    name, size = HASHES[auth]
    return hmac.digest(key, message, name)[:size]


def decrypt(data: bytes, key: bytes, priv: Priv, start: Start) -> bytes:
    """The plain text, with the padding; ValueError when it cannot be one."""
    if len(start.salt) != SALT_SIZE or (priv is Priv.DES and len(data) % 8):
        raise ValueError("what is encrypted has the wrong length")
    return _cipher(key, priv, start, encrypting=False).update(data)


def encrypt(data: bytes, key: bytes, priv: Priv, start: Start) -> bytes:
    """The opposite; padded where the cipher needs it."""
    if priv is Priv.DES:
        data += bytes(-len(data) % 8)
    return _cipher(key, priv, start, encrypting=True).update(data)


def _hash(auth: Auth, data: bytes) -> bytes:
    return hashlib.new(HASHES[auth][0], data, usedforsecurity=False).digest()


def _cipher(key: bytes, priv: Priv, start: Start, *, encrypting: bool) -> CipherContext:
    # Imported where it is used: only who encrypts pays for OpenSSL's bindings.
    from cryptography.hazmat.primitives.ciphers import Cipher, modes  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415

    try:  # both have moved: TripleDES with version 43, CFB later
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES  # noqa: PLC0415
    except ImportError:
        from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES  # noqa: PLC0415
    try:
        from cryptography.hazmat.decrepit.ciphers.modes import CFB  # noqa: PLC0415
    except ImportError:
        from cryptography.hazmat.primitives.ciphers.modes import CFB  # noqa: PLC0415

    if priv is Priv.DES:
        # Three times the same key is DES; the second half of the key and the salt make the start.
        first = bytes(a ^ b for a, b in zip(key[8:16], start.salt, strict=True))
        made: Cipher[modes.CBC] | Cipher[CFB] = Cipher(TripleDES(key[:8] * 3), modes.CBC(first))
    else:
        first = start.boots.to_bytes(4, "big") + start.time.to_bytes(4, "big") + start.salt
        made = Cipher(AES(key), CFB(first))
    return made.encryptor() if encrypting else made.decryptor()
