"""``tocsin snmp walk`` and ``tocsin replay --walk``: from a device to a file, and from files to tickets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from fakes import ber
from fakes.snmp_agent import SnmpAgent, respond

from agent.cli import main

IF, IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
MIB = {
    "1.3.6.1.2.1.1.1.0": ber.octets("A switch"),
    "1.3.6.1.2.1.1.2.0": ber.object_id("1.3.6.1.4.1.99999.1"),
    "1.3.6.1.2.1.1.3.0": ber.time_ticks(360_000),
    "1.3.6.1.2.1.1.5.0": ber.octets("sw1"),
    f"{IF}.2.1": ber.octets("ether1"),
    f"{IF}.7.1": ber.integer(1),
    f"{IF}.8.1": ber.integer(1),
    f"{IFX}.1.1": ber.octets("e1"),
    f"{IFX}.6.1": ber.counter64(1_000_000),
}
RULES = {
    "groups": [
        {"name": "net", "rules": [{
            "alert": "PortDown", "expr": "ifOperStatus == 2", "for": "2m", "labels": {"severity": "critical"},
            "annotations": {"summary": "Port {{ $labels.ifName }} of {{ $labels.instance }} is down"},
        }]}
    ]
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir(mode=0o700)
    (folder / "ro").write_text("public")
    (folder / "ro").chmod(0o600)
    (tmp_path / "net.rules.yml").write_text(yaml.safe_dump(RULES))
    path = tmp_path / "tocsin.yaml"
    snmp = {"credentials": {"lab": {"version": 2, "community": {"credential": "ro"}}}}
    collect = {"host": {"others": "off"}, "snmp": snmp}
    rules = {"packs": [], "files": ["net.rules.yml"]}
    path.write_text(yaml.safe_dump({"collect": collect, "rules": rules, "credentials_directory": str(folder)}))
    return path


def walk(agent: SnmpAgent, config: Path, *more: str) -> int:
    return main(["snmp", "walk", "127.0.0.1", *more, "--port", str(agent.port), "--config", str(config)])


def test_a_port_that_goes_down_between_two_recordings_is_a_ticket(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / f"{number}.snmprec" for number in range(5)]
    with SnmpAgent(MIB) as agent:
        for number, file in enumerate(files):
            agent.mib[f"{IF}.8.1"] = ber.integer(1 if number < 1 else 2)
            agent.mib["1.3.6.1.2.1.1.3.0"] = ber.time_ticks(360_000 + 6000 * number)
            assert walk(agent, config, "--out", str(file)) == 0
            assert capsys.readouterr().err == "9 values; complete\n"
            # As if a minute had passed between them.
            file.write_text(file.read_text().replace("# date: ", f"# date: 2026-01-31T12:0{number}:00Z was "))
            file.write_text(file.read_text().replace(" was ", "\n# made: ", 1))
    given = [word for file in files for word in ("--walk", str(file))]
    assert main(["replay", *given, "--config", str(config), "--host", "sw1"]) == 0
    out, err = capsys.readouterr()
    assert "5 passes of sw1" in out
    assert "sw1: Port e1 of sw1 is down" in out
    assert "2026-01-31 12:03:00" in out
    assert err == "profiles: system, interfaces\n"
    assert main(["replay", *given[:2], "--config", str(config), "--host", "sw1"]) == 0
    assert "nothing would have been opened" in capsys.readouterr().out
    # A single one is looked at for half an hour: long enough for what it shows to be firing.
    assert main(["replay", *given[-2:], "--config", str(config), "--host", "sw1", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [each["rule"] for each in answer["incidents"]] == ["PortDown"]


def test_a_walk_to_standard_output_and_how_it_ends(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with SnmpAgent(MIB) as agent:
        assert walk(agent, config, ".1.3.6.1.2.1.31") == 0
        out = capsys.readouterr().out.splitlines()
        assert [line for line in out if not line.startswith("#")] == [f"{IFX}.1.1|4|e1", f"{IFX}.6.1|70|1000000"]
        assert walk(agent, config, "ifXTable") == 2
        assert walk(agent, config, "--credential", "other") == 69
        assert "there is no credential 'other'; there are lab" in capsys.readouterr().err
        assert walk(agent, config, "--out", str(config)) == 73
        # What begins anew in the middle is written as far as it went, and said not to be all.
        back = ("1.3.6.1.2.1.1.1.0", MIB["1.3.6.1.2.1.1.1.0"])
        agent.behave = lambda request, reply: [
            reply if request.oids[0].startswith("1.3.6.1.2.1.2") else respond(request, [back])
        ]
        part = tmp_path / "part.snmprec"
        assert walk(agent, config, "1.3.6.1.2.1.2", "1.3.6.1.2.1.31", "--out", str(part)) == 1
        assert "not complete: 1.3.6.1.2.1.31: OIDs do not increase" in capsys.readouterr().err
        assert "# complete: no: 1.3.6.1.2.1.31" in part.read_text()
        assert f"{IF}.8.1|2|1\n" in part.read_text()


def test_what_is_no_recording(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.snmprec"
    path.write_text("1.3.6.1|2\n")
    assert main(["replay", "--walk", str(path), "--config", str(config)]) == 1
    assert f"{path}:1: no line of a recording" in capsys.readouterr().err
    assert main(["replay", "--walk", str(tmp_path / "nothing"), "--config", str(config)]) == 66
