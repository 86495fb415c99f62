"""The scenarios that mostly wait, each as a test of its own; see ``scenarios.py`` for what they show."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

import pytest
from scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, alongside: Mapping[str, Future[None]]) -> None:
    alongside[name].result(90)
