"""What snmp_exporter's generator makes of an object of a MIB: its type, the labels of its index, its help. Pure.

Its rules, as its documentation and its output show them: a text convention or a display hint makes a string readable;
an enumeration stays a number unless an override says otherwise; an address comes together with the type before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from collectors.snmp.mibs import Node, Type
from collectors.snmp.profile import Form, Syntax

Part = dict[str, Any]
"""An object of a profile file, before it is written."""

_TEXT_HINT = re.compile(r"^\d+[at]$")
_CONVENTIONS = {
    "DisplayString": Syntax.DISPLAY_STRING,
    "PhysAddress": Syntax.PHYS_ADDRESS_48,
    "MacAddress": Syntax.PHYS_ADDRESS_48,
    "Float": Syntax.FLOAT,
    "Double": Syntax.DOUBLE,
    "DateAndTime": Syntax.DATE_AND_TIME,
    "ParseDateAndTime": Syntax.PARSE_DATE_AND_TIME,
    "NTPTimeStamp": Syntax.NTP_TIME_STAMP,
    "InetAddressIPv4": Syntax.INET_ADDRESS_IPV4,
    "InetAddressIPv6": Syntax.INET_ADDRESS_IPV6,
    "InetAddress": Syntax.INET_ADDRESS,
    "LldpPortId": Syntax.LLDP_PORT_ID,
}
_BASES = {
    "integer": Syntax.GAUGE,
    "integer32": Syntax.GAUGE,
    "unsigned32": Syntax.GAUGE,
    "uinteger32": Syntax.GAUGE,
    "gauge": Syntax.GAUGE,
    "gauge32": Syntax.GAUGE,
    "timeticks": Syntax.GAUGE,
    "counter": Syntax.COUNTER,
    "counter32": Syntax.COUNTER,
    "counter64": Syntax.COUNTER,
    "octetstring": Syntax.OCTET_STRING,
    "bits": Syntax.OCTET_STRING,
    "opaque": Syntax.OCTET_STRING,
    "objectidentifier": Syntax.OBJECT_IDENTIFIER,
    "ipaddress": Syntax.INET_ADDRESS_IPV4,
    "networkaddress": Syntax.INET_ADDRESS_IPV4,
}
_BEFORE = {Syntax.INET_ADDRESS: "InetAddressType", Syntax.LLDP_PORT_ID: "LldpPortIdSubtype"}
_FORMS = {"EnumAsInfo": Form.INFO, "EnumAsStateSet": Form.STATESET, "Bits": Form.BITS}
_AS_THEY_ARE = ("scale", "offset", "datetime_pattern", "display_hint")


class NotCarriedError(Exception):
    """This cannot be said in a profile; the text names what and why."""


def syntax(of: Type) -> Syntax:
    """The type of snmp_exporter for a syntax of a MIB."""
    for name in of.names:
        if name in _CONVENTIONS:
            return _CONVENTIONS[name]
    if of.hint == "1x:":
        return Syntax.PHYS_ADDRESS_48
    if _TEXT_HINT.match(of.hint):
        return Syntax.DISPLAY_STRING
    base = of.base.replace(" ", "").lower()
    if base not in _BASES:
        raise NotCarriedError(f"its type {of.base} is none that can be read")
    return _BASES[base]


def one_object(node: Node, override: Mapping[str, Any]) -> Part:
    """A metric of a profile from an object and what the generator's file changes of it."""
    if node.type is None:
        raise NotCarriedError("the MIB gives it no type")
    asked = str(override.get("type", ""))
    form = _FORMS.get(asked)
    if form is None and node.type.bits and not asked:
        form = Form.BITS
    enum = node.type.bits or node.type.enum
    made: Part = {"name": label(str(override.get("name", node.name))), "oid": node.oid}
    if form is not None:
        if not enum:
            raise NotCarriedError(f"type {asked or 'Bits'} needs an enumeration, and the MIB has none")
    elif (kind := _asked(asked) if asked else syntax(node.type)) is not Syntax.GAUGE:
        made["type"] = kind.value
    if made.get("type") == Syntax.COUNTER.value and node.type.base != "Counter64":
        made["bits"] = 32
    if enum and "type" not in made:
        made["enum"] = dict(enum)
    if form is not None:
        made["as"] = form.value
    for key in _AS_THEY_ARE:
        if key in override:
            made[key] = override[key]
    if "regex_extracts" in override:
        made["regex_extracts"] = override["regex_extracts"]
    made["help"] = str(override.get("help", "")) or _help(node)
    return made


def indexes(row: Node, find: Callable[[str], Node | None]) -> list[Part]:
    """The parts of the index of a table's entry."""
    made: list[Part] = []
    before = ""
    for number, (name, implied) in enumerate(row.indexes):
        node = find(name)
        if node is None or node.type is None:
            raise NotCarriedError(f"its index {name} is in no MIB that was read")
        kind = syntax(node.type)
        part: Part = {"label": label(node.name)}
        if kind in _BEFORE:
            if before != _BEFORE[kind]:
                raise NotCarriedError(f"its index {name} has no {_BEFORE[kind]} before it")
            made.pop()
        if kind is not Syntax.GAUGE:
            part["type"] = kind.value
        if node.type.size and kind in (Syntax.OCTET_STRING, Syntax.DISPLAY_STRING):
            part["size"] = node.type.size
        if implied and number == len(row.indexes) - 1:
            part["implied"] = True
        if node.type.enum:
            part["enum"] = dict(node.type.enum)
        made.append(part)
        before = next((each for each in node.type.names if each in _BEFORE.values()), "")
    return made


def lookup(node: Node, override: Mapping[str, Any], given: Mapping[str, Any]) -> Part:
    """A label from another column. ``given``: the lookup as the generator's file has it."""
    if node.type is None:
        raise NotCarriedError("the MIB gives it no type")
    asked = str(override.get("type", ""))
    made: Part = {"label": label(node.name), "oid": node.oid}
    kind = syntax(node.type) if not asked or asked in _FORMS else _asked(asked)
    if kind is not Syntax.DISPLAY_STRING:
        made["type"] = kind.value
    if node.type.enum and asked != Syntax.GAUGE.value:
        made["enum"] = dict(node.type.enum)
    if "display_hint" in given:
        made["display_hint"] = given["display_hint"]
    return made


def label(name: str) -> str:
    """A name as Prometheus allows it."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def _asked(name: str) -> Syntax:
    try:
        return Syntax(name)
    except ValueError:
        raise NotCarriedError(f"type {name[:60]!r} is unknown") from None


def _help(node: Node) -> str:
    """The first sentence of the MIB, and the unit."""
    first = re.split(r"\.(?:\s|$)", node.description, maxsplit=1)[0].strip()[:300]
    unit = f" ({node.units})" if node.units else ""
    return f"{first}{unit}." if first else f"{node.name}{unit}."
