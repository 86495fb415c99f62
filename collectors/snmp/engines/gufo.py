"""gufo-snmp as a session: the library encodes, decrypts and decodes; the datagrams go through a socket of our own.

The library wants to own the socket, and then nobody can look at a reply before it does. It needs looking at: the
library does not verify the digest of SNMPv3 replies, takes one without for one with, drops the error status and the
kind of a report, and cuts a long datagram off. So its socket is replaced by one end of a pair (``_Codec``): what it
sends is read at the other end and sent by ``_wire``; what comes is looked at first, and put into the pair when it may
be believed.

It matches replies by a random id that is new with every request. ``recv_get_many`` gives what the agent sent without
deciding what belongs to a walk; over SNMPv3 ``recv_get`` tells the end of the MIB from an error status. After a report,
or a second silence, the next request over SNMPv3 begins with a new discovery, as the agent may have been restarted.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from gufo.snmp._fast import (
    GetIter,
    NoSuchInstance,
    SnmpAuthError,
    SnmpV1ClientSocket,
    SnmpV2cClientSocket,
    SnmpV3ClientSocket,
    get_localized_key,
    get_master_key,
)

from collectors.snmp.credentials import Auth, Community, Credential, Priv, User
from collectors.snmp.engines import _header, _refusal
from collectors.snmp.engines._header import Report, Status
from collectors.snmp.engines._opaque import opaque
from collectors.snmp.engines._refusal import where
from collectors.snmp.engines._wire import Wire
from collectors.snmp.errors import Malformed, NoReply, SnmpError, TooBig
from collectors.snmp.port import Address, Engine, Row, Value

_T = TypeVar("_T")
_Client = SnmpV1ClientSocket | SnmpV2cClientSocket | SnmpV3ClientSocket
_Send = Callable[[_Client], None]
_LARGEST = 4080
"""Bytes of a datagram that gufo-snmp reads."""
_AUTH = {Auth.MD5: (1, 16), Auth.SHA: (4, 20), Auth.SHA224: (7, 28), Auth.SHA256: (10, 32), Auth.SHA384: (11, 48),
         Auth.SHA512: (12, 64)}  # fmt: skip
"""Its number for each protocol, and the length of its key. 1 or 2 more: keys made longer as Blumenthal or Reeder."""
_PRIV = {Priv.DES: (1, 16), Priv.AES128: (2, 16), Priv.AES192: (3, 24), Priv.AES192C: (3, 24), Priv.AES256: (4, 32),
         Priv.AES256C: (4, 32)}  # fmt: skip
_MASTER = 1 << 6
"""Says that a key is already the hash of the password, and has yet to be localized."""
_MOST_UNUSED = 64
"""Datagrams looked at for one request that turn out to be no reply."""
_UPTIME = "1.3.6.1.2.1.1.3.0"
_RESTARTED = (Report.NOT_IN_TIME_WINDOW, Report.UNKNOWN_ENGINE)


class GufoSession:
    """Contract: ``port.Session``."""

    def __init__(self, address: Address, credential: Credential, timeout: float) -> None:
        self.engine: Engine | None = None
        self._address = address
        self._credential = credential
        self._timeout = timeout
        self._link: _Link | None = None
        self._silences = 0
        self._wary = False
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
            self._wary = self._link.wary
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

    async def _ask(self, send: _Send, receive: Callable[[_Client], _T]) -> _T:
        """One request and its reply; once more after a new discovery when an agent says that it was restarted."""
        again = self._v3
        while True:
            if self._link is None:
                self._link = await self._connect()
            link = self._link
            try:
                reply = await link.ask(send, receive, self._timeout)
                self._silences = 0
                return reply
            except _FAILURES as failure:
                self._silences += 1
                if self._v3 and (self._silences > 1 or not isinstance(failure, _Silence)):
                    self.close()
                if again and isinstance(failure, _Reported) and failure.kind in _RESTARTED:
                    again = False
                    continue
                raise self._explained(link, failure, self._timeout) from None

    async def _connect(self) -> _Link:
        """A link that is ready: over SNMPv3 one that knows engine and time, and whose keys the agent has accepted."""
        user = self._credential
        try:
            link = _Link(self._address, user)
        except OSError as error:
            raise self._unreachable(error) from None
        link.wary = self._wary
        if isinstance(user, Community):
            return link
        try:
            await link.ask(_refresh, _refreshed, self._timeout)
            self.engine = link.use(user)
            if user.auth is not None:
                # So a wrong user or key is told from silence; and an agent that tells its time only to whom it knows
                # does so in a report, which the library heeds.
                await link.ask(lambda c: c.send_get_many([_UPTIME]), _many, self._timeout)
        except _Reported as told:
            if told.kind is not Report.NOT_IN_TIME_WINDOW:
                link.close()
                raise self._explained(link, told, self._timeout) from None
        except _FAILURES as failure:
            link.close()
            raise self._explained(link, failure, self._timeout) from None
        except BaseException:
            link.close()
            raise
        return link

    def _explained(self, link: _Link, failure: Exception, seconds: float) -> SnmpError:
        """The failure in words."""
        if isinstance(failure, TooBig):
            return TooBig(f"{where(self._address)} sent {failure}")
        if isinstance(failure, _Reported):
            return _refusal.refused(self._address, self._credential, failure.kind)
        if not isinstance(failure, _Silence):
            return self._unreachable(failure)
        if link.odd:
            return _refusal.unreadable(self._address, link.odd)
        if link.known and isinstance(self._credential, User):
            return _refusal.no_reply_to_user(self._address, self._credential, seconds)
        return _refusal.no_reply(self._address, self._credential, seconds)

    def _unreachable(self, error: Exception) -> NoReply:
        why = getattr(error, "strerror", None) or str(error)
        return NoReply(f"{where(self._address)} cannot be reached: {why}")


class _Silence(TimeoutError):
    """No reply in time."""


class _Reported(Exception):
    """The agent sent a report, or an error status that only a report should tell (``kind`` is None)."""

    def __init__(self, kind: Report | None) -> None:
        super().__init__(kind)
        self.kind = kind


_FAILURES = (OSError, _Reported, TooBig)
"""What ``_Link.ask`` raises, beside NoSuchInstance."""


class _Link:
    """The way to a device and what is known of its engine; one request at a time. Late replies are dropped."""

    def __init__(self, address: Address, credential: Credential) -> None:
        self.last = b""
        """The datagram that was read last for a request."""
        self.odd = ""
        """What was wrong with a datagram that came for the present request; "" when none was odd."""
        self.known = False
        """Over SNMPv3: the engine has been discovered, and the user is set."""
        self.wary = False
        """The library has panicked at a datagram, which costs time and a line on stderr: from now on look first."""
        self._unused = 0
        self._v3 = isinstance(credential, User)
        self._auth: Auth | None = None
        self._key = b""
        self._message_id = b""
        self._waiting: asyncio.Future[Any] | None = None
        self._receive: Callable[[_Client], Any] = _many
        self._loop = asyncio.get_running_loop()
        self._codec = _Codec(credential)  # first: it can fail (too many files) and leaves nothing open
        self._wire = Wire(address, self._received, self._fail)

    def close(self) -> None:
        self._wire.close()
        self._fail(_Silence())

    def use(self, user: User) -> Engine:
        """Speak as this user from now on, to the engine that has just answered."""
        head = _header.v3(self.last)
        client = self._codec.client
        if head is None or not isinstance(client, SnmpV3ClientSocket):
            raise _Silence
        client.set_keys(user.name, *_keys(user))
        if user.auth is not None:
            number = _AUTH[user.auth][0]
            self._key = bytes(get_localized_key(number, _master_key(number, user.auth_key), head.engine.id))
            self._auth = user.auth
        self.known = True
        return head.engine

    async def ask(self, send: _Send, receive: Callable[[_Client], _T], seconds: float) -> _T:
        """Send, and wait for what ``receive`` makes of the reply. ``_FAILURES``, or NoSuchInstance."""
        request = self._codec.encode(send)
        if self._v3:
            self._message_id = _header.message_id(request)
        self.odd = ""
        self._unused = 0
        self._receive = receive
        waiting: asyncio.Future[_T] = self._loop.create_future()
        self._waiting = waiting
        timer = self._loop.call_later(seconds, self._fail, _Silence())
        try:
            self._wire.send(request)
            return await waiting
        finally:
            timer.cancel()
            self._waiting = None

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    def _received(self, datagram: bytes) -> None:
        """A datagram from the device's address; whether it is the reply has yet to be seen."""
        waiting = self._waiting
        if waiting is None or waiting.done():
            return  # late: nobody waits for it
        self._unused += 1
        if self._unused > _MOST_UNUSED:
            return
        if self.wary and not _header.well_formed(datagram):
            self.odd = "values that are longer than what holds them"
            return
        try:
            if self._v3 and not self._believed(datagram):
                return
            if len(datagram) > _LARGEST:
                self._fail(TooBig(f"{len(datagram)} bytes, of which gufo-snmp reads {_LARGEST}"))
                return
            self.last = datagram
            waiting.set_result(self._codec.decode(self._receive, datagram))
        except BlockingIOError:  # the library drops it: another request's id, or another engine's
            if self._v3 and self.known and (kind := _header.report(datagram)) is not None:
                self._fail(_Reported(kind))
        except SnmpAuthError:
            self._fail(_Reported(_header.report(datagram)))
        except NoSuchInstance as missing:
            self._fail(missing)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - errors of the library; a panic of it is no Exception
            # It may be forged: the true reply is still waited for.
            self.odd = str(error)[:100] or type(error).__name__
            self.wary = self.wary or not isinstance(error, Exception)

    def _believed(self, datagram: bytes) -> bool:
        """Whether an SNMPv3 message answers the request and was made by who has the key (RFC 3414 section 3.2)."""
        head = _header.v3(datagram)
        if head is None:
            self.odd = "no SNMPv3 message"
            return False
        if head.message_id != self._message_id:
            return False
        if self._auth is None or _header.authentic(datagram, head, self._auth, self._key):
            return True
        if not head.authenticated and (kind := _header.report(datagram)) is not None:
            self._fail(_Reported(kind))  # what tells of a wrong key cannot be signed with it
        else:
            self.odd = "a reply without the right digest: made with another auth_key, or forged on its way"
        return False


