"""The limit on open files: taken as it is allowed, and said where the configured devices need more."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import yaml

from agent.config.load import load
from agent.config.schema import Config
from agent.open_files import raise_limit, shortage


def config(folder: Path, devices: int) -> Config:
    snmp = {
        "credentials": {"ro": {"version": 2, "community": {"credential": "ro"}}},
        "targets": [{"host": f"10.0.{number >> 8}.{number & 255}", "credential": "ro"} for number in range(devices)],
    }
    path = folder / "tocsin.yaml"
    path.write_text(yaml.safe_dump({"collect": {"snmp": snmp}}))
    loaded = load(path)
    assert loaded.config is not None, loaded.problems
    return loaded.config


@pytest.mark.parametrize(("soft", "hard", "then"), [(1024, 4096, (4096, 4096)), (64, -1, (1 << 20, -1))])
def test_the_soft_limit_becomes_the_hard_one(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, then: tuple[int, int]
) -> None:
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: made.append(limits))
    raise_limit()
    assert made == [then]


def test_a_kernel_that_does_not_allow_it_stops_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, -1))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    raise_limit()


@pytest.mark.parametrize(
    ("devices", "hard", "short"), [(0, 256, False), (600, 1024, True), (600, 1456, False), (600, -1, False)]
)
def test_a_hard_limit_that_is_too_low_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, devices: int, hard: int, short: bool
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (min(hard, 1024), hard))
    told = shortage(config(tmp_path, devices))
    assert bool(told) is short
    assert not short or ("1024 files" in told and "LimitNOFILE=1456" in told)
