"""The parts of an index, and texts out of whatever bytes a device sends."""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.snmp.display_hint import parse, shown
from collectors.snmp.indexes import BadIndexError, parts
from collectors.snmp.names import Names
from collectors.snmp.profile import Index, Syntax, Table
from collectors.snmp.syntaxes import display, text


def is_safe(shown: str) -> bool:
    """In one line, in one direction, and without surrogates."""
    turning = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    return turning.isdisjoint(shown) and {"Cc", "Zl", "Zp", "Cs"}.isdisjoint(map(unicodedata.category, shown))


def read(suffix: str, *indexes: Any) -> list[tuple[str, str]]:
    kinds = [{"label": f"l{n}", **({"type": i} if isinstance(i, str) else i)} for n, i in enumerate(indexes)]
    return parts(suffix, msgspec.convert(kinds, list[Index]))


@pytest.mark.parametrize(
    ("suffix", "kind", "expected"),
    [
        ("7", "gauge", "7"),
        ("0", {"enum": {0: "none", 1: "one"}}, "none"),
        ("9", {"enum": {0: "none"}}, "9"),
        ("3.97.98.99", "DisplayString", "abc"),
        ("0", "DisplayString", ""),
        ("97.98.99", {"type": "DisplayString", "implied": True}, "abc"),
        ("97.98.99", {"type": "DisplayString", "size": 3}, "abc"),
        ("3.97.0.0", "DisplayString", "a"),
        ("2.0.255", "OctetString", "0x00FF"),
        ("0.255", {"type": "OctetString", "implied": True}, "0x00FF"),
        ("0", "OctetString", ""),
        ("0.26.43.60.77.94", "PhysAddress48", "00:1A:2B:3C:4D:5E"),
        ("192.0.2.1", "InetAddressIPv4", "192.0.2.1"),
        ("192", "InetAddressIPv4", "192.0.0.0"),
        ("32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1", "InetAddressIPv6", "2001:0DB8:0000:0000:0000:0000:0000:0001"),
        ("1.4.192.0.2.1", "InetAddress", "192.0.2.1"),
        ("2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1", "InetAddress", "2001:0DB8:0000:0000:0000:0000:0000:0001"),
        ("16.2.97.98", "InetAddress", "0x10026162"),
        ("1.192.0.2.1", "InetAddressMissingSize", "192.0.2.1"),
        ("5.1.2.3", "InetAddressMissingSize", "0x05010203"),
        ("3.1.3.6", "OID", "1.3.6"),
        ("1.3.6.1", {"type": "OID", "implied": True}, "1.3.6.1"),
    ],
)
def test_an_index_by_its_type(suffix: str, kind: Any, expected: str) -> None:
    assert [shown for shown, _ in read(suffix, kind)] == [expected]


def test_each_part_takes_its_own_numbers() -> None:
    found = read("5.2.97.98.1.4.10.0.0.1.0.26.43.60.77.94.8",
                 "gauge", "DisplayString", "InetAddress", "PhysAddress48", "gauge")  # fmt: skip
    assert found == [("5", "5"), ("ab", "2.97.98"), ("10.0.0.1", "1.4.10.0.0.1"),
                     ("00:1A:2B:3C:4D:5E", "0.26.43.60.77.94"), ("8", "8")]  # fmt: skip


