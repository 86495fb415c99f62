"""apcupsd and Network UPS Tools: their answers, their moods, and daemons that are none."""

from __future__ import annotations

import getpass
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from golden_host import gather, table
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collectors import apcupsd, nut
from collectors.api import Collector, CollectorError, HostFS, Sample

STATUS = """\
APC      : 001,036,0879
DATE     : 2026-09-06 22:13:28 +0000
HOSTNAME : web-1
UPSNAME  : rack-3
MODEL    : Smart-UPS 1500
STATUS   : ONBATT LOWBATT
LINEV    : 0.0 Volts
LOADPCT  : 13.5 Percent
BCHARGE  : 41.0 Percent
TIMELEFT : 16.5 Minutes
TONBATT  : 63 Seconds
CUMONBATT: 90 Seconds
NUMXFERS : 2
BATTV    : 24.7 Volts
ITEMP    : 29.2 C
NOMPOWER : 865 Watts
XONBATT  : 2026-09-06 22:12:25 +0000
XOFFBATT : N/A
LASTSTEST: N/A
END APC  : 2026-09-06 22:13:28 +0000
"""
UPS = 'hostname="web-1",model="Smart-UPS 1500",ups_name="rack-3"'
VARIABLES = {
    "battery.charge": "98", "battery.runtime": "1320", "input.voltage": "229.6", "ups.load": "17",
    "ups.status": "OL CHRG", "device.mfr": "EATON", "device.model": 'Ellipse \\"PRO\\" 1600', "device.type": "ups",
    "ups.beeper.status": "enabled", "ups.serial": "G1",
}  # fmt: skip


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a daemon that treats each connection with ``answer``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        answer(connection)
                    except OSError:  # the other side has gone: so have we
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def nis(text: str) -> Callable[[socket.socket], None]:
    """apcupsd: each line with its length in front, and a length of 0 behind the last."""

    def answer(connection: socket.socket) -> None:
        assert connection.recv(64) == b"\0\x06status"
        lines = [line.encode() for line in text.splitlines(keepends=True)]
        connection.sendall(b"".join(len(line).to_bytes(2, "big") + line for line in lines) + b"\0\0")

    return answer


def upsd(**known: dict[str, str] | str) -> Callable[[socket.socket], None]:
    """upsd with these UPSs: their variables, or the error it gives instead."""

    def reply(command: str) -> str:
        if command == "LIST UPS":
            body = "".join(f'UPS {name} "the {name}"\n' for name in known)
        else:
            name = command.removeprefix("LIST VAR ")
            told = known[name]
            if isinstance(told, str):
                return f"ERR {told}\n"
            body = "".join(f'VAR {name} {key} "{value}"\n' for key, value in told.items())
        return f"BEGIN {command}\n{body}END {command}\n"

    def answer(connection: socket.socket) -> None:
        with connection.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                connection.sendall(reply(line.strip()).encode())

    return answer


def ask_apcupsd(*addresses: str, seconds: float = 1.0) -> apcupsd.Apcupsd:
    return apcupsd.build(apcupsd.Options(addresses=addresses, timeout_seconds=seconds), HostFS())


def ask_nut(*addresses: str, seconds: float = 1.0) -> nut.Nut:
    return nut.build(nut.Options(addresses=addresses, timeout_seconds=seconds), HostFS())


def until_it_breaks(collector: Collector) -> tuple[dict[str, float], str]:
    items: list[Sample] = []
    given = collector.collect()
    assert isinstance(given, Iterator)
    try:
        items.extend(given)
    except CollectorError as error:
        return table(items), str(error)
    raise AssertionError("no error")


