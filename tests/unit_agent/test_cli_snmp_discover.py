"""``tocsin snmp discover`` in a network of its own: three snmpds, a switch with neighbours, one dead address."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from fakes import ber
from fakes.snmp_agent import SnmpAgent
from servers.snmpd import Snmpd

from agent.cli import main
from agent.config.load import load

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
LLDP = "1.0.8802.1.1.2.1"
SWITCH = {
    "1.3.6.1.2.1.1.1.0": ber.octets("A switch"),
    "1.3.6.1.2.1.1.2.0": ber.object_id("1.3.6.1.4.1.9.1.1"),
    "1.3.6.1.2.1.1.3.0": ber.time_ticks(360_000),
    "1.3.6.1.2.1.1.5.0": ber.octets("core1.example.net"),
    "1.3.6.1.2.1.2.1.0": ber.integer(2),
    "1.3.6.1.2.1.2.2.1.2.1": ber.octets("GigabitEthernet0/1"),
    "1.3.6.1.2.1.2.2.1.10.1": ber.counter32(1),
    "1.3.6.1.2.1.31.1.1.1.1.7": ber.octets("Gi0/7"),
    f"{LLDP}.3.7.1.2.1": ber.integer(5),
    f"{LLDP}.3.7.1.3.1": ber.octets("Gi0/1"),
    f"{LLDP}.4.1.1.4.0.1.3": ber.integer(4),
    f"{LLDP}.4.1.1.5.0.1.3": ber.octets(bytes.fromhex("525400a1b2c3")),
    f"{LLDP}.4.1.1.6.0.1.3": ber.integer(3),
    f"{LLDP}.4.1.1.7.0.1.3": ber.octets(bytes.fromhex("525400a1b2c4")),
    f"{LLDP}.4.1.1.9.0.1.3": ber.octets("host1"),
    f"{LLDP}.4.2.1.3.0.1.3.1.4.10.77.0.1": ber.integer(2),
    "1.3.6.1.4.1.9.9.23.1.2.1.1.4.7.1": ber.octets(bytes([10, 77, 0, 2])),
    "1.3.6.1.4.1.9.9.23.1.2.1.1.6.7.1": ber.octets("host2.example.net"),
    "1.3.6.1.4.1.9.9.23.1.2.1.1.7.7.1": ber.octets("eth0"),
}
USER = 'createUser tocsin SHA-256 "auth-password-1" AES "priv-password-1"\nrouser tocsin priv\n'


def namespace() -> None:
    assert LIBC.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


@pytest.fixture
def network(require: Callable[[str], Path], tmp_path: Path) -> Iterator[SnmpAgent]:
    """The devices in a namespace beyond a line, and this thread in one at its other end."""
    ip, snmpd, enter = require("ip"), require("snmpd"), require("nsenter")
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")

    def run(*words: str) -> None:
        subprocess.run([ip, *words], check=True, timeout=20)

    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        namespace()
        run("link", "set", "lo", "up")
        for last in range(1, 5):
            run("addr", "add", f"10.77.0.{last}/32", "dev", "lo")
        with ExitStack() as stack:
            configs = (
                "rocommunity c0mmunity\nsysName host1",
                f"{USER}sysName host2",
                "rocommunity another\nsysName host3",
            )
            servers = [
                stack.enter_context(Snmpd(snmpd, tmp_path, config, host=f"10.77.0.{number}", port=161))
                for number, config in enumerate(configs, 1)
            ]
            switch = stack.enter_context(SnmpAgent(SWITCH, community=b"c0mmunity", host="10.77.0.4", port=161))
            there = str(servers[0].pid)
            namespace()
            run("link", "set", "lo", "up")
            run("link", "add", "here", "type", "veth", "peer", "name", "there", "netns", there)
            run("addr", "add", "10.77.1.1/24", "dev", "here")
            run("link", "set", "here", "up")
            for words in ("addr add 10.77.1.2/24 dev there", "link set there up"):
                command = [enter, "-t", there, "-n", ip, *words.split()]
                subprocess.run(command, check=True, timeout=20)
            run("route", "add", "10.77.0.0/24", "via", "10.77.1.2")
            yield switch
    finally:
        assert LIBC.setns(before, CLONE_NEWNET) == 0
        os.close(before)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir(mode=0o700)
    for name, secret in (("ro", "c0mmunity"), ("auth", "auth-password-1"), ("priv", "priv-password-1")):
        (folder / name).write_text(secret)
        (folder / name).chmod(0o600)
    user = {
        "version": 3, "user": "tocsin", "auth": "sha256", "auth_key": {"credential": "auth"}, "priv": "aes128",
        "priv_key": {"credential": "priv"},
    }  # fmt: skip
    snmp = {
        "credentials": {"lab": {"version": 2, "community": {"credential": "ro"}}, "v3": user},
        "targets": [{"host": "10.77.0.1", "name": "first", "credential": "lab"}],
    }
    path = tmp_path / "tocsin.yaml"
    path.write_text(yaml.safe_dump({"collect": {"snmp": snmp}, "credentials_directory": str(folder)}))
    return path


@pytest.mark.root
@pytest.mark.server("snmpd", "ip")
def test_devices_their_neighbours_and_what_is_silent(
    network: SnmpAgent, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = config.read_text()
    words = ["snmp", "discover", "10.77.0.0/29", "--config", str(config), "--credential", "lab", "--credential", "v3"]
    out = tmp_path / "targets.yaml"
    assert main([*words, "--format", "json", "--root", "core1", "--write", str(out)]) == 0
    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert said.err == "6 addresses asked, 3 devices\n"
    found = {each["address"]: each for each in answer["devices"]}
    shown = {at: (each["name"], each["version"], each["credential"], each["wide"]) for at, each in found.items()}
    assert shown == {
        "10.77.0.1": ("host1", "2c", "lab", True),
        "10.77.0.2": ("host2", "3", "v3", True),
        "10.77.0.3": ("", "", "", None),
        "10.77.0.4": ("core1.example.net", "2c", "lab", False),
    }
    assert found["10.77.0.3"]["problem"] == "an agent, but none of the credentials is taken"
    assert all(each["engine_id"].startswith("80001f88") for each in found.values())
    assert {"system", "interfaces", "ucd"} <= set(found["10.77.0.2"]["profiles"])
    assert "cisco" in found["10.77.0.4"]["profiles"]
    assert found["10.77.0.1"]["configured"] == "first"
    assert found["10.77.0.1"]["interfaces"] >= 1
    lines = [(each["protocol"], each["local_port"], each["name"], each["port"], each["addresses"])
             for each in found["10.77.0.4"]["neighbours"]]  # fmt: skip
    assert lines == [
        ("lldp", "Gi0/1", "host1", "52:54:00:a1:b2:c4", ["10.77.0.1"]),
        ("cdp", "Gi0/7", "host2.example.net", "eth0", ["10.77.0.2"]),
    ]
    assert answer["dependencies"] == [
        {"ci": "first", "parents": ["core1.example.net"]}, {"ci": "host2", "parents": ["core1.example.net"]},
    ]  # fmt: skip
    # Nothing is asked with what is not configured, and nothing is set.
    assert {request.community for request in network.requests} == {b"c0mmunity", b""}
    assert {request.pdu for request in network.requests} <= {ber.GET, ber.GET_NEXT, ber.GET_BULK}
    assert config.read_text() == before
    # What is written can be pasted: with it the configuration has no mistake.
    text = out.read_text()
    pasted = yaml.safe_load(text)
    assert [each["host"] for each in pasted["collect"]["snmp"]["targets"]] == ["10.77.0.2", "10.77.0.4"]
    assert '#   - {ci: "first", parents: ["core1.example.net"]}' in text
    full = yaml.safe_load(before)
    full["collect"]["snmp"]["targets"] += pasted["collect"]["snmp"]["targets"]
    config.write_text(yaml.safe_dump(full))
    assert load(config).errors == ()

    two = ["10.77.0.3", "10.77.0.4", "--rate", "500", "--credential", "lab", "--config", str(config)]
    assert main(["snmp", "discover", *two]) == 0
    said = capsys.readouterr()
    assert "10.77.0.3: an agent, but none of the credentials is taken (engine id 80001f88" in said.out
    assert "core1.example.net  Gi0/1  host1" in said.out
    assert "c0mmunity" not in said.out + said.err


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["10.0.0.0/16", "--credential", "lab"], 2, "65534 addresses take 32m 46s or more"),
        (["10.0.0.0/8", "--credential", "lab", "--yes"], 2, "too many for one search"),
        (["10.0.0.0/24"], 69, "name the credentials that may be tried, with --credential; there are lab, v3"),
        (["10.0.0.0/24", "--credential", "public"], 69, "there is no credential 'public'; there are lab, v3"),
        (["10.0.0.0/33", "--credential", "lab"], 69, "'10.0.0.0/33' is no network"),
        (["10.0.0.0/24", "--rate", "0"], 2, "--rate is from 0.1"),
        (["2001:db8::/64", "--credential", "lab"], 1, "0 addresses asked, 0 devices"),
    ],
)
def test_what_is_refused(
    config: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, text: str
) -> None:
    assert main(["snmp", "discover", *words, "--config", str(config)]) == status
    assert text in capsys.readouterr().err