@pytest.mark.parametrize(
    ("suffix", "kinds"),
    [
        ("1.2", ["gauge"]),
        ("", ["gauge"]),
        ("4294967295.1", ["DisplayString"]),
        ("129", ["OctetString"]),
        ("1.300", ["DisplayString"]),
        ("0.0.0.0.0.256", ["PhysAddress48"]),
        ("16.999", ["InetAddress"]),
    ],
)
def test_what_is_no_index_of_the_table_is_refused(suffix: str, kinds: list[Any]) -> None:
    with pytest.raises(BadIndexError):
        read(suffix, *kinds)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"eth0\0\0\0", "eth0"),
        (b"\0\0", ""),
        (b"Cisco IOS\r\nVersion 15\t2\n", "Cisco IOS Version 15 2"),
        ("Büro Süd, 三楼".encode(), "Büro Süd, 三楼"),
        ("Büro".encode("latin-1"), "B\ufffdro"),
        ("三楼".encode("gb18030"), None),
        (b" keep both ", " keep both "),
        ("a\u202eb\u2028c\ufeff".encode(), "a b c"),
        ("机房\u3000二".encode(), "机房\u3000二"),
        (b"\x1b[31mred", "[31mred"),
        (b"x" * 65_536, "x" * 1023 + "…"),
        (b"\xff" * 65_536, "\ufffd"),
    ],
)
def test_text_is_safe_and_bounded(raw: bytes, expected: str | None) -> None:
    found = display(raw)
    assert is_safe(found)
    assert expected is None or found == expected


@pytest.mark.parametrize(
    ("raw", "syntax", "expected"),
    [
        (bytes(8), Syntax.PHYS_ADDRESS_48, "00:00:00:00:00:00:00:00"),
        (b"", Syntax.PHYS_ADDRESS_48, "00:00:00:00:00:00"),
        (bytes(3), Syntax.INET_ADDRESS_IPV4, "0x000000"),
        (b"\xab" * 65_536, Syntax.OCTET_STRING, "0x" + "AB" * 510 + "A…"),
        (bytes(65_536), Syntax.PHYS_ADDRESS_48, "00:" * 341 + "…"),
        (b"", Syntax.OCTET_STRING, ""),
    ],
)
def test_addresses_and_octets_of_any_length(raw: bytes, syntax: Syntax, expected: str) -> None:
    assert text(raw, syntax) == expected


@pytest.mark.parametrize(
    ("raw", "hint", "expected"),
    [
        (bytes.fromhex("001a2b"), "1x:", "00:1A:2B"),
        (b"hello", "255a", "hello"),
        (b"h\xc3\xa9", "255t", "hé"),
        (bytes([7, 232, 2, 29, 12, 30, 15, 5]), "2d-1d-1d,1d:1d:1d.1d,1a1d:1d", "2024-2-29,12:30:15.5"),
        (bytes([8, 15]), "1o.", "10.17"),
        (bytes([2, 1, 2, 3, 65, 66]), "*1d./1a", "1.2/\x03AB".replace("\x03", " ")),
        (bytes([0x20, 1, 0xD, 0xB8, 0x1F, 0x90]), "0a[2x:2x0a]0a:2d", "[2001:0DB8]:8080"),
        (b"", "1x:", ""),
        (b"\x05\x01", "*0d", ""),
    ],
)
def test_a_display_hint_writes_bytes(raw: bytes, hint: str, expected: str) -> None:
    assert shown(raw, hint) == expected


@pytest.mark.parametrize("hint", ["x", "1q", "1x::", "d-2", "*"])
def test_what_is_no_display_hint_is_refused(hint: str) -> None:
    with pytest.raises(ValueError, match="is not a DISPLAY-HINT"):
        parse(hint)


@settings(max_examples=200, deadline=None)
@given(
    raw=st.binary(max_size=300),
    hint=st.lists(st.from_regex(r"\*?[0-9]{1,2}[dxoat][:. ]?", fullmatch=True), min_size=1, max_size=4),
)
def test_any_hint_over_any_bytes_ends_and_is_safe(raw: bytes, hint: list[str]) -> None:
    assert is_safe(shown(raw, "".join(hint)))


def test_labels_of_indexes_that_are_made_up_anew_each_time_are_not_kept_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("collectors.snmp.names._REMEMBERED", 10)
    table = msgspec.convert(
        {"name": "t", "indexes": [{"label": "i"}], "columns": [{"name": "c", "oid": "1.3.6.1.4.1.99999.1"}]}, Table
    )
    names = Names(table, {})
    for number in range(25):
        assert names[str(number)] == (("i", str(number)),)
        assert len(names) <= 10