def test_apcupsd_on_battery() -> None:
    with serving(nis(STATUS)) as address:
        got = table(gather(ask_apcupsd(address)))
    flags = {key: value for key, value in got.items() if key.startswith("apcupsd_status")}
    assert sum(flags.values()) == 2
    assert flags[f"apcupsd_status{{{UPS.replace(',ups', ',status=$,ups')}}}".replace("$", '"ONBATT"')] == 1
    assert {key.partition("{")[0]: value for key, value in got.items() if key not in flags} == {
        "apcupsd_line_volts": 0, "apcupsd_ups_load_percent": 13.5, "apcupsd_battery_charge_percent": 41,
        "apcupsd_battery_time_left_seconds": 990, "apcupsd_battery_time_on_seconds": 63,
        "apcupsd_battery_cumulative_time_on_seconds_total": 90, "apcupsd_battery_number_transfers_total": 2,
        "apcupsd_battery_volts": 24.7, "apcupsd_internal_temperature_celsius": 29.2,
        "apcupsd_nominal_power_watts": 865, "apcupsd_last_transfer_on_battery_time_seconds": 1788732745,
    }  # fmt: skip


def test_every_sample_is_declared() -> None:
    with serving(nis(STATUS)) as first, serving(upsd(rack=VARIABLES)) as second, serving(upsd(row=VARIABLES)) as third:
        given = [*gather(ask_apcupsd(first)), *gather(ask_nut(second, third))]
    declared = {metric.name: set(metric.labels) for metric in (*apcupsd.METRICS, *nut.METRICS)}
    assert {item.name for item in given if isinstance(item, Sample)} <= declared.keys()
    for item in given:
        assert isinstance(item, Sample)
        assert {name for name, _ in item.labels} <= declared[item.name]


def test_apcupsd_that_lost_its_ups_tells_no_old_values() -> None:
    with serving(nis(STATUS.replace("ONBATT LOWBATT", "COMMLOST"))) as address:
        got = table(gather(ask_apcupsd(address)))
    assert {key.partition("{")[0] for key in got} == {"apcupsd_status"}
    assert [key.split('status="')[1].split('"')[0] for key, value in got.items() if value] == ["COMMLOST"]


def test_one_daemon_that_is_not_there_does_not_silence_the_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    with serving(nis(STATUS)) as address:
        got, error = until_it_breaks(ask_apcupsd(nobody, address))
    assert got[f"apcupsd_battery_charge_percent{{{UPS}}}"] == 41
    mend = "is apcupsd running, with `NETSERVER on` and that NISIP and NISPORT in apcupsd.conf?"
    assert error == f"apcupsd at {nobody}: Connection refused ({mend})"


def test_nut() -> None:
    with serving(upsd(rack=VARIABLES)) as address:
        got = table(gather(ask_nut(address)))
    flags = {key: value for key, value in got.items() if "ups_status" in key}
    assert {key.split('flag="')[1].split('"')[0] for key, value in flags.items() if value} == {"OL", "CHRG"}
    assert len(flags) == len(nut.FLAGS)
    info = 'mfr="EATON",model="Ellipse "PRO" 1600",serial="G1",type="ups",ups="rack"'
    assert {key: value for key, value in got.items() if key not in flags} == {
        f"network_ups_tools_device_info{{{info}}}": 1,
        'network_ups_tools_battery_charge{ups="rack"}': 98,
        'network_ups_tools_battery_runtime{ups="rack"}': 1320,
        'network_ups_tools_input_voltage{ups="rack"}': 229.6,
        'network_ups_tools_ups_load{ups="rack"}': 17,
    }


def test_nut_with_a_ups_that_is_lost() -> None:
    with serving(upsd(lost="DATA-STALE", rack=VARIABLES)) as address:
        got, error = until_it_breaks(ask_nut(address))
    assert got['network_ups_tools_battery_charge{ups="rack"}'] == 98
    assert not any("lost" in key for key in got)
    assert error.endswith("VAR lost: DATA-STALE (the driver has lost the UPS: look at its cable and at `upsdrvctl`)")


def test_two_servers_are_told_apart() -> None:
    with serving(upsd(rack=VARIABLES)) as one, serving(upsd(rack=VARIABLES)) as other:
        got = table(gather(ask_nut(one, other)))
    assert {key for key in got if "battery_charge" in key} == {
        f'network_ups_tools_battery_charge{{server="{address}",ups="rack"}}' for address in (one, other)
    }


