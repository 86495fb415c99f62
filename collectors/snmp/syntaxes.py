"""Values of SNMP as text for labels and as numbers: the textual conventions, the way snmp_exporter shows them.

Whatever a device sends, a text made here is UTF-8 of bounded length without control characters. What cannot be read as
the type that it should have is None, never a guess.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from collectors.snmp.port import Value
from collectors.snmp.profile import Syntax

TEXT_LIMIT = 1024
"""Characters of one label that are kept; a DisplayString has at most 255."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
"""Control characters, ends of lines, and what turns the direction of the text around it."""
_REPLACED = re.compile("\ufffd+")
_NTP_TO_UNIX = 2_208_988_800
_OPAQUE = {b"\x9f\x78\x04": (7, ">f"), b"\x9f\x79\x08": (11, ">d")}
"""What a Float or Double inside of an Opaque begins with (net-snmp's NET-SNMP-TC), its whole length, its form."""
COMBINED: dict[Syntax, dict[int, Syntax]] = {
    Syntax.INET_ADDRESS: {1: Syntax.INET_ADDRESS_IPV4, 2: Syntax.INET_ADDRESS_IPV6},
    Syntax.INET_ADDRESS_MISSING_SIZE: {1: Syntax.INET_ADDRESS_IPV4, 2: Syntax.INET_ADDRESS_IPV6},
    Syntax.LLDP_PORT_ID: {
        1: Syntax.DISPLAY_STRING,
        2: Syntax.DISPLAY_STRING,
        3: Syntax.PHYS_ADDRESS_48,
        5: Syntax.DISPLAY_STRING,
        7: Syntax.DISPLAY_STRING,
    },
}
"""Types that another value decides: what each of its numbers means. For all others it is an OctetString."""


def number(value: Value) -> float | None:
    """A number as it came, or out of an Opaque; None when it is none."""
    if isinstance(value, bytes):
        length, form = _OPAQUE.get(value[:3], (-1, ""))
        return float(struct.unpack_from(form, value, 3)[0]) if len(value) == length else None
    return None if isinstance(value, str) else float(value)


def text(value: Value, syntax: Syntax) -> str:
    """The text of a value for a label. Numbers are written out; an OID or an IpAddress is text already."""
    if isinstance(value, bytes):
        return _BYTES.get(syntax, _hexadecimal)(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return shortened(str(value))


def combined(value: Value | None, syntax: Syntax) -> Syntax:
    """What ``syntax`` stands for beside the value that decides it; ``syntax`` itself when nothing has to."""
    kinds = COMBINED.get(syntax)
    if kinds is None:
        return syntax
    return kinds.get(value, Syntax.OCTET_STRING) if isinstance(value, int) else Syntax.OCTET_STRING


def display(raw: bytes) -> str:
    """Bytes that are meant to be text. UTF-8; what is not becomes U+FFFD, once for a run.

    Control characters go at both ends (devices pad with NUL) and become a space within (Cisco's sysDescr has lines).
    """
    shown = raw[: 4 * TEXT_LIMIT].decode("utf-8", "replace")
    if "\ufffd" in shown:
        shown = _REPLACED.sub("\ufffd", shown)
    if not shown.isprintable():
        shown = _CONTROL.sub(_space_within, shown)
    return shortened(shown)


def shortened(shown: str) -> str:
    return shown if len(shown) <= TEXT_LIMIT else shown[: TEXT_LIMIT - 1] + "…"


def _space_within(run: re.Match[str]) -> str:
    return " " if run.start() > 0 and run.end() < len(run.string) else ""


def _hexadecimal(raw: bytes) -> str:
    return shortened("0x" + raw[:TEXT_LIMIT].hex().upper()) if raw else ""


def _mac(raw: bytes) -> str:
    """Six bytes; none is shown as zeros, as the exporter does. Other link layers have longer addresses."""
    return shortened((raw[:TEXT_LIMIT] or bytes(6)).hex(":").upper())


def _ipv4(raw: bytes) -> str:
    return ".".join(map(str, raw)) if len(raw) == 4 else _hexadecimal(raw)


def _ipv6(raw: bytes) -> str:
    return raw.hex(":", 2).upper() if len(raw) == 16 else _hexadecimal(raw)


_BYTES: dict[Syntax, Callable[[bytes], str]] = {
    Syntax.DISPLAY_STRING: display,
    Syntax.PHYS_ADDRESS_48: _mac,
    Syntax.INET_ADDRESS_IPV4: _ipv4,
    Syntax.INET_ADDRESS_IPV6: _ipv6,
}


def date_and_time(value: Value) -> float | None:
    """Whole Unix seconds of a DateAndTime (RFC 2579): 8 bytes, which are taken as UTC, or 11 with the zone."""
    if not isinstance(value, bytes) or len(value) not in (8, 11):
        return None
    year, month, day, hour, minute, second = struct.unpack_from(">H5B", value)
    zone: timezone = UTC
    if len(value) == 11:
        if value[8:9] not in (b"+", b"-") or value[9] > 14 or value[10] > 59:
            return None
        offset = timedelta(hours=value[9], minutes=value[10])
        zone = timezone(offset if value[8:9] == b"+" else -offset)
    try:
        # A leap second is the first one of the minute that follows.
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone)
    except ValueError:
        return None
    return moment.timestamp() + (1 if second == 60 else 0)


def ntp_time_stamp(value: Value) -> float | None:
    """Whole Unix seconds of the eight bytes of an NTP timestamp (era 0); None when the clock was never set."""
    if not isinstance(value, bytes) or len(value) != 8 or not any(value):
        return None
    return float(int.from_bytes(value[:4], "big") - _NTP_TO_UNIX)


def parse_date(shown: str, pattern: str) -> float | None:
    """Whole Unix seconds of a date in text, in the form of strptime; UTC when no zone stands in it."""
    try:
        moment = datetime.strptime(shown, pattern)  # noqa: DTZ007 - the line below says which zone
    except ValueError:
        return None
    return float(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
