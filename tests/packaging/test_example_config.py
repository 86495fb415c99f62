"""The example configuration works as it is, and with every commented example in it switched on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config.load import load

_EXAMPLE = re.compile(r"^( *)# ( *(?:[a-z_]+:|- \{).*)$")
"""A comment that is YAML: a key or a list entry. What is for people to read begins otherwise."""


@pytest.mark.parametrize("switched_on", [False, True])
def test_the_example_has_no_mistake(root: Path, tmp_path: Path, switched_on: bool) -> None:
    lines = (root / "deploy/systemd/tocsin.yaml").read_text().splitlines()
    if switched_on:
        lines = [f"{found[1]}{found[2]}" if (found := _EXAMPLE.match(line)) else line for line in lines]
        assert sum(":" in line and "#" not in line for line in lines) > 15
    file = tmp_path / "tocsin.yaml"
    file.write_text("\n".join(lines) + "\n")
    loaded = load(file)
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.config is not None
    assert list(loaded.config.integrations) == (["rt"] if switched_on else ["desk"])