@pytest.mark.server("upsd")
def test_a_real_upsd_and_its_driver(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    state = tmp_path / "state"
    state.mkdir()
    for name, text in {
        "ups.conf": "maxretry = 1\n[rack]\ndriver = dummy-ups\nport = rack.dev\n",
        "rack.dev": "battery.charge: 97\nups.status: OB LB\nups.load: 33.5\n",
        "upsd.conf": f"LISTEN 127.0.0.1 {port}\n",
        "upsd.users": "",
    }.items():
        (tmp_path / name).write_text(text)
    env = {"NUT_CONFPATH": str(tmp_path), "NUT_STATEPATH": str(state), "NUT_ALTPIDPATH": str(state)}
    user = getpass.getuser()
    collector = ask_nut(f"127.0.0.1:{port}")

    def begin(*command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*command, "-u", user, "-F"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )

    def answer() -> tuple[dict[str, float], str]:
        try:
            return table(gather(collector)), ""
        except CollectorError as error:
            return {}, str(error)

    def until(wanted: str) -> dict[str, float]:
        deadline = time.monotonic() + 15
        while wanted not in str(said := answer()):
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        return said[0]

    driver, server = begin("/lib/nut/dummy-ups", "-a", "rack"), None
    try:
        server = begin("/lib/nut/upsd")
        got = until("battery_charge")
        assert got['network_ups_tools_battery_charge{ups="rack"}'] == 97
        assert got['network_ups_tools_ups_load{ups="rack"}'] == 33.5
        assert got['network_ups_tools_ups_status{flag="OB",ups="rack"}'] == 1
        assert got['network_ups_tools_ups_status{flag="OL",ups="rack"}'] == 0
        driver.kill()
        until("VAR rack: DRIVER-NOT-CONNECTED (the driver has lost the UPS")
    finally:
        for process in filter(None, (driver, server)):
            process.kill()
            process.wait()


def silent(connection: socket.socket) -> None:
    connection.recv(64)
    connection.recv(64)  # returns when the other side gives up


def endless(connection: socket.socket) -> None:
    connection.recv(64)
    while True:
        connection.sendall(b"\0\x01x" * 20_000)


@pytest.mark.parametrize("ask", [ask_apcupsd, ask_nut])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (silent, r"no answer in 0.1 s \(is "),
        (endless, r"does not end: "),
        (lambda connection: connection.sendall(b"\0\x03abc\0\0ERR\n"), r"does another service have that port\?"),
        (lambda connection: None, r"(closed the connection in the middle|Connection reset|Broken pipe)"),
    ],
)
def test_a_daemon_that_is_none(
    ask: Callable[..., Collector], answer: Callable[[socket.socket], None], error: str
) -> None:
    with serving(answer) as address, pytest.raises(CollectorError, match=error):
        gather(ask(address, seconds=0.1 if answer is silent else 1.0))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300))
@example(b'BEGIN LIST UPS\nUPS \xff ""\nUPS a ""\nEND LIST UPS\nBEGIN LIST VAR a\nVAR a b\nEND LIST VAR a\n')
@example(b"\0\x09STATUS :\n\0\0")
@example(b"\xff\xff")
def test_noise_is_an_error_or_nothing(noise: bytes) -> None:
    with serving(lambda connection: connection.sendall(noise)) as address:
        for ask in (ask_apcupsd, ask_nut):
            try:
                for item in gather(ask(address)):
                    assert isinstance(item, Sample)
            except CollectorError:
                continue


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ask_apcupsd("localhost"), "addresses: 'localhost' is not an address with a port, such as 127.0.0.1:"),
        (lambda: ask_nut("::1:3493"), "addresses: '::1:3493' is not an address with a port"),
        (lambda: ask_nut("127.0.0.1:99999"), "is not an address with a port"),
        (lambda: nut.build(nut.Options(variables=("Battery charge",)), HostFS()), "is not a name as upsd has them"),
    ],
)
def test_options_that_are_wrong(build: Callable[[], Collector], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