class _Codec:
    """A client of the library whose socket leads to us: bytes of a request out, a datagram in, nothing sent."""

    def __init__(self, credential: Credential) -> None:
        nowhere = "127.0.0.1:9", 0, 0, 0, 0
        self.client: _Client
        at, *sizes = nowhere
        if isinstance(credential, User):
            self.client = SnmpV3ClientSocket(at, b"", "", 0, b"", 0, b"", *sizes)
        elif credential.version == 1:
            self.client = SnmpV1ClientSocket(at, credential.community, *sizes)
        else:
            self.client = SnmpV2cClientSocket(at, credential.community, *sizes)
        self._ours, theirs = _pair()
        os.dup2(theirs, self.client.get_fd(), inheritable=False)

    def encode(self, send: _Send) -> bytes:
        send(self.client)
        return os.read(self._ours, 65_535)

    def decode(self, receive: Callable[[_Client], _T], datagram: bytes) -> _T:
        """BlockingIOError when it is not the reply to what was encoded last."""
        os.write(self._ours, datagram)
        return receive(self.client)


_LOCAL = threading.local()


def _pair() -> tuple[int, int]:
    """Our end and theirs, for all clients of a thread: nothing stays inside between two calls."""
    found: tuple[int, int] | None = getattr(_LOCAL, "pair", None)
    if found is None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        theirs.setblocking(False)
        found = _LOCAL.pair = (ours.detach(), theirs.detach())
    return found


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
