"""Uninterruptible power supplies as apcupsd tells them over its network information server (NIS, port 3551).

The names and labels are those of apcupsd_exporter; ``apcupsd_status`` is ours. While apcupsd has lost its UPS
(``COMMLOST``) the values it tells are old: then there is only the status.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._dialogue import Dialogue, split_address
from collectors._host import HostFS
from collectors._model import CollectorError, Labels, Metric, Sample, counter, gauge, labels
from collectors._sysfs import each

_LABELS = ("hostname", "model", "ups_name")
_NUMBERS: dict[str, Metric] = {
    "BCHARGE": gauge("apcupsd_battery_charge_percent", "Charge of the battery in percent.", *_LABELS),
    "CUMONBATT": counter("apcupsd_battery_cumulative_time_on_seconds_total", "Seconds ever on battery.", *_LABELS),
    "NOMBATTV": gauge("apcupsd_battery_nominal_volts", "Nominal voltage of the battery.", *_LABELS),
    "TIMELEFT": gauge("apcupsd_battery_time_left_seconds", "Seconds the battery would last.", *_LABELS),
    "TONBATT": gauge("apcupsd_battery_time_on_seconds", "Seconds on battery now.", *_LABELS),
    "BATTV": gauge("apcupsd_battery_volts", "Voltage of the battery.", *_LABELS),
    "NUMXFERS": counter("apcupsd_battery_number_transfers_total", "Transfers to battery.", *_LABELS),
    "NOMINV": gauge("apcupsd_line_nominal_volts", "Nominal voltage of the mains.", *_LABELS),
    "LINEV": gauge("apcupsd_line_volts", "Voltage of the mains.", *_LABELS),
    "OUTPUTV": gauge("apcupsd_output_volts", "Voltage given out.", *_LABELS),
    "LOADPCT": gauge("apcupsd_ups_load_percent", "Load in percent of what the UPS can carry.", *_LABELS),
    "NOMPOWER": gauge("apcupsd_nominal_power_watts", "Power the UPS can carry in watts.", *_LABELS),
    "ITEMP": gauge("apcupsd_internal_temperature_celsius", "Temperature inside in degrees Celsius.", *_LABELS),
}
_TIMES: dict[str, Metric] = {
    "XONBATT": gauge("apcupsd_last_transfer_on_battery_time_seconds", "Last change to battery, epoch.", *_LABELS),
    "XOFFBATT": gauge("apcupsd_last_transfer_off_battery_time_seconds", "Last change back, epoch.", *_LABELS),
    "LASTSTEST": gauge("apcupsd_last_selftest_time_seconds", "Last self test, epoch.", *_LABELS),
}
FLAGS = (
    "ONLINE", "ONBATT", "LOWBATT", "REPLACEBATT", "NOBATT", "OVERLOAD", "COMMLOST", "CAL", "TRIM", "BOOST", "SLAVE",
)  # fmt: skip
_STATUS = gauge("apcupsd_status", f"1 for each that holds, of {', '.join(FLAGS)}.", *_LABELS, "status")
METRICS = (*_NUMBERS.values(), *_TIMES.values(), _STATUS)
_SECONDS = {"Minutes": 60.0, "Hours": 3600.0}
_VALUE = re.compile(r"(-?[0-9]{1,12}(?:\.[0-9]{1,6})?)(?: ([A-Za-z]+))?.*")
_LINES = 200


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which daemons are asked."""

    addresses: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            max_length=32,
            description="Addresses of apcupsd daemons (`NETSERVER on` in apcupsd.conf)",
            examples=[["127.0.0.1:3551", "[::1]:3552"]],
        ),
    ] = ("127.0.0.1:3551",)
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=4, description="Seconds one daemon may take for its whole answer", examples=[1.5])
    ] = 1.0


def parse(lines: list[str]) -> dict[str, str]:
    """``KEY : value`` lines; the last of a key counts."""
    pairs = (line.partition(":")[::2] for line in lines)
    return {key.strip(): value.strip() for key, value in pairs}


def number(text: str) -> float | None:
    """``45.0 Minutes`` as 2700.0, ``230.0 Volts`` as 230.0; None for ``N/A``."""
    found = _VALUE.fullmatch(text)
    return float(found[1]) * _SECONDS.get(found[2] or "", 1.0) if found else None


def instant(text: str) -> float | None:
    """``2026-09-06 22:13:28 +0800`` in seconds since the epoch; None for ``N/A``, and for a time without a zone."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z").timestamp()
    except (ValueError, OverflowError):
        return None


def samples(told: dict[str, str]) -> Iterator[Sample]:
    pairs = labels(hostname=told.get("HOSTNAME", ""), model=told.get("MODEL", ""), ups_name=told.get("UPSNAME", ""))
    flags = told.get("STATUS", "").split()
    for flag in FLAGS:
        yield Sample(_STATUS.name, tuple(sorted((*pairs, ("status", flag)))), float(flag in flags))
    if "COMMLOST" not in flags:
        yield from _measured(told, pairs)


def _measured(told: dict[str, str], pairs: Labels) -> Iterator[Sample]:
    for columns, read in ((_NUMBERS, number), (_TIMES, instant)):
        for key, metric in columns.items():
            value = read(told[key]) if key in told else None
            if value is not None:
                yield Sample(metric.name, pairs, value)


class Apcupsd:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._addresses = {address: split_address("addresses", address) for address in options.addresses}
        self._seconds = options.timeout_seconds
        self._monotonic = host.monotonic

    def collect(self) -> Iterator[Sample]:
        return each(self._addresses, self._ask)

    def _ask(self, address: str) -> Iterator[Sample]:
        mend = "is apcupsd running, with `NETSERVER on` and that NISIP and NISPORT in apcupsd.conf?"
        who = f"apcupsd at {address}"
        lines: list[str] = []
        with Dialogue(who, self._addresses[address], self._seconds, self._monotonic, mend) as peer:
            peer.send(b"\0\x06status")
            while length := int.from_bytes(peer.exactly(2), "big"):
                lines.append(peer.exactly(length).decode("utf-8", "replace"))
                if len(lines) > _LINES:
                    raise CollectorError(f"{who} does not end: {_LINES} lines taken")
        told = parse(lines)
        if "STATUS" not in told:
            raise CollectorError(f"{who}: the answer has no STATUS (does another service have that port?)")
        yield from samples(told)


def build(options: Options, host: HostFS) -> Apcupsd:
    return Apcupsd(options, host)
