"""Recorded devices (``snmp_recordings/*.snmprec``, the form of snmpsim) and what the shipped profiles make of them.

A line is ``OID|tag|value``; the tag is the BER tag of the type in decimal, with an ``x`` where the value is in hex.
``python tests/unit_collectors/snmp_devices.py NAME`` writes what is expected of one anew, to be read line by line.
"""

from __future__ import annotations

import struct
import sys
from functools import cache
from pathlib import Path

from snmp_walks import split

from collectors._model import Labels, Sample
from collectors.snmp.load import shipped, shipped_names
from collectors.snmp.port import Row, Value
from collectors.snmp.samples import ScalarsPlan, TablePlan
from collectors.snmp.select import automatic, questions

HERE = Path(__file__).parent / "snmp_recordings"
NAMES = sorted(path.stem for path in HERE.glob("*.snmprec"))
SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
_OPAQUE_FLOAT = bytes.fromhex("9f7804")


def recorded(name: str) -> list[Row]:
    """The rows of a device, as an engine gives them."""
    lines = (HERE / f"{name}.snmprec").read_text("utf-8").splitlines()
    return [(oid, _value(tag, text)) for oid, tag, text in (line.split("|", 2) for line in lines)]


def expected(name: str) -> str:
    return (HERE / f"{name}.expected").read_text("utf-8")


def answered(rows: list[Row], oids: tuple[str, ...]) -> set[str]:
    """Those of the OIDs at or below which the device has something."""
    return {oid for oid in oids if any(each == oid or each.startswith(f"{oid}.") for each, _ in rows)}


@cache
def profiles(device: str) -> tuple[str, ...]:
    """What ``profile: auto`` chooses."""
    rows = recorded(device)
    everything = {name: shipped(name) for name in shipped_names()}
    sys_object_id = str(dict(rows)[SYS_OBJECT_ID])
    return automatic(everything, sys_object_id, answered(rows, questions(everything, sys_object_id))).names


@cache
def samples(device: str) -> list[Sample]:
    """All that the profiles publish of the device, whatever the class."""
    rows = recorded(device)
    values = dict(rows)
    made: list[Sample] = []
    for name in profiles(device):
        profile = shipped(name)
        scalars = ScalarsPlan(profile.scalars)
        for every in scalars.reads:
            made += scalars.samples(every, values).samples
        for table in profile.tables:
            plan = TablePlan(table)
            there = split(rows, [*plan.columns, *plan.labels])
            plan = plan.without([oid for oid in plan.columns if not there[oid]])
            columns = split(rows, {*plan.labels, *(oid for oids in plan.reads.values() for oid in oids)})
            labels = plan.names(columns)
            for every in plan.reads:
                done = plan.samples(every, columns, labels)
                assert not done.wrong, (table.name, done.wrong)
                made += done.samples
    return made


def shown(name: str) -> str:
    """The profiles and samples of a device as text, a line each."""
    return "\n".join([f"# {' '.join(profiles(name))}", *map(line, samples(name)), ""])


def line(sample: Sample) -> str:
    return f"{sample.name}{_labels(sample.labels)} {sample.value:.15g}"


def _labels(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{text}"' for name, text in labels) + "}" if labels else ""


def _value(tag: str, text: str) -> Value:
    raw = bytes.fromhex(text) if tag.endswith("x") else text.encode()
    match tag.removesuffix("x"):
        case "4":
            return raw
        case "68" if raw.startswith(_OPAQUE_FLOAT):
            return float(struct.unpack(">f", raw[3:])[0])
        case "6" | "64":
            return text
        case _:
            return int(text)


if __name__ == "__main__":
    for device in sys.argv[1:] or NAMES:
        (HERE / f"{device}.expected").write_text(shown(device), "utf-8")
