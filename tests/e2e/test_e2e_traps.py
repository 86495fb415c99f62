"""A linkDown trap makes the real daemon look at once: an incident within seconds, minutes before its next poll.

The switch is a scriptable agent, which is polled every four minutes by itself.
"""

from __future__ import annotations

import signal
import socket
import time

import pytest
from daemon import Daemon, free_port, rule
from fakes import ber
from fakes.snmp_agent import SnmpAgent
from fakes.traps import LINK_DOWN, LINK_UP, link, pdu, v2c

OPER_STATUS = "1.3.6.1.2.1.2.2.1.8.3"
UP, DOWN = ber.integer(1), ber.integer(2)
SYSTEM = {
    "1.3.6.1.2.1.1.1.0": ber.octets("A switch of a test"),
    "1.3.6.1.2.1.1.2.0": ber.object_id("1.3.6.1.4.1.99999.1"),
    "1.3.6.1.2.1.1.3.0": ber.time_ticks(123_456),
    "1.3.6.1.2.1.1.5.0": ber.octets("sw1"),
    "1.3.6.1.2.1.2.1.0": ber.integer(1),
    "1.3.6.1.2.1.2.2.1.1.3": ber.integer(3),
    "1.3.6.1.2.1.2.2.1.2.3": ber.octets("GigabitEthernet0/3"),
    "1.3.6.1.2.1.2.2.1.7.3": UP,
    OPER_STATUS: UP,
    "1.3.6.1.2.1.31.1.1.1.1.3": ber.octets("Gi0/3"),
}
PORT_DOWN = rule("PortDown", "ifOperStatus == 2 and on (instance, ifIndex) ifAdminStatus == 1")


def send(port: int, data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.sendto(data, ("127.0.0.1", port))


@pytest.mark.alongside
def test_a_trap_leads_to_a_poll_and_the_poll_to_an_incident_and_to_its_end(daemon: Daemon) -> None:
    with SnmpAgent(dict(SYSTEM)) as switch:
        traps_of(switch, daemon)


def traps_of(switch: SnmpAgent, daemon: Daemon) -> None:
    traps = free_port()
    secrets = daemon.folder / "credentials"
    secrets.mkdir(mode=0o700)
    (secrets / "ro").write_text("public")
    (secrets / "ro").chmod(0o600)
    daemon.config["credentials_directory"] = str(secrets)
    daemon.config["collect"]["snmp"] = {
        "targets": [
            {"host": "127.0.0.1", "name": "sw1", "port": switch.port, "credential": "ro", "profile": "interfaces"}
        ],
        "credentials": {"ro": {"version": 2, "community": {"credential": "ro"}}},
        "interval": "4m",
        "traps": {"listen": f"127.0.0.1:{traps}", "communities": [{"credential": "ro"}]},
    }
    daemon.config["route"]["group_by"] = ["alertname", "ci", "ifIndex"]
    daemon.rules = [PORT_DOWN]
    daemon.write()
    daemon.start()

    def status() -> float | None:
        return daemon.metric("ifOperStatus", ifIndex="3")

    # A trap about nothing has the first poll come now.
    daemon.until("traps are taken", lambda: daemon.metric("snmp_trap_datagrams_total") is not None, 10)
    send(traps, v2c(pdu(LINK_UP, link())))
    daemon.until("the port is polled", lambda: status() == 1.0, 20)

    switch.mib[OPER_STATUS] = DOWN
    send(traps, v2c(pdu(LINK_DOWN, link())))
    begin = time.monotonic()
    (incident,) = daemon.until("an incident", lambda: daemon.incidents("open"), 20)
    assert incident["rule"] == "PortDown"
    assert time.monotonic() - begin < 15, "the next poll of its own would have come in minutes"
    assert daemon.metric("snmp_trap_last_timestamp_seconds", instance="sw1", trap="linkDown", ifIndex="3") is not None

    # A linkUp that anybody can send is looked into, and that is all.
    send(traps, v2c(pdu(LINK_UP, link())))
    polls = daemon.metric("snmp_trap_polls_total") or 0
    daemon.until("it was looked into", lambda: (daemon.metric("snmp_trap_polls_total") or 0) > polls, 20)
    daemon.until("it is not believed", lambda: daemon.metric("snmp_traps_unbelieved_total", trap="linkUp") == 2.0, 10)
    assert [each["id"] for each in daemon.incidents("open")] == [incident["id"]]

    # A reload keeps the socket and what was counted.
    daemon.config["collect"]["snmp"]["traps"]["limit_per_source"] = 50
    daemon.write()
    daemon.signal(signal.SIGHUP)
    daemon.until("it was read again", lambda: daemon.said("reloaded"), 10)
    assert daemon.metric("snmp_traps_total", instance="sw1", trap="linkDown") == 1.0

    switch.mib[OPER_STATUS] = UP
    send(traps, v2c(pdu(LINK_UP, link())))
    daemon.until("the poll resolves it", lambda: not daemon.incidents("open"), 30)
    assert daemon.stop() == 0
