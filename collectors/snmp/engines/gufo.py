"""gufo-snmp's sockets as a session.

Its asyncio wrapper costs 2.7 times as much as its sockets, so these are driven here: one reader stays registered for
as long as the socket lives. Every reply is read by ``recv_get_many``, which gives what the agent sent without deciding
what belongs to a walk. What the library does not tell (error status, kind of report, engine time, a reply that does not
fit into its buffer) is seen by a peek at the datagram; SNMPv3 hides it: there ``recv_get`` tells an end from an error.

The library matches replies by address (its socket is connected) and by a random id that is new with every request; what
does not match it skips. It verifies digests. Requests are not marked as reportable, so an agent that was restarted
drops them without a word: after any silence over SNMPv3 the next request begins with a new discovery.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from gufo.snmp._fast import (
    GetIter,
    NoSuchInstance,
    SnmpAuthError,
    SnmpDecodeError,
    SnmpV1ClientSocket,
    SnmpV2cClientSocket,
    SnmpV3ClientSocket,
    get_master_key,
)

from collectors.snmp.credentials import Auth, Community, Credential, Priv, User
from collectors.snmp.engines import _header, _refusal
from collectors.snmp.engines._header import Report, Status
from collectors.snmp.engines._opaque import opaque
from collectors.snmp.engines._refusal import where
from collectors.snmp.errors import Malformed, NoReply, Refused, SnmpError, TooBig
from collectors.snmp.port import Address, Engine, Row, Value

_T = TypeVar("_T")
_Client = SnmpV1ClientSocket | SnmpV2cClientSocket | SnmpV3ClientSocket
_BUFFER = 4080
"""Bytes of a datagram that gufo-snmp reads; it cuts off the rest."""
_AUTH = {Auth.MD5: (1, 16), Auth.SHA: (4, 20), Auth.SHA224: (7, 28), Auth.SHA256: (10, 32), Auth.SHA384: (11, 48),
         Auth.SHA512: (12, 64)}  # fmt: skip
"""Its number for each protocol, and the length of its key. 1 or 2 more: keys made longer as Blumenthal or Reeder."""
_PRIV = {Priv.DES: (1, 16), Priv.AES128: (2, 16), Priv.AES192: (3, 24), Priv.AES192C: (3, 24), Priv.AES256: (4, 32),
         Priv.AES256C: (4, 32)}  # fmt: skip
_MASTER = 1 << 6
"""Says that a key is already the hash of the password, and has yet to be localized."""


class GufoSession:
    """Contract: ``port.Session``."""

    def __init__(self, address: Address, credential: Credential, timeout: float) -> None:
        self.engine: Engine | None = None
        self._address = address
        self._credential = credential
        self._timeout = timeout
        self._link: _Link | None = None
        self._v3 = isinstance(credential, User)
        self._v1 = isinstance(credential, Community) and credential.version == 1

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        asked = list(oids)
        found = await self._ask(lambda c: c.send_get_many(asked), _many)
        if found or not asked:
            return dict(_rows(found))
        if self._v3:
            # Nothing of all this is there, or an error that the library hides: asking for one alone shows which.
            await self._shows(lambda c: c.send_get(asked[0]))
            return {}
        if self._status() == Status.NO_SUCH_NAME and len(asked) > 1:
            half = len(asked) // 2
            return {**await self.get(asked[:half]), **await self.get(asked[half:])}
        return {}

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        start = GetIter(oid, repetitions)
        if repetitions == 1 or self._v1:
            found = await self._ask(lambda c: c.send_get_next(start), _many)
        else:
            found = await self._ask(lambda c: c.send_get_bulk(start), _many)
        if not found and not self._v3:
            self._status()
        return _rows(found)

    async def ended(self, oid: str) -> bool:
        start = GetIter(oid)
        if not self._v1:
            return not await self._shows(lambda c: c.send_get_next(start))
        found = await self._ask(lambda c: c.send_get_next(start), _many)
        return not found and self._status() == Status.NO_SUCH_NAME

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _shows(self, send: Callable[[_Client], None]) -> bool:
        """Whether the agent has a value to show for a request of one OID; Malformed when it answers with an error."""
        try:
            value = await self._ask(send, lambda c: c.recv_get())
        except NoSuchInstance:
            return False
        if value is None:
            self._status()
            raise Malformed(f"{where(self._address)} answers with an error, or with a value of type NULL")
        return True

    def _status(self) -> int:
        """The error status of the last reply. One that is no answer is raised; SNMPv3 hides all of them."""
        status = 0 if self._v3 or self._link is None else _header.status(self._link.last)
        if status not in (Status.NO_ERROR, Status.NO_SUCH_NAME):
            raise _refusal.by_status(self._address, self._credential, status)
        return status

    async def _ask(self, send: Callable[[_Client], None], receive: Callable[[_Client], _T]) -> _T:
        """One request and its reply; once more after a new discovery when an agent says that it was restarted."""
        again = self._v3
        while True:
            if self._link is None:
                self._link = await self._connect()
            link = self._link
            try:
                return await link.ask(send, receive, self._timeout)
            except NoSuchInstance:
                raise
            except _FAILURES as failure:
                if self._v3:
                    self.close()
                if again and isinstance(failure, SnmpAuthError) and _header.report(link.last) in _RESTARTED:
                    again = False
                    continue
                raise self._explained(link, failure, self._timeout, known=True) from None

    async def _connect(self) -> _Link:
        """A link that is ready: over SNMPv3 one that knows engine and time, and whose keys the agent has accepted."""
        user = self._credential
        link = _Link(self._client())
        if isinstance(user, Community):
            return link
        known = False
        try:
            await link.ask(_refresh, _refreshed, self._timeout / 2)
            self.engine = _header.engine(link.last) or self.engine
            known = True
            link.set_user(user)
            if user.auth is not None:
                # This request may be answered by a report: a wrong user or key is told from silence, and an agent
                # that tells its time only to whom it knows is asked for it.
                await link.ask(_refresh, _refreshed, self._timeout / 2)
                if (kind := _header.report(link.last)) not in (None, Report.NOT_IN_TIME_WINDOW):
                    raise _refusal.refused(self._address, user, kind)
        except (*_FAILURES, Refused) as failure:
            link.close()
            raise self._explained(link, failure, self._timeout / 2, known=known) from None
        except asyncio.CancelledError:
            link.close()
            raise
        return link

    def _client(self) -> _Client:
        try:
            host = _numeric_scope(self._address.host)
            at = f"[{host}]:{self._address.port}" if ":" in host else f"{host}:{self._address.port}"
            if isinstance(self._credential, User):
                return SnmpV3ClientSocket(at, b"", "", 0, b"", 0, b"", 0, 0, 0, 0)
            kind = SnmpV1ClientSocket if self._v1 else SnmpV2cClientSocket
            return kind(at, self._credential.community, 0, 0, 0, 0)
        except OSError as error:
            raise NoReply(f"{where(self._address)} cannot be reached: {error}") from None

    def _explained(self, link: _Link, failure: Exception, seconds: float, *, known: bool) -> SnmpError:
        """The failure in words. ``known``: over SNMPv3, the engine has answered somebody before."""
        if isinstance(failure, SnmpError):
            return failure
        if isinstance(failure, SnmpAuthError):
            return _refusal.refused(self._address, self._credential, _header.report(link.last))
        if isinstance(failure, OSError) and not isinstance(failure, _Silence):
            return NoReply(f"{where(self._address)} cannot be reached: {failure}")
        if link.odd:
            return _refusal.unreadable(self._address, link.odd)
        if known and isinstance(self._credential, User):
            return _refusal.no_reply_to_user(self._address, self._credential, seconds)
        return _refusal.no_reply(self._address, self._credential, seconds)


class _Silence(TimeoutError):
    """No reply in time."""


_FAILURES = (OSError, SnmpAuthError, TooBig)
"""What ``_Link.ask`` raises, beside NoSuchInstance."""
_RESTARTED = (Report.NOT_IN_TIME_WINDOW, Report.UNKNOWN_ENGINE)


class _Link:
    """One socket, and the reader that stays with it. Late replies are read and dropped, whoever waits or not."""

    def __init__(self, client: _Client) -> None:
        self.last = b""
        """The head of the datagram that was read last."""
        self.odd = ""
        """What was wrong with a datagram that came for the present request; "" when none was odd."""
        self._client = client
        self._fd = client.get_fd()
        self._look = socket.socket(fileno=os.dup(self._fd))
        self._waiting: asyncio.Future[Any] | None = None
        self._receive: Callable[[_Client], Any] = _many
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._readable)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        self._look.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(_Silence())

    def set_user(self, user: User) -> None:
        if isinstance(self._client, SnmpV3ClientSocket):
            self._client.set_keys(user.name, *_keys(user))

    async def ask(self, send: Callable[[_Client], None], receive: Callable[[_Client], _T], seconds: float) -> _T:
        """Send, and wait for what ``receive`` makes of the reply. ``_FAILURES``, or NoSuchInstance."""
        self.odd = ""
        self._receive = receive
        waiting: asyncio.Future[_T] = self._loop.create_future()
        self._waiting = waiting
        timer = self._loop.call_later(seconds, self._silent)
        try:
            try:
                send(self._client)
            except OSError:
                send(self._client)  # the first may have told of what an earlier datagram met
            return await waiting
        finally:
            timer.cancel()
            self._waiting = None

    def _silent(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(_Silence())

    def _readable(self) -> None:
        """One datagram, or an error of the socket, has come."""
        waiting = self._waiting
        try:
            if waiting is None or waiting.done():
                self._look.recv(1)  # it is late: nobody waits for it
                return
            self.last = self._look.recv(_BUFFER + 1, socket.MSG_PEEK)
            waiting.set_result(self._receive(self._client))
        except BlockingIOError:
            return  # the library has dropped it: not the id of this request
        except (KeyboardInterrupt, SystemExit):
            raise
        except _DROPPED as error:
            if len(self.last) > _BUFFER and waiting is not None:
                waiting.set_exception(TooBig("a reply is larger than 4,080 bytes"))
            else:
                self.odd = str(error) or type(error).__name__
        except BaseException as error:  # noqa: BLE001 - a panic of the library is no Exception, and no end of ours
            if waiting is None:
                return
            if isinstance(error, (OSError, SnmpAuthError, NoSuchInstance)):
                waiting.set_exception(error)
            else:
                self.odd = type(error).__name__


_DROPPED = (SnmpDecodeError, RuntimeError, ValueError)
"""How the library says that a datagram cannot be read. Such a one may be forged: the true reply is still waited for."""


def _many(client: _Client) -> dict[str, Value]:
    return client.recv_get_many()  # type: ignore[return-value]  # values of type NULL are left out


def _refresh(client: _Client) -> None:
    if isinstance(client, SnmpV3ClientSocket):
        client.send_refresh()


def _refreshed(client: _Client) -> None:
    if isinstance(client, SnmpV3ClientSocket):
        client.recv_refresh()


def _rows(found: dict[str, Value]) -> list[Row]:
    """As the port has them: a Float or Double inside of an Opaque is a number."""
    for oid, value in found.items():
        if type(value) is bytes and value[:1] == b"\x9f":
            found[oid] = opaque(value)
    return list(found.items())


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


def _numeric_scope(host: str) -> str:
    """``fe80::1%eth0`` with the number of the interface; OSError when there is no such interface."""
    address, percent, scope = host.partition("%")
    return host if not percent or scope.isdigit() else f"{address}%{socket.if_nametoindex(scope)}"
