"""``docs/incidents.md`` names what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.core.incident_policy import Ended, IncidentPolicy, Then
from agent.core.model import IncidentState
from agent.core.policy import Classification
from agent.core.reason import Reason

PAGE = (Path(__file__).parents[2] / "docs" / "incidents.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*(reason.value for reason in Reason), *(ended.value for ended in Ended)])
def test_every_decision_and_every_end_is_on_the_page(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("state", list(IncidentState))
def test_every_state_is_in_the_diagram_and_the_table(state):
    assert f"| {state.value.replace('_', ' ')} |" in PAGE
    assert f" {state.value}" in PAGE.split("```")[1]


def test_the_tables_show_the_defaults():
    for impact, row in enumerate(Classification().matrix, 1):
        (line,) = (each for each in PAGE.splitlines() if each.startswith(f"| {impact} "))
        assert line.endswith("| " + " | ".join(f"P{cell}" for cell in row) + " |")
    for rule in IncidentPolicy().again:
        assert f"| `{rule.ended.value}` | {rule.within // 60_000} min | {rule.then.value}" in PAGE
        assert rule.then is Then.REOPEN


@pytest.mark.parametrize("name", [*IncidentPolicy.__struct_fields__, "categories", "groups", "matrix", "severities"])
def test_every_setting_is_explained(name):
    if name not in ("language", "notes"):
        assert f"`{name}`" in PAGE or f"`{name}:" in PAGE or f".{name}`" in PAGE
