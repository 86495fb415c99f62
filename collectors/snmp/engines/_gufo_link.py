"""One device's way through gufo-snmp: datagrams are sent, received and judged here, and only then decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from gufo.snmp._fast import NoSuchInstance, SnmpAuthError

from collectors.snmp.credentials import Auth, Community, Credential, User
from collectors.snmp.engines import _header
from collectors.snmp.engines._gufo_codec import LARGEST, Client, Codec, Send, borrow, give_back, many
from collectors.snmp.engines._header import Report
from collectors.snmp.engines._wire import Wire
from collectors.snmp.errors import TooBig
from collectors.snmp.port import Address, Engine

_T = TypeVar("_T")
_MOST_UNUSED = 64
"""Datagrams looked at for one request that turn out to be no reply."""


class Silence(TimeoutError):
    """No reply in time."""


class Reported(Exception):
    """The agent sent a report, or an error status that only a report should tell (``kind`` is None)."""

    def __init__(self, kind: Report | None) -> None:
        super().__init__(kind)
        self.kind = kind


FAILURES = (OSError, Reported, TooBig)
"""What ``Link.ask`` raises, beside NoSuchInstance."""


class Link:
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
        self._receive: Callable[[Client], Any] = many
        self._loop = asyncio.get_running_loop()
        self._community = credential if isinstance(credential, Community) else None
        # First: it can fail (too many files) and leaves nothing open.
        self._codec = Codec(credential) if self._community is None else borrow(self._community)
        self._let_go()
        self._wire = Wire(address, self._received, self._fail)

    def close(self) -> None:
        self._wire.close()
        self._fail(Silence())

    def use(self, user: User) -> Engine:
        """Speak as this user from now on, to the engine that has just answered."""
        head = _header.v3(self.last)
        if head is None:
            raise Silence
        self._key = self._codec.use(user, head.engine.id)
        self._auth = user.auth
        self.known = True
        return head.engine

    def _let_go(self) -> None:
        if self._community is not None:
            give_back(self._community, self._codec)

    async def ask(self, send: Send, receive: Callable[[Client], _T], seconds: float) -> _T:
        """Send, and wait for what ``receive`` makes of the reply. ``FAILURES``, or NoSuchInstance."""
        if self._community is not None:
            self._codec = borrow(self._community)
        try:
            return await self._answered(send, receive, seconds)
        finally:
            self._let_go()

    async def _answered(self, send: Send, receive: Callable[[Client], _T], seconds: float) -> _T:
        request = self._codec.encode(send)
        if self._v3:
            self._message_id = _header.message_id(request)
        self.odd = ""
        self._unused = 0
        self._receive = receive
        waiting: asyncio.Future[_T] = self._loop.create_future()
        self._waiting = waiting
        timer = self._loop.call_later(seconds, self._fail, Silence())
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
            if len(datagram) > LARGEST:
                self._fail(TooBig(f"{len(datagram)} bytes, of which gufo-snmp reads {LARGEST}"))
                return
            self.last = datagram
            waiting.set_result(self._codec.decode(self._receive, datagram))
        except BlockingIOError:  # the library drops it: another request's id, or another engine's
            if self._v3 and self.known and (kind := _header.report(datagram)) is not None:
                self._fail(Reported(kind))
        except SnmpAuthError:
            self._fail(Reported(_header.report(datagram)))
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
            self._fail(Reported(kind))  # what tells of a wrong key cannot be signed with it
        else:
            self.odd = "a reply without the right digest: made with another auth_key, or forged on its way"
        return False
