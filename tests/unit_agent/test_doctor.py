"""``tocsin doctor``: which checks run, what each says, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent import doctor
from agent.cli import main
from agent.config.load import load
from agent.doctor import Case, Finding, State, clock, state

NOW = 1_800_000_000.0
Examine = Callable[..., dict[str, list[Finding]]]


@pytest.fixture
def examine(tmp_path: Path) -> Examine:
    """Findings by check for a configuration."""

    def run(config: dict[str, Any], *names: str, wall: float = NOW) -> dict[str, list[Finding]]:
        loaded = load(write(tmp_path, config))
        assert loaded.config is not None, loaded.problems
        case = Case(loaded, loaded.config, lambda: wall)

        async def all_of_them() -> dict[str, list[Finding]]:
            found: dict[str, list[Finding]] = {}
            async for check, finding in doctor.examine(case, names):
                found.setdefault(check, []).append(finding)
            return found

        return asyncio.run(all_of_them())

    return run


def write(folder: Path, config: dict[str, Any]) -> Path:
    path = folder / "tocsin.yaml"
    path.write_text(yaml.safe_dump({"state": {"directory": str(folder / "state")}, **config}))
    return path


def test_every_check_says_what_it_is_for_and_is_in_the_help() -> None:
    from agent.cli.doctor import DETAILS
    from agent.doctor._run import check

    for name in doctor.names():
        assert check(name).SUMMARY
        assert name in DETAILS


def test_the_state_directory(examine: Examine, tmp_path: Path) -> None:
    (missing,) = examine({}, "state")["state"]
    assert (missing.state, "does not exist" in missing.text) == (State.WARNING, True)
    (tmp_path / "state").mkdir()
    (well,) = examine({}, "state")["state"]
    assert well.state is State.OK
    assert list((tmp_path / "state").iterdir()) == []
    (tmp_path / "state").rmdir()
    (tmp_path / "state").write_text("")
    (wrong,) = examine({}, "state")["state"]
    assert (wrong.state, "is no directory" in wrong.text) == (State.ERROR, True)


def test_a_state_directory_that_is_full_or_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    names = (
        "f_bsize",
        "f_frsize",
        "f_blocks",
        "f_bfree",
        "f_bavail",
        "f_files",
        "f_ffree",
        "f_favail",
        "f_flag",
        "f_namemax",
    )
    given = {name: getattr(real, name) for name in names}
    for change, words in (({"f_bavail": 0}, "0 MiB free"), ({"f_files": 9, "f_favail": 1}, "1 inodes free")):
        full = os.statvfs_result(tuple({**given, **change}[name] for name in names))
        monkeypatch.setattr(os, "statvfs", lambda _, full=full: full)
        finding = state._looked_at("state", tmp_path)
        assert (finding.state, words in finding.text) == (State.ERROR, True)

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(state.tempfile, "TemporaryFile", refuse)
    finding = state._looked_at("state", tmp_path)
    assert (finding.state, "cannot be written: Permission denied" in finding.text) == (State.ERROR, True)


@pytest.mark.parametrize(
    ("now", "kernel", "expected", "words"),
    [
        (NOW, {"node_timex_sync_status": 1.0, "node_timex_maxerror_seconds": 0.01}, State.OK, "0.010 s"),
        (NOW, {"node_timex_sync_status": 1.0, "node_timex_maxerror_seconds": 5.0}, State.WARNING, "5.0 s wrong"),
        (NOW, {"node_timex_sync_status": 0.0}, State.WARNING, "no time source"),
        (NOW, "adjtimex: not permitted", State.WARNING, "cannot be seen"),
        (1e9, {"node_timex_sync_status": 1.0}, State.ERROR, "never set"),
    ],
)
def test_the_clock(now: float, kernel: Any, expected: State, words: str) -> None:
    finding = clock._judged("clock", now, kernel)
    assert (finding.state, words in finding.text) == (expected, True)


def test_the_real_clock_is_looked_at(examine: Examine) -> None:
    (finding,) = examine({}, "clock")["clock"]
    assert finding.subject == "clock"


def test_probes_are_measured_and_modules_without_a_target_are_named(examine: Examine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        here, nowhere = (each.getsockname()[1] for each in (server, closed))
        probes = {
            "modules": {"banner": {"prober": "tcp", "timeout": "1s"}},
            "targets": [
                {"name": "here", "tcp": f"127.0.0.1:{here}"},
                {"name": "nowhere", "tcp": f"127.0.0.1:{nowhere}"},
            ],
        }
        found = examine({"collect": {"probes": probes}}, "probes")["probes"]
        assert [(each.subject, each.state) for each in found] == [
            ("here", State.OK), ("nowhere", State.ERROR), ("banner", State.WARNING),
        ]  # fmt: skip
        assert "refused" in found[1].text
        assert [each.subject for each in examine({"collect": {"probes": probes}}, "here")["probes"]] == ["here"]


def test_a_filter_that_matches_nothing_and_a_path_that_is_not_there(examine: Examine, tmp_path: Path) -> None:
    (finding,) = examine({"collect": {"host": {"files": {"paths": [str(tmp_path / "nothing*")]}}}}, "collectors")[
        "collectors"
    ]
    assert (finding.state, "no file matches" in finding.text) == (State.WARNING, True)
    assert "tocsin.yaml:" in finding.fix
    (well,) = examine({"collect": {"host": {"files": {"paths": [str(tmp_path)]}}}}, "collectors")["collectors"]
    assert well.state is State.OK


def test_devices_by_name_and_an_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    snmp = {
        "credentials": {"lab": {"version": 2, "community": {"credential": "ro"}}},
        "targets": [
            {"host": "127.0.0.1", "port": port, "name": name, "credential": "lab", "timeout": "100ms"}
            for name in ("sw1", "sw2")
        ],
    }
    folder = tmp_path / "credentials"
    folder.mkdir(mode=0o700)
    (folder / "ro").write_text("s3cret")
    (folder / "ro").chmod(0o600)
    path = write(tmp_path, {"collect": {"snmp": snmp}, "credentials_directory": str(folder)})
    assert main(["doctor", "sw2", "--config", str(path), "--format", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["check"], found["subject"], found["state"]) == ("snmp", "sw2", "error")
    assert "Connection refused" in found["text"]
    assert main(["doctor", "snmp", "--config", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.count("-> switch SNMP on there") == 2
    assert "2 looked at, 2 things to mend" in out
    assert "s3cret" not in out
    assert main(["doctor", "sw3", "--config", str(path)]) == 2
    assert "there is nothing called 'sw3'; there are clock, collectors, files, probes, snmp, state, sw1, sw2" in (
        capsys.readouterr().err
    )
    (folder / "ro").unlink()
    assert main(["doctor", "sw1", "--config", str(path), "--quiet"]) == 1
    assert "provide the secret" in capsys.readouterr().out


def test_a_check_that_fails_hides_no_other(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(clock, "_judged", broken)
    found = examine({})
    assert (found["clock"][0].state, "unforeseen" in found["clock"][0].text) == (State.ERROR, True)
    assert found["state"]
