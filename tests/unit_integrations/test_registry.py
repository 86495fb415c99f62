"""Which integrations there are, and what a broken one says."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from types import ModuleType, SimpleNamespace

import pytest

from integrations import _registry
from integrations.api import PluginError, available, load


def plug(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(_registry, "entry_points", lambda group: points if group == "tocsin.integrations" else ())


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "tocsin.integrations")


def test_built_in_integrations_are_the_files_of_the_package() -> None:
    assert available() == tuple(sorted(available()))
    assert {"desk", "rt"} <= set(available())
    assert not any(name.startswith("_") or name == "api" for name in available())
    for name in available():
        assert load(name).Options.__struct_config__.forbid_unknown_fields


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys, integrations.api as api; api.available();"
        "assert not {'aiohttp', 'integrations.rt', 'integrations.desk'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_integration_is_named_with_a_suggestion() -> None:
    with pytest.raises(PluginError, match="no integration 'dek'; did you mean 'desk'"):
        load("dek")
    with pytest.raises(PluginError, match="no integration 'qqq'; there are: "):
        load("qqq")


@pytest.mark.parametrize("name", ["api", "_http", "_registry", "", "../desk", "desk.Options", "os"])
def test_what_is_no_integration_is_not_loaded(name: str) -> None:
    with pytest.raises(PluginError):
        load(name)


def test_a_plugin_is_found_and_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("their_adapter")
    module.__dict__.update(Options=SimpleNamespace, build=print)
    monkeypatch.setitem(sys.modules, "their_adapter", module)
    plug(monkeypatch, point("theirs", "their_adapter"))
    assert "theirs" in available()
    assert load("theirs") is module


def test_a_broken_plugin_is_an_error_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, point("theirs", "no_such_module_anywhere"))
    with pytest.raises(
        PluginError, match=r"'theirs' from no_such_module_anywhere cannot be loaded: ModuleNotFoundError"
    ):
        load("theirs")


def test_an_incomplete_plugin_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, point("theirs", "string"))
    with pytest.raises(PluginError, match="lacks Options and build"):
        load("theirs")


def test_a_name_offered_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, point("theirs", "a"), point("theirs", "b"))
    with pytest.raises(PluginError, match="offered by a and b"):
        load("theirs")
    plug(monkeypatch, point("desk", "a"))
    with pytest.raises(PluginError, match="built in, and a offers another"):
        load("desk")
