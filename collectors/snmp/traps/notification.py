"""A PDU to what it notifies of: traps and informs; those of version 1 as RFC 3584 section 3.1 translates them."""

from __future__ import annotations

import msgspec

from collectors.snmp.port import Row
from collectors.snmp.traps import ber
from collectors.snmp.traps.message import Span

GET, RESPONSE, TRAP_V1, INFORM, TRAP_V2, REPORT = 0xA0, 0xA2, 0xA4, 0xA6, 0xA7, 0xA8
MOST_VARIABLES = 128
UPTIME = "1.3.6.1.2.1.1.3.0"
TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"
TRAP_ADDRESS = "1.3.6.1.6.3.18.1.3.0"
_TRAP_ENTERPRISE = "1.3.6.1.6.3.1.1.4.3.0"
_GENERIC = "1.3.6.1.6.3.1.1.5"


class NotOneError(ValueError):
    """A PDU that asks for something, or answers: nobody sends that here."""


class Notification(msgspec.Struct, frozen=True):
    """``trap`` is its OID. ``agent`` is whom it is about in its own words (snmpTrapAddress), which anybody can write.
    ``ticks`` is the sender's sysUpTime in 1/100 s. ``request_id`` is None in version 1, which has none.
    """

    trap: str
    ticks: int | None
    agent: str
    request_id: int | None
    inform: bool
    variables: tuple[Row, ...]


def read_notification(data: bytes, pdu: Span) -> Notification:
    """The notification in a PDU; BerError for what cannot be read, NotOneError for what is none."""
    if pdu.tag == TRAP_V1:
        return _read_v1(data, pdu.start, pdu.stop)
    if pdu.tag not in (TRAP_V2, INFORM):
        raise NotOneError("a PDU that is no notification")
    request_id, at = ber.read_integer(data, pdu.start, pdu.stop)
    _, at = ber.read_integer(data, at, pdu.stop)
    _, at = ber.read_integer(data, at, pdu.stop)
    variables = _variables(data, at, pdu.stop)
    found = dict(variables[:8])
    trap, ticks, agent = found.get(TRAP_OID), found.get(UPTIME), dict(variables).get(TRAP_ADDRESS, "")
    if not isinstance(trap, str):
        raise ber.BerError("a notification without snmpTrapOID")
    return Notification(
        trap, ticks if isinstance(ticks, int) else None, agent if isinstance(agent, str) else "", request_id,
        pdu.tag == INFORM, variables,
    )  # fmt: skip


def _read_v1(data: bytes, at: int, end: int) -> Notification:
    enterprise, at = ber.read_oid(data, at, end)
    start, stop = ber.expect(data, at, end, ber.IP_ADDRESS)
    agent = ber.value(data, ber.IP_ADDRESS, start, stop)
    generic, at = ber.read_integer(data, stop, end)
    specific, at = ber.read_integer(data, at, end)
    start, stop = ber.expect(data, at, end, ber.TIME_TICKS)
    ticks = ber.value(data, ber.TIME_TICKS, start, stop)
    if not 0 <= generic <= 6 or specific < 0 or not isinstance(ticks, int) or not isinstance(agent, str):
        raise ber.BerError("a trap of version 1 with a number out of its range")
    trap = f"{_GENERIC}.{generic + 1}" if generic < 6 else f"{enterprise}.0.{specific}"
    variables = (*_variables(data, stop, end), (_TRAP_ENTERPRISE, enterprise))
    return Notification(trap, ticks, agent, None, False, variables)


def _variables(data: bytes, at: int, end: int) -> tuple[Row, ...]:
    at, end = ber.expect(data, at, end, ber.SEQUENCE)
    found: list[Row] = []
    for _ in range(MOST_VARIABLES):
        if at == end:
            return tuple(found)
        inner, after = ber.expect(data, at, end, ber.SEQUENCE)
        oid, inner = ber.read_oid(data, inner, after)
        held = ber.value(data, *ber.header(data, inner, after))
        if held is not None:
            found.append((oid, held))
        at = after
    raise ber.BerError(f"more than {MOST_VARIABLES} variables")


def response_to(data: bytes, pdu: Span) -> bytes:
    """The PDU that acknowledges an inform: the same content as a Response (RFC 3416 section 4.2.7)."""
    return ber.encode(RESPONSE, data[pdu.start : pdu.stop])
