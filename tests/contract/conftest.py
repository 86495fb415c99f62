"""Gives each contract test one enrolled adapter after the other, for everything the registry finds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

pytest.register_assert_rewrite("contract_bench", "contract_cases", "contract_faults")

from contract_bench import Bench, HttpBench, NotEnrolled, enrolment  # noqa: E402 - after the rewrite is asked for

from integrations.api import available  # noqa: E402 - the same


def _speaks_http(type_name: str) -> bool:
    try:
        return enrolment(type_name).HTTP
    except NotEnrolled:
        return False  # test_enrolment says so


@pytest.fixture(params=available())
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with enrolment(request.param).bench(tmp_path) as built:
        yield built


@pytest.fixture(params=[name for name in available() if _speaks_http(name)])
async def http_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HttpBench]:
    async with enrolment(request.param).bench(tmp_path) as built:
        yield cast("HttpBench", built)
