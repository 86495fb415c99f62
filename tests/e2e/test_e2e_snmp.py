"""A device over SNMP as a whole: the real daemon and a real snmpd, in a network namespace of their own."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from daemon import Daemon, rule
from servers.snmpd import Snmpd

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
UNREACHABLE = 'up{job="snmp"} == 0'
PORT_DOWN = "ifOperStatus != 1 and on (instance, ifIndex) ifAdminStatus == 1"


@pytest.fixture
def ports(require: Callable[[str], Path]) -> Iterator[Callable[[str, str], None]]:
    """A network namespace with two ends of a line, edge1 and edge2; sets one up or down."""
    program = require("ip")
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")

    def ip(*words: str) -> None:
        subprocess.run([program, *words], check=True, timeout=20)

    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        assert LIBC.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        ip("link", "set", "lo", "up")
        ip("link", "add", "edge1", "type", "veth", "peer", "name", "edge2")
        for name in ("edge1", "edge2"):
            ip("link", "set", name, "up")
        yield lambda name, state: ip("link", "set", name, state)
    finally:
        assert LIBC.setns(before, CLONE_NEWNET) == 0
        os.close(before)


def test_a_device_that_is_gone_and_a_port_that_is_down_are_incidents_until_there_is_evidence(
    daemon: Daemon, ports: Callable[[str, str], None], require: Callable[[str], Path], tmp_path: Path
) -> None:
    credentials = daemon.folder / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "ro").touch(0o600)
    (credentials / "ro").write_text("not-public")
    with Snmpd(require("snmpd"), tmp_path, "rocommunity not-public") as snmpd:
        daemon.config["credentials_directory"] = str(credentials)
        daemon.config["collect"]["snmp"] = {
            "interval": "2s", "liveness": "1s",
            "credentials": {"lab": {"version": 2, "community": {"credential": "ro"}}},
            "targets": [
                {"host": "127.0.0.1", "port": snmpd.port, "name": "sw1", "credential": "lab", "timeout": "500ms"}
            ],
        }  # fmt: skip
        daemon.config["route"]["group_by"] = ["alertname", "instance", "ifName"]
        daemon.rules = [rule("DeviceUnreachable", UNREACHABLE), rule("InterfaceDown", PORT_DOWN)]
        daemon.write()
        daemon.start()
        daemon.until("the device", lambda: daemon.metric("up", job="snmp", instance="sw1") == 1, 20)
        daemon.until("its ports", lambda: daemon.metric("ifOperStatus", ifName="edge1", instance="sw1") == 1, 20)
        (device,) = daemon.ask("tocsin/status")["devices"]
        assert device["answers"]
        assert "interfaces" in device["profiles"]

        def states(fault: str) -> list[str]:
            return [each["state"] for each in daemon.incidents() if each["rule"] == fault]

        ports("edge2", "down")
        daemon.until("an incident for the line", lambda: "open" in states("InterfaceDown"), 60)
        # The end that was switched off itself is what somebody wanted; its other end is a fault.
        lines = [each for each in daemon.incidents() if each["rule"] == "InterfaceDown"]
        assert ["edge1" in str(each) for each in lines] == [True]
        assert not any("edge2" in str(each) for each in lines)
        ports("edge2", "up")
        daemon.until("its end", lambda: states("InterfaceDown") == ["resolved"], 60)

        snmpd.stop()
        daemon.until("up is 0", lambda: daemon.metric("up", job="snmp", instance="sw1") == 0, 20)
        daemon.until("an incident", lambda: states("DeviceUnreachable") == ["open"], 20)
        daemon.until("no old value", lambda: daemon.metric("ifOperStatus", ifName="edge1", instance="sw1") is None, 10)
        (line,) = daemon.said("target_failed", target="snmp/sw1")
        assert "127.0.0.1" in line
        assert "not-public" not in daemon.log()
        snmpd.restart()
        daemon.until("its recovery", lambda: states("DeviceUnreachable") == ["resolved"], 60)
        daemon.until("its ports again", lambda: daemon.metric("ifOperStatus", ifName="edge1") == 1, 20)
