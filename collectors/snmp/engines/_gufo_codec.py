"""gufo-snmp as a codec: bytes of a request out, a datagram in, nothing sent.

The library wants to own the socket, and then nobody can look at a reply before it does. It needs looking at: the
library does not verify the digest of SNMPv3 replies, takes one without for one with, drops the error status and the
kind of a report, and cuts a long datagram off. So its socket is replaced by one end of a pair: what it sends is read at
the other end; what came, and may be believed, is put in there.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from gufo.snmp._fast import (
    SnmpV1ClientSocket,
    SnmpV2cClientSocket,
    SnmpV3ClientSocket,
    get_localized_key,
    get_master_key,
)

from collectors.snmp.credentials import Auth, Community, Credential, Priv, User
from collectors.snmp.port import Value

_T = TypeVar("_T")
Client = SnmpV1ClientSocket | SnmpV2cClientSocket | SnmpV3ClientSocket
Send = Callable[[Client], None]
LARGEST = 4080
"""Bytes of a datagram that gufo-snmp reads."""
_AUTH = {Auth.MD5: (1, 16), Auth.SHA: (4, 20), Auth.SHA224: (7, 28), Auth.SHA256: (10, 32), Auth.SHA384: (11, 48),
         Auth.SHA512: (12, 64)}  # fmt: skip
"""Its number for each protocol, and the length of its key. 1 or 2 more: keys made longer as Blumenthal or Reeder."""
_PRIV = {Priv.DES: (1, 16), Priv.AES128: (2, 16), Priv.AES192: (3, 24), Priv.AES192C: (3, 24), Priv.AES256: (4, 32),
         Priv.AES256C: (4, 32)}  # fmt: skip
_MASTER = 1 << 6
"""Says that a key is already the hash of the password, and has yet to be localized."""


class Codec:
    """A client of the library whose socket leads to us."""

    def __init__(self, credential: Credential) -> None:
        nowhere = "127.0.0.1:9", 0, 0, 0, 0
        self.client: Client
        at, *sizes = nowhere
        if isinstance(credential, User):
            self.client = SnmpV3ClientSocket(at, b"", "", 0, b"", 0, b"", *sizes)
        elif credential.version == 1:
            self.client = SnmpV1ClientSocket(at, credential.community, *sizes)
        else:
            self.client = SnmpV2cClientSocket(at, credential.community, *sizes)
        self._ours, theirs = _pair()
        os.dup2(theirs, self.client.get_fd(), inheritable=False)

    def encode(self, send: Send) -> bytes:
        send(self.client)
        return os.read(self._ours, 65_535)

    def decode(self, receive: Callable[[Client], _T], datagram: bytes) -> _T:
        """BlockingIOError when it is not the reply to what was encoded last."""
        os.write(self._ours, datagram)
        return receive(self.client)

    def use(self, user: User, engine_id: bytes) -> bytes:
        """Speak as this user from now on; the key that digests from this engine are made with (b"" without one)."""
        if isinstance(self.client, SnmpV3ClientSocket):
            self.client.set_keys(user.name, *_keys(user))
        if user.auth is None:
            return b""
        number = _AUTH[user.auth][0]
        return bytes(get_localized_key(number, _master_key(number, user.auth_key), engine_id))


_LOCAL = threading.local()
_MOST_SPARE = 64


def borrow(community: Community) -> Codec:
    """A codec for one request and its reply, to be given back. OSError when there are too many open files.

    Without SNMPv3 it knows nothing of a device: a few serve all of them, where each has a socket and two buffers.
    """
    spare = _spare(community)
    return spare.pop() if spare else Codec(community)


def give_back(community: Community, codec: Codec) -> None:
    spare = _spare(community)
    if len(spare) < _MOST_SPARE:
        spare.append(codec)


def _spare(community: Community) -> list[Codec]:
    found: dict[Community, list[Codec]] | None = getattr(_LOCAL, "spare", None)
    if found is None:
        found = _LOCAL.spare = {}
    elif len(found) > _MOST_SPARE:  # those of former configurations are not kept for ever
        found.clear()
    return found.setdefault(community, [])


def _pair() -> tuple[int, int]:
    """Our end and theirs, for all clients of a thread: nothing stays inside between two calls."""
    found: tuple[int, int] | None = getattr(_LOCAL, "pair", None)
    if found is None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        theirs.setblocking(False)
        found = _LOCAL.pair = (ours.detach(), theirs.detach())
    return found


def many(client: Client) -> dict[str, Value]:
    return client.recv_get_many()  # type: ignore[return-value]  # values of type NULL are left out


def refresh(client: Client) -> None:
    if isinstance(client, SnmpV3ClientSocket):
        client.send_refresh()


def refreshed(client: Client) -> None:
    if isinstance(client, SnmpV3ClientSocket):
        client.recv_refresh()


def _keys(user: User) -> tuple[int, bytes, int, bytes]:
    """auth_alg, auth_key, priv_alg, priv_key as ``set_keys`` takes them."""
    if user.auth is None:
        return 0, b"", 0, b""
    auth, size = _AUTH[user.auth]
    auth_key = _master_key(auth, user.auth_key)
    if user.priv is None:
        return auth | _MASTER, auth_key, 0, b""
    priv, wanted = _PRIV[user.priv]
    longer = 0 if wanted <= size else 2 if user.priv in (Priv.AES192C, Priv.AES256C) else 1
    return auth + longer | _MASTER, auth_key, priv | _MASTER, _master_key(auth, user.priv_key)


@lru_cache(maxsize=256)
def _master_key(auth: int, password: str) -> bytes:
    """The hash over a megabyte of the password (2 ms), the same for all devices of a credential."""
    return bytes(get_master_key(auth, password.encode()))
