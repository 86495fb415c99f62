"""Uninterruptible power supplies as Network UPS Tools tell them: upsd's text protocol, port 3493 (RFC 9271).

The names and labels are those of nut_exporter: ``battery.charge`` becomes ``network_ups_tools_battery_charge``. A UPS
whose driver has lost it (``DATA-STALE``) is an error of its own and has no series; the others go on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._dialogue import Dialogue, split_address
from collectors._host import HostFS
from collectors._model import CollectorError, Sample, gauge, labels
from collectors._sysfs import each

_NAME = "network_ups_tools_"
VARIABLES = (
    "battery.charge", "battery.charge.low", "battery.runtime", "battery.runtime.low", "battery.temperature",
    "battery.voltage", "battery.voltage.nominal", "input.frequency", "input.voltage", "input.voltage.nominal",
    "output.voltage", "ups.load", "ups.power.nominal", "ups.realpower", "ups.realpower.nominal", "ups.temperature",
)  # fmt: skip
FLAGS = (
    "OL", "OB", "LB", "HB", "RB", "CHRG", "DISCHRG", "BYPASS", "CAL", "OFF", "OVER", "TRIM", "BOOST", "FSD", "SD",
)  # fmt: skip
_INFO = gauge(f"{_NAME}device_info", "Maker and model; always 1.", "ups", "server", "mfr", "model", "serial", "type")
_STATUS = gauge(f"{_NAME}ups_status", "1 for each flag that is set, otherwise 0.", "ups", "server", "flag")


def metric_name(variable: str) -> str:
    return _NAME + variable.replace(".", "_").replace("-", "_")


METRICS = (
    _INFO,
    _STATUS,
    *(
        gauge(metric_name(name), f"The variable {name} of a UPS, in the unit upsd gives (%, V, s, W).", "ups", "server")
        for name in VARIABLES
    ),
)
_VARIABLE = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
_UPS = re.compile(r'UPS ([^\s"]{1,100})(?: ".*")?')
_VAR = re.compile(r'VAR ([^\s"]+) ([^\s"]+) "((?:[^"\\]|\\.)*)"')
_NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?")
_LINES = 2000


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which daemons are asked, and for what."""

    addresses: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            max_length=32,
            description="Addresses of upsd daemons (`LISTEN` in upsd.conf). With more than one, series have the label "
            "`server`",
            examples=[["127.0.0.1:3493"]],
        ),
    ] = ("127.0.0.1:3493",)
    variables: Annotated[
        tuple[str, ...],
        Meta(
            max_length=200,
            description="Numeric variables told beside the status, where a UPS has them",
            examples=[["battery.charge", "battery.runtime"]],
        ),
    ] = VARIABLES
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=4, description="Seconds one daemon may take for all its answers", examples=[1.5])
    ] = 1.0


def parse_ups(lines: list[str]) -> list[str]:
    """Names in the lines of ``LIST UPS``."""
    return [found[1] for line in lines if (found := _UPS.fullmatch(line))]


def parse_variables(lines: list[str]) -> dict[str, str]:
    """Variables in the lines of ``LIST VAR``, escapes undone."""
    found = (match for line in lines if (match := _VAR.fullmatch(line)))
    return {match[2]: re.sub(r"\\(.)", r"\1", match[3]) for match in found}


class Nut:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._addresses = {address: split_address("addresses", address) for address in options.addresses}
        self._columns = {variable: metric_name(variable) for variable in options.variables}
        self._seconds = options.timeout_seconds
        self._monotonic = host.monotonic

    def collect(self) -> Iterator[Sample]:
        return each(self._addresses, self._ask)

    def _ask(self, address: str) -> Iterator[Sample]:
        mend = "is upsd running, with that `LISTEN` in upsd.conf?"
        who = f"upsd at {address}"
        with Dialogue(who, self._addresses[address], self._seconds, self._monotonic, mend) as peer:
            names = parse_ups(_list(peer, who, "UPS"))

            def one(ups: str) -> Iterator[Sample]:
                return self._samples(address, ups, parse_variables(_list(peer, who, f"VAR {ups}")))

            yield from each(dict.fromkeys(names), one)

    def _samples(self, address: str, ups: str, told: dict[str, str]) -> Iterator[Sample]:
        server = address if len(self._addresses) > 1 else ""
        texts = {
            part: told.get(f"device.{part}") or told.get(f"ups.{part}") or ""
            for part in ("mfr", "model", "serial", "type")
        }
        yield Sample(_INFO.name, labels(ups=ups, server=server, **texts), 1.0)
        if "ups.status" in told:
            flags = told["ups.status"].split()
            for flag in FLAGS:
                yield Sample(_STATUS.name, labels(ups=ups, server=server, flag=flag), float(flag in flags))
        pairs = labels(ups=ups, server=server)
        for variable, name in self._columns.items():
            if _NUMBER.fullmatch(told.get(variable, "")):
                yield Sample(name, pairs, float(told[variable]))


def _list(peer: Dialogue, who: str, what: str) -> list[str]:
    """The lines between ``BEGIN LIST`` and ``END LIST``."""
    peer.send(f"LIST {what}\n".encode())
    first = peer.line()
    if first.startswith("ERR "):
        raise CollectorError(f"{who}, {what}: {first[4:104]}{_mend(first)}")
    if first != f"BEGIN LIST {what}":
        raise CollectorError(f"{who} does not speak its protocol: {first!r:.80} (does another service have that port?)")
    lines: list[str] = []
    while (line := peer.line()) != f"END LIST {what}":
        lines.append(line)
        if len(lines) > _LINES:
            raise CollectorError(f"{who} does not end: {_LINES} lines taken")
    return lines


def _mend(error: str) -> str:
    if "DATA-STALE" in error or "DRIVER-NOT-CONNECTED" in error:
        return " (the driver has lost the UPS: look at its cable and at `upsdrvctl`)"
    return ""


def build(options: Options, host: HostFS) -> Nut:
    for variable in options.variables:
        if not _VARIABLE.fullmatch(variable):
            raise ValueError(f"variables: {variable!r:.100} is not a name as upsd has them, such as battery.charge")
    return Nut(options, host)
