"""pysnmp as a session: slower by far, and what there is where gufo-snmp has no wheel or a context name is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyasn1.type import univ
from pysnmp.proto import errind, rfc1902
from pysnmp.proto.api import v2c

from collectors.snmp.credentials import Community, Credential, User
from collectors.snmp.engines import _header, _refusal
from collectors.snmp.engines._header import Status
from collectors.snmp.engines._opaque import opaque
from collectors.snmp.engines._pysnmp_link import LARGEST, RESTARTED, Hub, Link, Refusal, connect, hub_for
from collectors.snmp.engines._refusal import where
from collectors.snmp.errors import SnmpError, TooBig
from collectors.snmp.port import Address, Engine, Row, Value


class PysnmpSession:
    """Contract: ``port.Session``. ``tags``, if given, takes the BER tag of each value that comes, by OID."""

    def __init__(
        self, address: Address, credential: Credential, timeout: float, tags: dict[str, int] | None = None
    ) -> None:
        self._tags = tags
        self._address = address
        self._credential = credential
        self._timeout = timeout
        self._v1 = isinstance(credential, Community) and credential.version == 1
        self._hub: Hub | None = None
        self._link: Link | None = None
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
            bindings = v2c.apiPDU.get_varbinds(reply)
            rows = [(str(oid), _value(value)) for oid, value in bindings]
            if self._tags is not None:
                self._tags.update((str(oid), _tag(value)) for oid, value in bindings if _has_value(value))
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
                    self._hub = self._hub or hub_for(self._credential)
                    self._link = await connect(self._address, self._hub, self._timeout)
                reply = await self._link.ask(pdu)
                self._silences = 0
                return reply
            except TimeoutError:
                raise self._silence() from None
            except Refusal as refusal:
                if again and refusal.why in RESTARTED:
                    again = False
                    self._disconnect()
                    continue
                raise self._explained(refusal) from None
            except OSError as error:
                raise _refusal.unreachable(self._address, error) from None
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

    def _explained(self, refusal: Refusal) -> SnmpError:
        kind = _header.report(self._link.last) if self._link is not None else None
        if isinstance(self._credential, User):
            self._disconnect()
        if isinstance(refusal.why, TooBig):
            return TooBig(f"{where(self._address)} sent a reply of more than {LARGEST} bytes")
        if kind is not None or isinstance(refusal.why, errind.AuthenticationError | errind.AuthenticationFailure):
            return _refusal.refused(self._address, self._credential, kind)
        return _refusal.unreadable(self._address, str(refusal.why))


class _End:
    """endOfMibView."""


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


def _has_value(value: Any) -> bool:
    return not isinstance(value, univ.Null)  # which endOfMibView is one of


def _tag(value: Any) -> int:
    """The first byte of the value in BER (X.690); a pyasn1 tag is class, form and number."""
    return sum(value.tagSet[0])
