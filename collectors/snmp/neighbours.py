"""Who is at the other end of a device's lines: LLDP (IEEE 802.1AB, LLDP-MIB) and CDP (CISCO-CDP-MIB)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from collectors._devices import Neighbour
from collectors.snmp.errors import SnmpError
from collectors.snmp.names import Cells, cells
from collectors.snmp.port import Value
from collectors.snmp.syntaxes import display
from collectors.snmp.walker import Walker

LLDP_LOCAL, LLDP_REMOTE, LLDP_ADDRESS = "1.0.8802.1.1.2.1.3.7.1", "1.0.8802.1.1.2.1.4.1.1", "1.0.8802.1.1.2.1.4.2.1.3"
CDP, IF_NAME = "1.3.6.1.4.1.9.9.23.1.2.1.1", "1.3.6.1.2.1.31.1.1.1.1"
NEIGHBOUR_V6 = "1.3.6.1.2.1.4.35.1.4"
"""ipNetToPhysicalPhysAddress (IP-MIB): the device's own table of neighbours, addresses in the index."""
_MAC_OF_CHASSIS, _MAC_OF_PORT, _ADDRESS_OF_CHASSIS, _ADDRESS_OF_PORT = 4, 3, 5, 4
"""Subtypes of LldpChassisId and LldpPortId."""
_LENGTHS = {4: 4, 16: 16}


async def neighbours(walker: Walker) -> list[Neighbour]:
    """By LLDP, and by CDP what LLDP does not have. A table that a device does not give is empty."""
    found = await _lldp(walker)
    known = {(each.local_port, short(each.name)) for each in found}
    return found + [each for each in await _cdp(walker) if (each.local_port, short(each.name)) not in known]


async def addresses_v6(walker: Walker) -> set[str]:
    """IPv6 addresses that the device has in its table of neighbours."""
    found: set[str] = set()
    for index in await _column(walker, NEIGHBOUR_V6):
        arcs = index.split(".")
        if len(arcs) == 19 and arcs[2] == "16":  # ifIndex, type, length, address
            found.update(_addresses([arcs[2:]]))
    return found


async def _lldp(walker: Walker) -> list[Neighbour]:
    kinds = await _column(walker, f"{LLDP_REMOTE}.6")
    if not kinds:
        return []
    ports, names, chassis, chassis_kinds = [await _column(walker, f"{LLDP_REMOTE}.{column}") for column in (7, 9, 5, 4)]
    local = await _column(walker, f"{LLDP_LOCAL}.3")
    local_kinds = await _column(walker, f"{LLDP_LOCAL}.2")
    there: dict[str, list[list[str]]] = {}
    for index in await _column(walker, LLDP_ADDRESS):
        arcs = index.split(".")  # time mark, local port, remote index, kind of address, length, address
        there.setdefault(".".join(arcs[:3]), []).append(arcs[4:])
    found = []
    for index, kind in kinds.items():
        line = index.split(".")[1] if index.count(".") >= 2 else ""
        found.append(
            Neighbour(
                "lldp",
                _id(local.get(line), local_kinds.get(line), _MAC_OF_PORT, _ADDRESS_OF_PORT) or line,
                _text(names.get(index)),
                _id(ports.get(index), kind, _MAC_OF_PORT, _ADDRESS_OF_PORT),
                _id(chassis.get(index), chassis_kinds.get(index), _MAC_OF_CHASSIS, _ADDRESS_OF_CHASSIS),
                tuple(_addresses(there.get(index, ()))),
            )
        )
    return found


async def _cdp(walker: Walker) -> list[Neighbour]:
    names = await _column(walker, f"{CDP}.6")
    if not names:
        return []
    addresses, ports = await _column(walker, f"{CDP}.4"), await _column(walker, f"{CDP}.7")
    local = await _column(walker, IF_NAME)
    found = []
    for index, name in names.items():
        line, raw = index.partition(".")[0], addresses.get(index)
        text = _text(name)
        at = tuple(_addresses([[str(len(raw)), *map(str, raw)]])) if isinstance(raw, bytes) else ()
        found.append(Neighbour("cdp", _text(local.get(line)) or line, text, _text(ports.get(index)), "", at))
    return found


async def _column(walker: Walker, root: str) -> Cells:
    """What came of a column, and nothing where the device refuses it."""
    try:
        return cells(root, (await walker.walk(root)).rows)
    except SnmpError:
        return {}


def _id(value: Value | None, kind: Value | None, mac: int, address: int) -> str:
    """LldpChassisId and LldpPortId, by their subtype."""
    if not isinstance(value, bytes):
        return ""
    if kind == mac and len(value) == 6:
        return value.hex(":")
    if kind == address and len(value) in (5, 17):  # IANA address family, address
        return next(iter(_addresses([[str(len(value) - 1), *map(str, value[1:])]])), "")
    return display(value)


def _text(value: Value | None) -> str:
    return display(value) if isinstance(value, bytes) else ""


def _addresses(given: Iterable[list[str]]) -> Iterable[str]:
    """IP addresses out of arcs: a length, and as many bytes."""
    for size, *arcs in (each for each in given if each):
        if int(size) in _LENGTHS and len(arcs) == int(size) and all(int(arc) < 256 for arc in arcs):
            yield str(ip_address(bytes(map(int, arcs))))


def short(name: str) -> str:
    """A name without its domain, and without the serial number that some put behind it for CDP."""
    return name.partition(".")[0].partition("(")[0].lower()
