"""pysnmp as a session: slower by far, and what there is where gufo-snmp has no wheel or a context name is asked for.

Requests go to its message dispatcher (sendPdu of RFC 3411), beneath its tables of targets. Devices with the same
credential share an engine of it, which is 1 MB and takes 0.25 s to make; each has a connected socket of its own, so
that replies are matched by address as well as by id. Silence is measured here by the loop's clock; pysnmp's own timers,
which go by the wall clock, only clear up after it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from itertools import count
from typing import Any

from pyasn1.type import univ
from pysnmp.carrier.asyncio.base import AbstractAsyncioTransport
from pysnmp.carrier.asyncio.dgram.udp import DOMAIN_NAME, UdpTransportAddress
from pysnmp.carrier.asyncio.dispatch import AsyncioDispatcher
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.error import PySnmpError
from pysnmp.proto import errind, rfc1902
from pysnmp.proto.api import v2c
from pysnmp.proto.proxy import rfc2576

from collectors.snmp.credentials import Auth, Community, Credential, Priv, User
from collectors.snmp.engines import _header, _refusal
from collectors.snmp.engines._header import Report, Status
from collectors.snmp.engines._opaque import opaque
from collectors.snmp.engines._refusal import where
from collectors.snmp.errors import NoReply, SnmpError, TooBig
from collectors.snmp.port import Address, Engine, Row, Value

_LARGEST = 16 << 10
"""Bytes of a reply that is decoded: in Python that takes 0.1 s, for which nothing else gets its turn."""
_DISCOVERIES = 4
"""Reports about engine and time that one request may take: two when all is well."""
_MOST_UNUSED = 16
"""Datagrams looked at for one request that turn out to be no reply: each costs some milliseconds."""
_MOST_IDLE = 8
_NAME = "tocsin"
_PEER = UdpTransportAddress(("device", 161))
"""Only a key for pysnmp: the socket is connected to the device."""
_DOMAINS = count(1)
_RESTARTED = (Report.NOT_IN_TIME_WINDOW, Report.UNKNOWN_ENGINE)
_AUTH = {
    None: config.USM_AUTH_NONE,
    Auth.MD5: config.USM_AUTH_HMAC96_MD5,
    Auth.SHA: config.USM_AUTH_HMAC96_SHA,
    Auth.SHA224: config.USM_AUTH_HMAC128_SHA224,
    Auth.SHA256: config.USM_AUTH_HMAC192_SHA256,
    Auth.SHA384: config.USM_AUTH_HMAC256_SHA384,
    Auth.SHA512: config.USM_AUTH_HMAC384_SHA512,
}
_PRIV = {
    None: config.USM_PRIV_NONE,
    Priv.DES: config.USM_PRIV_CBC56_DES,
    Priv.AES128: config.USM_PRIV_CFB128_AES,
    Priv.AES192: config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    Priv.AES256: config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    Priv.AES192C: config.USM_PRIV_CFB192_AES,
    Priv.AES256C: config.USM_PRIV_CFB256_AES,
}


class PysnmpSession:
    """Contract: ``port.Session``."""

    def __init__(self, address: Address, credential: Credential, timeout: float) -> None:
        self._address = address
        self._credential = credential
        self._timeout = timeout
        self._v1 = isinstance(credential, Community) and credential.version == 1
        self._hub: _Hub | None = None
        self._link: _Link | None = None
        self._silences = 0
        self.engine: Engine | None = None

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        asked = list(oids)
        if not asked:
            return {}
        status, index, rows = await self._ask(v2c.GetRequestPDU(), asked)
        if status == Status.NO_SUCH_NAME:
            del asked[index - 1 if 0 < index <= len(asked) else 0]
            return await self.get(asked)
        return {oid: value for oid, value in rows if value is not None and not isinstance(value, _End)}

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        _, _, rows = await self._ask(*self._next(oid, repetitions))
        return [(name, value) for name, value in rows if value is not None and not isinstance(value, _End)]

    async def ended(self, oid: str) -> bool:
        status, _, rows = await self._ask(*self._next(oid, 1))
        return status == Status.NO_SUCH_NAME or any(isinstance(value, _End) for _, value in rows)

    def close(self) -> None:
        self._disconnect()
        if self._hub is not None:
            self._hub.release()
            self._hub = None

    def _disconnect(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _next(self, oid: str, repetitions: int) -> tuple[Any, list[str]]:
        if repetitions == 1 or self._v1:
            return v2c.GetNextRequestPDU(), [oid]
        pdu = v2c.GetBulkRequestPDU()
        v2c.apiBulkPDU.set_defaults(pdu)
        v2c.apiBulkPDU.set_non_repeaters(pdu, 0)
        v2c.apiBulkPDU.set_max_repetitions(pdu, repetitions)
        return pdu, [oid]

    async def _ask(self, pdu: Any, oids: list[str]) -> tuple[int, int, list[tuple[str, Value | _End | None]]]:
        """Error status (NO_ERROR, or NO_SUCH_NAME over SNMPv1), error index, rows."""
        if not isinstance(pdu, v2c.GetBulkRequestPDU):
            v2c.apiPDU.set_defaults(pdu)
        v2c.apiPDU.set_varbinds(pdu, [(v2c.ObjectIdentifier(oid), v2c.null) for oid in oids])
        reply = await self._exchange(pdu)
        try:
            status, index = int(v2c.apiPDU.get_error_status(reply)), int(v2c.apiPDU.get_error_index(reply))
            rows = [(str(oid), _value(value)) for oid, value in v2c.apiPDU.get_varbinds(reply)]
        except Exception as error:  # noqa: BLE001 - pyasn1 decodes some values only now, and fails in many ways
            raise _refusal.unreadable(self._address, type(error).__name__) from None
        if status not in (Status.NO_ERROR, Status.NO_SUCH_NAME):
            raise _refusal.by_status(self._address, self._credential, status)
        return status, index, [] if status else rows

    async def _exchange(self, pdu: Any) -> Any:
        """The PDU of the reply; asked once more over a new link when the agent says that it was restarted."""
        again = isinstance(self._credential, User)
        while True:
            try:
                if self._link is None:
                    self._hub = self._hub or _hub(self._credential)
                    self._link = await _connect(self._address, self._hub, self._timeout)
                reply = await self._link.ask(pdu)
                self._silences = 0
                return reply
            except TimeoutError:
                raise self._silence() from None
            except _Refusal as refusal:
                if again and refusal.why in _RESTARTED:
                    again = False
                    self._disconnect()
                    continue
                raise self._explained(refusal) from None
            except OSError as error:
                raise NoReply(f"{where(self._address)} cannot be reached: {error.strerror or error}") from None
            finally:
                if self._link is not None:
                    self.engine = self._link.engine or self.engine

    def _silence(self) -> SnmpError:
        link, user = self._link, self._credential
        if not isinstance(user, User):
            if link is not None and link.odd:
                return _refusal.unreadable(self._address, link.odd)
            return _refusal.no_reply(self._address, user, self._timeout)
        self._silences += 1
        if self._silences > 1:
            self._disconnect()  # whatever pysnmp believes of the engine over there may be of yesterday
        if link is not None and link.odd:
            return _refusal.unreadable(self._address, link.odd)
        if link is not None and link.engine is not None:
            return _refusal.no_reply_to_user(self._address, user, self._timeout)
        return _refusal.no_reply(self._address, user, self._timeout)

    def _explained(self, refusal: _Refusal) -> SnmpError:
        kind = _header.report(self._link.last) if self._link is not None else None
        if isinstance(self._credential, User):
            self._disconnect()
        if isinstance(refusal.why, TooBig):
            return TooBig(f"{where(self._address)} sent a reply of more than {_LARGEST} bytes")
        if kind is not None or isinstance(refusal.why, errind.AuthenticationError | errind.AuthenticationFailure):
            return _refusal.refused(self._address, self._credential, kind)
        return _refusal.unreadable(self._address, str(refusal.why))


class _End:
    """endOfMibView."""


class _Refusal(Exception):
    """What pysnmp says instead of giving a reply."""

    def __init__(self, why: object) -> None:
        super().__init__(why)
        self.why = why


class _Hub:
    """One engine of pysnmp for all sessions with one credential; its dispatcher lives as long as one of them does."""

    def __init__(self, credential: Credential) -> None:
        self.credential = credential
        self.sessions = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.engine = SnmpEngine()
        if isinstance(credential, Community):
            config.add_v1_system(self.engine, _NAME, credential.community, securityName=_NAME)
            self.model, self.level = credential.version - 1, "noAuthNoPriv"
            config.add_target_parameters(self.engine, _NAME, _NAME, self.level, self.model)
        else:
            config.add_v3_user(
                self.engine,
                credential.name,
                _AUTH[credential.auth],
                credential.auth_key or None,
                _PRIV[credential.priv],
                credential.priv_key or None,
            )
            self.model, self.level = 3, credential.level.partition(" ")[0]

    def acquire(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self.sessions:
            self.loop = loop
            self.engine.register_transport_dispatcher(AsyncioDispatcher(loop=loop))
        self.sessions += 1

    def release(self) -> None:
        self.sessions -= 1
        if not self.sessions:
            self.engine.close_dispatcher()

    def send(self, link: _Link, pdu: Any, answered: Any, seconds: float) -> None:
        """RFC 3411's sendPdu; ``answered`` is its processResponse."""
        dispatcher = self.engine.transport_dispatcher
        user = self.credential
        self.engine.message_dispatcher.send_pdu(
            self.engine,
            link.domain,
            _PEER,
            self.model,
            self.model if self.model == 3 else self.model + 1,
            rfc1902.OctetString(user.name if isinstance(user, User) else _NAME),
            {"noAuthNoPriv": 1, "authNoPriv": 2, "authPriv": 3}[self.level],
            None,
            rfc1902.OctetString(user.context if isinstance(user, User) else ""),
            0 if self.model == 0 else 1,
            rfc2576.v2_to_v1(pdu) if self.model == 0 else pdu,
            True,
            (seconds + 1) / dispatcher.get_timer_resolution(),
            answered,
            None,
        )


