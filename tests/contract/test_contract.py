"""The contract, for every integration that the registry finds."""

from __future__ import annotations

import pytest
from contract_bench import NotEnrolled, enrolment
from contract_cases import *  # noqa: F403 - the cases are collected here, with this folder's fixtures
from contract_faults import *  # noqa: F403 - the same

from integrations.api import available


@pytest.mark.parametrize("type_name", available())
def test_every_integration_is_enrolled(type_name: str) -> None:
    enrolment(type_name)


def test_an_integration_without_enrolment_is_noticed() -> None:
    with pytest.raises(NotEnrolled, match="enrol_nonesuch"):
        enrolment("nonesuch")


def test_the_registry_finds_what_is_there() -> None:
    assert {"desk", "jira_cloud", "jira_dc", "rt"} <= set(available())
