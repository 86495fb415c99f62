"""Profiles: defaults for a kind of machine, beneath what people write."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from agent.cli import _config
from agent.config.load import Loaded, load
from agent.config.schema import Config
from agent.last_good import keep_last_good, last_good


def good(loaded: Loaded) -> Config:
    assert loaded.config is not None, loaded.errors
    return loaded.config


def test_every_profile_can_be_chosen() -> None:
    names = {entry.name for entry in files("agent.config.profiles").iterdir() if entry.name.endswith(".yaml")}
    assert names == {f"{name}.yaml" for name in _config.PROFILES}


@pytest.mark.parametrize("profile", _config.PROFILES)
def test_a_profile_is_a_configuration_without_mistakes(profile: str) -> None:
    loaded = load(None, profile=profile)
    assert loaded.problems == load(None).problems
    assert loaded.config_hash != load(None).config_hash
    assert loaded.profile == profile


def test_the_device_collects_less_and_more_rarely() -> None:
    plain, device = good(load(None)).collect, good(load(None, profile="device")).collect
    assert (device.interval, device.max_series) == (30_000, 5_000)
    assert set(device.host.enabled) < set(plain.host.enabled)
    assert {"cpu", "netdev", "netclass", "filesystem", "hwmon", "meminfo"} <= set(device.host.enabled)
    assert not {"processes", "systemd", "containers", "packages"} & set(device.host.enabled)


def test_what_is_written_stands_over_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("collect: {interval: 45s, host: {processes: on, cpu: off}}\nidentity: {environment: lab}\n")
    config = good(load(path, profile="device"))
    assert (config.collect.interval, config.collect.deadline, config.identity.environment) == (45_000, 10_000, "lab")
    assert "processes" in config.collect.host.enabled
    assert not {"cpu", "systemd"} & set(config.collect.host.enabled)
    path.write_text("collect:\n")
    assert good(load(path, profile="device")).collect.interval == 30_000
    path.write_text("collect: {interval: 20s, deadlin: 1s}\n")
    (error,) = load(path, profile="device").errors
    assert (error.line, error.column) == (1, 26)


def test_the_last_good_configuration_lies_over_the_profile_too(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("identity: {environment: lab}\n")
    keep_last_good(load(path, profile="device"), tmp_path)
    kept = last_good(tmp_path, "device")
    assert kept is not None
    assert good(kept).collect.interval == 30_000
