"""Debian's prometheus-snmp-exporter as a process, told to give what a profile of ours gives, and net-snmp's rows."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from collectors.snmp.names import before, lookup_roots
from collectors.snmp.port import Row, Value
from collectors.snmp.profile import Form, Index, Lookup, Object, Profile, Table
from collectors.snmp.syntaxes import COMBINED

_ENUMERATIONS = {Form.INFO: "EnumAsInfo", Form.STATESET: "EnumAsStateSet", Form.BITS: "Bits"}
_VALUE = re.compile(r"(?s)(?:([A-Za-z0-9-]+(?: [a-z]+)?): ?)?(.*)")


def has(each: Object) -> bool:
    """Whether version 0.21 of the exporter can be told the same of this object."""
    ours = (each.scale != 1, each.offset, each.unsigned, each.ignore_values, each.datetime_pattern, each.display_hint,
            each.only, each.sensor, each.saturates)  # fmt: skip
    return not any(ours)


def has_table(table: Table) -> bool:
    return table.only is None and not any(each.enum or each.display_hint for each in table.lookups)


def module(profile: Profile) -> dict[str, Any]:
    """A module of ``snmp.yml`` that reads what the profile reads, as far as the exporter can."""
    walk: dict[str, None] = {}
    get: list[str] = []
    metrics: list[dict[str, Any]] = []
    for scalar in filter(has, profile.scalars):
        get.append(scalar.oid)
        metrics.append(_metric(scalar, scalar.oid.rpartition(".")[0]))
    for table in filter(has_table, profile.tables):
        walk.update(dict.fromkeys(lookup_roots(table)))
        for column in filter(has, table.columns):
            walk[column.oid] = None
            if column.type in COMBINED:
                walk[before(column.oid)] = None
            lookups = [*map(_lookup, [table] * len(table.lookups), table.lookups)]
            lookups += [{"labels": [], "labelname": each.label}
                        for each in (*table.indexes, *table.lookups) if each.drop]  # fmt: skip
            metrics.append(_metric(column, column.oid) | {"indexes": [*map(_index, table.indexes)], "lookups": lookups})
    return {"walk": [*walk], "get": get, "metrics": metrics, "version": 2, "auth": {"community": "public"}}


def _metric(each: Object, oid: str) -> dict[str, Any]:
    extracts = {suffix: [{"regex": e.regex, "value": e.value} for e in several]
                for suffix, several in each.regex_extracts.items()}  # fmt: skip
    kind = _ENUMERATIONS.get(each.as_) or ("OctetString" if each.type.value == "OID" else each.type.value)
    return {"name": each.name, "oid": oid, "type": kind, "help": each.help, "enum_values": each.enum,
            "regex_extracts": extracts}  # fmt: skip


def _index(each: Index) -> dict[str, Any]:
    kind = "EnumAsInfo" if each.enum else each.type.value
    return {"labelname": each.label, "type": kind, "fixed_size": each.size, "implied": each.implied,
            "enum_values": each.enum}  # fmt: skip


def _lookup(table: Table, each: Lookup) -> dict[str, Any]:
    labels = list(each.indexes) or [index.label for index in table.indexes]
    return {"labels": labels, "labelname": each.label, "oid": each.oid, "type": each.type.value}


@contextmanager
def snmp_exporter(program: Path, folder: Path, modules: dict[str, Any]) -> Iterator[str]:
    """The address of its ``/snmp``, while it runs; ask with ``?target=HOST:PORT&module=NAME``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "snmp.yml"
    config.write_text(yaml.safe_dump(modules))
    with (folder / "exporter.log").open("w") as log:
        process = subprocess.Popen(
            [program, f"--config.file={config}", f"--web.listen-address={address}"], stdout=log, stderr=log
        )
    try:
        yield f"http://{address}/snmp"
    finally:
        process.kill()
        process.wait()


def rows(walked: Iterable[tuple[str, str]]) -> list[Row]:
    """Rows as the port gives them, from what net-snmp's tools print with ``-On -Oe -OU -Ot -Ox``."""
    found = ((oid, _value(text)) for oid, text in walked)
    return [(oid, value) for oid, value in found if value is not None]


def _value(text: str) -> Value | None:
    if text in ('""', "") or text.startswith("No "):
        return b"" if text == '""' else None
    match = _VALUE.fullmatch(text)
    assert match is not None
    kind, shown = match[1], match[2]
    if kind in ("Hex-STRING", "BITS"):
        return bytes.fromhex(shown.partition("\n")[0] if kind == "BITS" else shown)
    if kind == "STRING":
        return shown.strip('"').encode()
    if kind == "OID":
        return shown.removeprefix(".")
    if kind == "IpAddress":
        return shown
    if kind == "OPAQUE":
        return bytes.fromhex(shown)
    if kind == "Opaque":
        name, _, number = shown.partition(": ")
        return float(struct.unpack("f", struct.pack("f", float(number)))[0]) if name == "Float" else float(number)
    return int(re.sub(r"[^\d-]*(-?\d+).*", r"\1", shown))
