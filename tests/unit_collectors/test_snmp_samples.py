"""SNMP rows as samples: every type and form, as snmp_exporter has them, and what is not the type that it should be."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snmp_walks import samples

from collectors.snmp.port import Row, Value
from collectors.snmp.profile import Every, Object, Table
from collectors.snmp.samples import ScalarsPlan, TablePlan

ENTRY = "1.3.6.1.4.1.99999.1.1"


def table(**parts: Any) -> Table:
    return msgspec.convert({"name": "t", "indexes": [{"label": "i"}], **parts}, Table)


def column(number: int = 2, **parts: Any) -> dict[str, Any]:
    return {"name": f"c{number}", "oid": f"{ENTRY}.{number}", **parts}


def made(rows: list[Row], **parts: Any) -> dict[str, float]:
    """``{'name{label=value}': value}`` of a table with one index ``i``."""
    return {shown(s): s[2] for s in samples(table(**parts), rows)}


def shown(sample: Any) -> str:
    return sample.name + "{" + ",".join(f"{name}={value}" for name, value in sample.labels) + "}"


def one(value: Value, **parts: Any) -> dict[str, float]:
    return made([(f"{ENTRY}.2.7", value)], columns=[column(**parts)])


def wrong(value: Value, **parts: Any) -> dict[str, int]:
    plan = TablePlan(table(columns=[column(**parts)]))
    result = plan.samples(Every.FAST, {f"{ENTRY}.2": [(f"{ENTRY}.2.7", value)]}, plan.names({}))
    assert not result.samples
    return result.wrong


@pytest.mark.parametrize(
    ("value", "parts", "expected"),
    [
        (5, {}, {"c2{i=7}": 5}),
        (-5, {}, {"c2{i=7}": -5}),
        (5, {"type": "counter"}, {"c2{i=7}": 5}),
        (2**53 + 5, {"type": "counter"}, {"c2{i=7}": 5}),
        (2**64 - 1, {"type": "counter"}, {"c2{i=7}": 2**53 - 1}),
        (2**53 + 5, {"type": "counter", "scale": 2}, {"c2{i=7}": 10}),
        (215, {"scale": 0.1, "offset": -1.5}, {"c2{i=7}": 20}),
        (-2, {"unsigned": True}, {"c2{i=7}": 2**32 - 2}),
        (65535, {"ignore_values": [65535]}, {}),
        (1.5, {"type": "Float"}, {"c2{i=7}": 1.5}),
        (b"\x9f\x78\x04" + struct.pack(">f", 0.25), {"type": "Float"}, {"c2{i=7}": 0.25}),
        (b"\x9f\x79\x08" + struct.pack(">d", 0.1), {"type": "Double"}, {"c2{i=7}": 0.1}),
        (b"rack 3", {"type": "DisplayString"}, {"c2{c2=rack 3,i=7}": 1}),
        (b"", {"type": "DisplayString"}, {"c2{i=7}": 1}),
        (12, {"type": "DisplayString"}, {"c2{c2=12,i=7}": 1}),
        (b"\x00\x1a\xff", {"type": "OctetString"}, {"c2{c2=0x001AFF,i=7}": 1}),
        (bytes.fromhex("001a2b3c4d5e"), {"type": "PhysAddress48"}, {"c2{c2=00:1A:2B:3C:4D:5E,i=7}": 1}),
        (bytes([192, 0, 2, 1]), {"type": "InetAddressIPv4"}, {"c2{c2=192.0.2.1,i=7}": 1}),
        ("192.0.2.1", {"type": "InetAddressIPv4"}, {"c2{c2=192.0.2.1,i=7}": 1}),
        (bytes.fromhex("20010db8" + "00" * 11 + "01"), {"type": "InetAddressIPv6"},
         {"c2{c2=2001:0DB8:0000:0000:0000:0000:0000:0001,i=7}": 1}),
        ("1.3.6.1.4.1.8072", {"type": "OID"}, {"c2{c2=1.3.6.1.4.1.8072,i=7}": 1}),
        (b"\x07\xe8\x02\x1d\x0c\x1e\x0f\x05", {"type": "DateAndTime"}, {"c2{i=7}": 1709209815}),
        (b"\x07\xe8\x02\x1d\x0c\x1e\x0f\x05+\x02\x1e", {"type": "DateAndTime"}, {"c2{i=7}": 1709209815 - 9000}),
        (b"\x07\xe8\x02\x1d\x0c\x1e\x3c\x00", {"type": "DateAndTime"}, {"c2{i=7}": 1709209860}),
        (b"2024-02-29 12:30", {"type": "ParseDateAndTime", "datetime_pattern": "%Y-%m-%d %H:%M"},
         {"c2{i=7}": 1709209800}),
        ((1709209815 + 2208988800).to_bytes(4, "big") + b"\x80\0\0\0", {"type": "NTPTimeStamp"},
         {"c2{i=7}": 1709209815}),
        (6, {"as": "info", "enum": {6: "ethernet"}}, {"c2_info{c2=ethernet,i=7}": 1}),
        (9, {"as": "info", "enum": {6: "ethernet"}}, {"c2_info{c2=9,i=7}": 1}),
        (2, {"as": "stateset", "enum": {1: "up", 2: "down"}}, {"c2{c2=up,i=7}": 0, "c2{c2=down,i=7}": 1}),
        (3, {"as": "stateset", "enum": {1: "up", 2: "down"}},
         {"c2{c2=up,i=7}": 0, "c2{c2=down,i=7}": 0, "c2{c2=3,i=7}": 1}),
        (b"\x81\x40", {"as": "bits", "enum": {0: "first", 1: "second", 9: "tenth", 40: "far"}},
         {"c2{c2=first,i=7}": 1, "c2{c2=second,i=7}": 0, "c2{c2=tenth,i=7}": 1, "c2{c2=far,i=7}": 0}),
        (2, {"enum": {1: "up", 2: "down"}}, {"c2{i=7}": 2}),
        (b"PA3200-A1.07", {"type": "DisplayString", "regex_extracts": {
            "Major": [{"regex": "x(.*)"}, {"regex": r".*A(\d)\..*"}],
            "Minor": [{"regex": r".*\.0?(?P<m>\d+)", "value": "1${m}"}],
            "None": [{"regex": "(A1)"}]}}, {"c2Major{i=7}": 1, "c2Minor{i=7}": 17}),
        (b"\xc0\x00\x02\x01\x1f\x90", {"type": "OctetString", "display_hint": "1d.1d.1d.1d:2d"},
         {"c2{c2=192.0.2.1:8080,i=7}": 1}),
    ],
)  # fmt: skip
def test_a_value_by_its_type(value: Value, parts: dict[str, Any], expected: dict[str, float]) -> None:
    assert one(value, **parts) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (b"5", {}),
        (b"5", {"type": "counter"}),
        ("1.3.6", {}),
        (-1, {"type": "counter"}),
        (b"\x9f\x78\x04\x00\x00", {"type": "Float"}),
        (b"\x9f\x79\x08" + b"\0" * 9, {"type": "Double"}),
        (b"up", {"as": "stateset", "enum": {1: "up"}}),
        (b"up", {"as": "info", "enum": {1: "up"}}),
        (1, {"as": "bits", "enum": {0: "up"}}),
        (0, {"type": "DateAndTime"}),
        (b"\0" * 8, {"type": "DateAndTime"}),
        (b"\x07\xe8\x02\x1d\x0c\x1e\x0f\x05*\x02\x1e", {"type": "DateAndTime"}),
        (b"\x07\xe8\x02\x1d\x0c\x1e\x0f\x05+\xff\xff", {"type": "DateAndTime"}),
        (b"never", {"type": "ParseDateAndTime", "datetime_pattern": "%Y"}),
        (bytes(8), {"type": "NTPTimeStamp"}),
        (bytes(7), {"type": "NTPTimeStamp"}),
    ],
)
def test_what_is_not_of_its_type_is_no_value_and_counted(value: Value, parts: dict[str, Any]) -> None:
    assert wrong(value, **parts) == {"c2": 1}


def test_among_good_rows_only_the_wrong_one_is_left_out() -> None:
    plan = TablePlan(table(columns=[column(type="counter")]))
    rows: list[Row] = [(f"{ENTRY}.2.1", 10), (f"{ENTRY}.2.2", b"\x00"), (f"{ENTRY}.2.3.9", 3), (f"{ENTRY}.2.4", 40)]
    result = plan.samples(Every.FAST, {f"{ENTRY}.2": rows}, plan.names({}))
    assert [(s.labels, s.value, s.time) for s in result.samples] == [
        ((("i", "1"),), 10, None),
        ((("i", "4"),), 40, None),
    ]
    assert result.wrong == {"c2": 2}


def test_labels_are_looked_up_by_the_whole_index_by_part_of_it_and_in_a_chain() -> None:
    parts = {
        "indexes": [{"label": "slot"}, {"label": "port", "enum": {1: "uplink"}}, {"label": "mark", "drop": True}],
        "lookups": [
            {"label": "whole", "oid": f"{ENTRY}.10"},
            {"label": "slotName", "oid": f"{ENTRY}.11", "indexes": ["slot"]},
            {"label": "ifIndex", "oid": f"{ENTRY}.12", "type": "gauge", "indexes": ["slot", "port"], "drop": True},
            {"label": "ifName", "oid": f"{ENTRY}.13", "indexes": ["ifIndex"]},
            {"label": "kind", "oid": f"{ENTRY}.14", "type": "gauge", "enum": {1: "fan"}},
        ],
        "columns": [column()],
    }
    rows: list[Row] = [(f"{ENTRY}.10.3.1.9", b"all"), (f"{ENTRY}.11.3", b"Slot 3"), (f"{ENTRY}.12.3.1", 42),
                       (f"{ENTRY}.13.42", b"xe-0/0/1"), (f"{ENTRY}.14.3.1.9", 1), (f"{ENTRY}.14.3.2.9", 2),
                       (f"{ENTRY}.2.3.1.9", 5), (f"{ENTRY}.2.3.2.9", 6)]  # fmt: skip
    assert made(rows, **parts) == {
        "c2{ifName=xe-0/0/1,kind=fan,port=uplink,slot=3,slotName=Slot 3,whole=all}": 5,
        "c2{kind=2,port=2,slot=3,slotName=Slot 3}": 6,
    }


def test_an_address_is_read_by_the_column_before_it() -> None:
    parts = {
        "lookups": [{"label": "peer", "oid": f"{ENTRY}.21", "type": "InetAddress"}],
        "columns": [column(5, type="LldpPortId"), column(7, type="InetAddress")],
    }
    rows: list[Row] = [(f"{ENTRY}.4.1", 3), (f"{ENTRY}.5.1", bytes(6)), (f"{ENTRY}.4.2", 5), (f"{ENTRY}.5.2", b"ge-1"),
                       (f"{ENTRY}.5.3", b"\x05"), (f"{ENTRY}.6.1", 1), (f"{ENTRY}.7.1", bytes([10, 0, 0, 1])),
                       (f"{ENTRY}.20.2", 1), (f"{ENTRY}.21.2", bytes([10, 0, 0, 2]))]  # fmt: skip
    assert made(rows, **parts) == {
        "c5{c5=00:00:00:00:00:00,i=1}": 1,
        "c5{c5=ge-1,i=2,peer=10.0.0.2}": 1,
        "c5{c5=0x05,i=3}": 1,
        "c7{c7=10.0.0.1,i=1}": 1,
    }


def test_rows_that_another_column_rules_out_are_left_out() -> None:
    only = {"oid": f"{ENTRY}.9", "values": [1, 4]}
    rows: list[Row] = [(f"{ENTRY}.9.{n}", n) for n in (1, 2, 4)] + [(f"{ENTRY}.2.{n}", n) for n in (1, 2, 3, 4)]
    expected = {"c2{i=1}": 1, "c2{i=4}": 4}
    assert made(rows, columns=[column(only=only)]) == expected
    assert made(rows, columns=[column()], only=only) == expected


def test_a_sensor_is_read_in_units_and_one_that_does_not_say_which_is_not_there() -> None:
    sensor = {"scale": f"{ENTRY}.3", "precision": f"{ENTRY}.4"}
    rows: list[Row] = [(f"{ENTRY}.2.{i}", 12345) for i in range(1, 6)]
    rows += [(f"{ENTRY}.3.{i}", scale) for i, scale in enumerate((9, 8, 10, 99), 1)]
    rows += [(f"{ENTRY}.4.{i}", precision) for i, precision in enumerate((2, 0, -1, 0), 1)]
    found = made(rows, columns=[column(sensor=sensor)])
    assert found == pytest.approx({"c2{i=1}": 123.45, "c2{i=2}": 12.345, "c2{i=3}": 123_450_000})


def test_a_value_that_cannot_say_more_is_taken_from_the_column_that_can() -> None:
    better = {"at": 4294967295, "oid": f"{ENTRY}.3", "scale": 1e6}
    rows: list[Row] = [(f"{ENTRY}.2.1", 4294967295), (f"{ENTRY}.3.1", 100_000), (f"{ENTRY}.2.2", 10**9),
                       (f"{ENTRY}.3.2", 1_000), (f"{ENTRY}.2.3", 4294967295)]  # fmt: skip
    found = made(rows, columns=[column(saturates=better)])
    assert found == {"c2{i=1}": 10**11, "c2{i=2}": 10**9, "c2{i=3}": 4294967295}


def test_columns_are_read_as_often_as_they_say_together_with_those_they_need() -> None:
    sensor = {"scale": f"{ENTRY}.3", "precision": f"{ENTRY}.4"}
    plan = TablePlan(table(every="slow", columns=[column(sensor=sensor), column(5, every="fast"), column(3)]))
    assert plan.reads == {Every.SLOW: tuple(f"{ENTRY}.{n}" for n in (2, 3, 4)), Every.FAST: (f"{ENTRY}.5",)}
    result = plan.samples(Every.FAST, {f"{ENTRY}.5": [(f"{ENTRY}.5.1", 1)], f"{ENTRY}.2": []}, plan.names({}))
    assert [s.name for s in result.samples] == ["c5"]


def test_a_device_without_the_wide_counter_gives_the_narrow_one_under_its_own_name() -> None:
    narrow = {"name": "c9", "oid": f"{ENTRY}.9"}
    plan = TablePlan(table(columns=[column(type="counter", instead=narrow), column(3)]))
    assert plan.without([f"{ENTRY}.77"]) is plan
    less = plan.without([f"{ENTRY}.2", f"{ENTRY}.3"])
    assert less is plan.without([f"{ENTRY}.3", f"{ENTRY}.2"])
    assert less.reads == {Every.FAST: (f"{ENTRY}.9",)}
    assert (less.columns[f"{ENTRY}.9"].name, less.columns[f"{ENTRY}.9"].bits) == ("c9", 32)
    assert [
        s.name for s in less.samples(Every.FAST, {f"{ENTRY}.9": [(f"{ENTRY}.9.1", 1)]}, less.names({})).samples
    ] == ["c9"]


def test_scalars_have_no_labels_but_their_text() -> None:
    parts = [{"name": "up", "oid": f"{ENTRY}.1.0", "every": "liveness"},
             {"name": "load", "oid": f"{ENTRY}.2.1", "type": "Float"},
             {"name": "text", "oid": f"{ENTRY}.3.0", "type": "DisplayString"},
             {"name": "address", "oid": f"{ENTRY}.5.0", "type": "InetAddress"}]  # fmt: skip
    plan = ScalarsPlan(msgspec.convert(parts, list[Object]))
    assert plan.reads == {Every.LIVENESS: (f"{ENTRY}.1.0",),
                          Every.FAST: (f"{ENTRY}.2.1", f"{ENTRY}.3.0", f"{ENTRY}.5.0", f"{ENTRY}.4.0")}  # fmt: skip
    values: dict[str, Value] = {
        f"{ENTRY}.2.1": 0.5,
        f"{ENTRY}.3.0": b"here",
        f"{ENTRY}.4.0": 1,
        f"{ENTRY}.5.0": bytes(4),
    }
    result = plan.samples(Every.FAST, values)
    assert [(shown(s), s.value) for s in result.samples] == [
        ("load{}", 0.5), ("text{text=here}", 1), ("address{address=0.0.0.0}", 1)
    ]  # fmt: skip
    assert plan.samples(Every.LIVENESS, {}).samples == []


values = st.one_of(st.integers(-(2**63), 2**64), st.floats(), st.binary(max_size=40), st.just("1.3.6.1"))
indexes = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20).map(lambda numbers: ".".join(map(str, numbers)))
TYPES = [
    "gauge", "counter", "Float", "DateAndTime", "NTPTimeStamp", "DisplayString", "OctetString", "PhysAddress48",
    "InetAddressIPv4", "InetAddressIPv6", "InetAddress", "InetAddressMissingSize", "LldpPortId", "OID",
]  # fmt: skip
EVERYTHING = table(
    indexes=[{"label": "a", "type": "DisplayString"}, {"label": "b", "type": "InetAddress"}, {"label": "c"}],
    lookups=[{"label": f"l{n}", "oid": f"{ENTRY}.{100 + n}", "type": kind} for n, kind in enumerate(TYPES)],
    columns=[column(2 + n, type=kind) for n, kind in enumerate(TYPES)],
)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(1, 120), indexes, values), max_size=12))
def test_whatever_a_device_says_becomes_samples_that_can_be_stored(rows: list[tuple[int, str, Value]]) -> None:
    for sample in samples(EVERYTHING, [(f"{ENTRY}.{number}.{index}", value) for number, index, value in rows]):
        assert type(sample.value) is float
        assert list(sample.labels) == sorted(sample.labels)
        for _, value in sample.labels:
            assert 0 < len(value) <= 1024
            assert value.encode()
            assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in value)
