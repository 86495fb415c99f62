"""What the shell completes from a running agent, and that it says nothing without one."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent.cli import _complete
from agent.cli._client import Agent
from agent.cli._complete import incident_names, rule_names


def asked(url: str = "http://127.0.0.1:1") -> argparse.Namespace:
    return argparse.Namespace(url=url)


def answering(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
    monkeypatch.setattr(Agent, "raw", lambda self, method, path, query, body=None: (200, answers[path.split("/")[-1]]))


def test_rules_and_incidents_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {"groups": [{"rules": [{"name": "B"}, {"name": "A"}]}, {"rules": [{"name": "A"}]}]}
    incidents = [{"id": "abc-1", "tickets": [{"number": "INC7"}]}, {"id": "abd-1", "tickets": []}]
    answering(monkeypatch, rules={"data": rules}, incidents={"status": "success", "data": incidents})
    assert rule_names(asked(), prefix="A") == ["A", "B"]
    assert incident_names(asked()) == ["INC7", "abc-1", "abd-1"]


@pytest.mark.parametrize("answer", [{}, [], None, {"data": None}, {"status": "error", "error": "x"}])
def test_an_answer_of_another_shape_offers_nothing(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    answering(monkeypatch, rules=answer, incidents=answer)
    assert rule_names(asked()) == incident_names(asked()) == []


def test_without_an_agent_nothing_is_offered_and_nothing_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert rule_names(asked()) == incident_names(asked("ftp://x")) == []
    assert capfd.readouterr() == ("", "")


def test_nobody_waits_for_an_agent_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    monkeypatch.setattr(Agent, "raw", lambda self, *_: given.append(self._timeout))
    rule_names(asked())
    assert given == [_complete.TIMEOUT_S]


@pytest.mark.parametrize("line", ["tocsin explain --rule ", "tocsin drill ", "tocsin incidents "])
def test_the_shell_gets_silence_without_an_agent(line: str) -> None:
    """argcomplete's protocol: completions on descriptor 8. The port of the default agent may be taken: name another."""
    words = line.split(" ")
    line = " ".join([*words[:2], "--url http://127.0.0.1:1", *words[2:]])
    env = {
        **os.environ, "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "0",
    }  # fmt: skip
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m agent 8>&1 9>/dev/null"], env=env, capture_output=True, text=True,
        timeout=20,
    )  # fmt: skip
    assert done.stderr == ""
    assert time.monotonic() - began < 10
    assert "HostMemoryLow" not in done.stdout


def test_devices_credentials_and_checks_of_the_configuration_are_offered(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.yaml"
    path.write_text(
        "collect: {snmp: {credentials: {lab: {version: 2, community: {credential: ro}}}, "
        "targets: [{host: 10.0.0.1, name: sw1, credential: lab}]}}"
    )
    given = argparse.Namespace(config=path)
    assert _complete.device_names(given) == ["sw1"]
    assert _complete.credential_names(given) == ["lab"]
    assert {"sw1", "snmp", "state"} <= set(_complete.doctor_names(given))
    path.write_text("collect: {intervall: 1}")
    assert _complete.device_names(given) == []
    assert _complete.device_names(argparse.Namespace(config=tmp_path / "nothing")) == []