_HUBS: dict[Credential, _Hub] = {}


def _hub(credential: Credential) -> _Hub:
    """To be released. Some that nobody uses are kept: a device that is down comes back every minute."""
    loop = asyncio.get_running_loop()
    hub = _HUBS.pop(credential, None)
    if hub is None or (hub.sessions and hub.loop is not loop):
        hub = _Hub(credential)
    for idle in [each for each, other in _HUBS.items() if not other.sessions][:-_MOST_IDLE]:
        del _HUBS[idle]
    _HUBS[credential] = hub
    hub.acquire(loop)
    return hub


async def _connect(address: Address, hub: _Hub, seconds: float) -> _Link:
    loop = asyncio.get_running_loop()
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    family, kind, _, _, to = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM, flags=numeric)[0]
    way = socket.socket(family, kind)
    try:
        way.setblocking(False)
        way.connect(to)
        _, link = await loop.create_datagram_endpoint(lambda: _Link(hub, loop, seconds), sock=way)
    except BaseException:
        way.close()
        raise
    return link


class _Link(AbstractAsyncioTransport, asyncio.DatagramProtocol):  # type: ignore[misc]  # pysnmp has no types
    """One connected socket, as a transport of pysnmp's."""

    def __init__(self, hub: _Hub, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.domain = (*DOMAIN_NAME, next(_DOMAINS))
        self.last = b""
        self.odd = ""
        self.engine: Engine | None = None
        self._hub = hub
        self._loop = loop
        self._seconds = seconds
        self._way: asyncio.DatagramTransport | None = None
        self._waiting: asyncio.Future[Any] | None = None
        self._unused = 0
        self._message_id = b""
        hub.engine.transport_dispatcher.register_transport(self.domain, self)

    def close(self) -> None:
        if self._way is not None:
            self._way.close()
        self._fail(TimeoutError())
        self._hub.engine.transport_dispatcher.unregister_transport(self.domain)

    async def ask(self, pdu: Any) -> Any:
        """The PDU of the reply. _Refusal, or OSError, of which TimeoutError is one."""
        self.odd, reports = "", 0
        while True:
            self._unused = 0
            waiting = self._waiting = self._loop.create_future()
            v2c.apiPDU.set_request_id(pdu, v2c.getNextRequestID())
            try:
                self._hub.send(self, pdu, lambda *reply, to=waiting: _answered(to, *reply), self._seconds)
                async with asyncio.timeout(self._seconds):
                    reply = await waiting
            except PySnmpError as error:
                raise _Refusal(error) from None
            except _Refusal as refusal:
                reports += 1
                if reports > _DISCOVERIES or refusal.why not in (errind.notInTimeWindow, errind.unknownEngineID):
                    raise
                continue
            finally:
                self._waiting = None
            if self._hub.model == 0:
                reply = rfc2576.v1_to_v2(reply, pdu)
            if v2c.apiPDU.get_request_id(reply) == v2c.apiPDU.get_request_id(pdu):
                return reply
            self.odd = "another request's id"

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # always one
        self._way = transport

    def send_message(self, message: bytes, _address: object) -> None:
        """For pysnmp: send."""
        if self._hub.model == 3:
            self._message_id = _header.message_id(message)
        if self._way is not None:
            self._way.sendto(message)

    def datagram_received(self, datagram: bytes, _sender: object) -> None:
        waiting = self._waiting
        if waiting is None or waiting.done() or self._callback_function is None:
            return  # late: nobody waits for it
        if self._unused >= _MOST_UNUSED:
            return
        if self._hub.model == 3:
            head = _header.v3(datagram)
            if head is None:
                self.odd = "no SNMPv3 message"
                return
            if head.message_id != self._message_id:
                return
            self.engine = head.engine if head.engine.id else self.engine
        self.last = datagram
        if len(datagram) > _LARGEST:
            self._fail(_Refusal(TooBig()))
            return
        try:
            self._callback_function(self, _PEER, datagram)
        except Exception as error:  # noqa: BLE001 - a hostile datagram fails in many ways, and the true reply may follow
            self.odd = type(error).__name__
        if waiting.done():
            return
        self._unused += 1
        kind = _header.report(datagram) if self._hub.model == 3 else None
        if kind in _RESTARTED:
            self._fail(_Refusal(kind))
        else:
            self.odd = self.odd or "no reply to what was asked, or one without the right digest"

    def error_received(self, error: Exception) -> None:
        self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)


def _answered(waiting: asyncio.Future[Any], *reply: Any) -> None:
    """processResponse of RFC 3411: pdu, status information and two handles come last."""
    *_, pdu, status, _handle, _context = reply
    if waiting.done():
        return
    if status:
        why = status["errorIndication"]
        if why != errind.requestTimedOut:  # who asked has his own clock
            waiting.set_exception(_Refusal(why))
    else:
        waiting.set_result(pdu)


def _value(value: Any) -> Value | _End | None:
    """As the port has it; None for what has no value."""
    if isinstance(value, v2c.EndOfMibView):
        return _End()
    if isinstance(value, univ.Null):
        return None
    if isinstance(value, rfc1902.IpAddress):
        return ".".join(map(str, value.asOctets()))
    if isinstance(value, rfc1902.Opaque):
        return opaque(value.asOctets())
    if isinstance(value, univ.OctetString):
        return bytes(value.asOctets())
    if isinstance(value, univ.ObjectIdentifier):
        return str(value)
    return int(value)
