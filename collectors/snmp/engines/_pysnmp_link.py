"""pysnmp below its tables: an engine of it for a credential, and a connected socket for a device.

Requests go to its message dispatcher (sendPdu of RFC 3411). Devices with the same credential share an engine, which is
1 MB and takes 0.25 s to make; each has a connected socket of its own, so that replies are matched by address as well
as by id. Silence is measured here by the loop's clock; pysnmp's own timers go by the wall clock and only clear up.
"""

from __future__ import annotations

import asyncio
import socket
from itertools import count
from typing import Any

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
from collectors.snmp.engines import _header
from collectors.snmp.engines._header import Report
from collectors.snmp.errors import TooBig
from collectors.snmp.port import Address, Engine

LARGEST = 16 << 10
"""Bytes of a reply that is decoded: in Python that takes 0.1 s, for which nothing else gets its turn."""
_EXCHANGES = 5
"""Messages that one request may take: three when an engine has to be found, and its time asked for."""
_MOST_UNUSED = 16
"""Datagrams looked at for one request that turn out to be no reply: each costs some milliseconds."""
_MOST_IDLE = 8
_NAME = "tocsin"
_PEER = UdpTransportAddress(("device", 161))
"""Only a key for pysnmp: the socket is connected to the device."""
_DOMAINS = count(1)
RESTARTED = (Report.NOT_IN_TIME_WINDOW, Report.UNKNOWN_ENGINE)
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


class Refusal(Exception):
    """What pysnmp says instead of giving a reply."""

    def __init__(self, why: object) -> None:
        super().__init__(why)
        self.why = why


class Hub:
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

    def send(self, link: Link, pdu: Any, answered: Any, seconds: float) -> None:
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


_HUBS: dict[Credential, Hub] = {}


def hub_for(credential: Credential) -> Hub:
    """To be released. Some that nobody uses are kept: a device that is down comes back every minute."""
    loop = asyncio.get_running_loop()
    hub = _HUBS.pop(credential, None)
    if hub is None or (hub.sessions and hub.loop is not loop):
        hub = Hub(credential)
    for idle in [each for each, other in _HUBS.items() if not other.sessions][:-_MOST_IDLE]:
        del _HUBS[idle]
    _HUBS[credential] = hub
    hub.acquire(loop)
    return hub


async def connect(address: Address, hub: Hub, seconds: float) -> Link:
    loop = asyncio.get_running_loop()
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    family, kind, _, _, to = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM, flags=numeric)[0]
    way = socket.socket(family, kind)
    try:
        way.setblocking(False)
        way.connect(to)
        _, link = await loop.create_datagram_endpoint(lambda: Link(hub, loop, seconds), sock=way)
    except BaseException:
        way.close()
        raise
    return link


class Link(AbstractAsyncioTransport, asyncio.DatagramProtocol):  # type: ignore[misc]  # pysnmp has no types
    """One connected socket, as a transport of pysnmp's."""

    def __init__(self, hub: Hub, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
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
        """The PDU of the reply. Refusal, or OSError, of which TimeoutError is one."""
        self.odd = ""
        for left in range(_EXCHANGES, 0, -1):
            self._unused = 0
            waiting = self._waiting = self._loop.create_future()
            v2c.apiPDU.set_request_id(pdu, v2c.getNextRequestID())
            try:
                self._hub.send(self, pdu, lambda *reply, to=waiting: _answered(to, *reply), self._seconds)
                async with asyncio.timeout(self._seconds):
                    reply = await waiting
            except PySnmpError as error:
                raise Refusal(error) from None
            except Refusal as refusal:
                if left == 1 or refusal.why not in (errind.notInTimeWindow, errind.unknownEngineID):
                    raise
                continue
            finally:
                self._waiting = None
            if self._hub.model == 0:
                reply = rfc2576.v1_to_v2(reply, pdu)
            if v2c.apiPDU.get_request_id(reply) == v2c.apiPDU.get_request_id(pdu):
                return reply
            self.odd = "the id of another request"
        raise TimeoutError

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
        if len(datagram) > LARGEST:
            self._fail(Refusal(TooBig()))
            return
        try:
            self._callback_function(self, _PEER, datagram)
        except Exception as error:  # noqa: BLE001 - a hostile datagram fails in many ways, and the true reply may follow
            self.odd = type(error).__name__
        if waiting.done():
            return
        self._unused += 1
        kind = _header.report(datagram) if self._hub.model == 3 else None
        if kind in RESTARTED:
            self._fail(Refusal(kind))
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
            waiting.set_exception(Refusal(why))
    else:
        waiting.set_result(pdu)
