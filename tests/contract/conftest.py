"""Gives each contract test one enrolled adapter after the other, for everything the registry finds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

pytest.register_assert_rewrite("contract_bench", "contract_cases", "contract_faults", "contract_one_way")

from contract_bench import Bench, HttpBench, NotEnrolled, enrolment  # noqa: E402 - after the rewrite is asked for
from one_way_bench import OneWayBench  # noqa: E402 - the same

from integrations.api import available  # noqa: E402 - the same


def _speaks_http(type_name: str) -> bool:
    try:
        return enrolment(type_name).HTTP
    except NotEnrolled:
        return False  # test_enrolment says so


def _one_way(type_name: str) -> bool:
    try:
        return getattr(enrolment(type_name), "ONE_WAY", False)
    except NotEnrolled:
        return False


ONE_WAY = [name for name in available() if _one_way(name)]
READABLE = [name for name in available() if name not in ONE_WAY]


@pytest.fixture(params=READABLE)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with enrolment(request.param).bench(tmp_path) as built:
        yield built


@pytest.fixture(params=[name for name in READABLE if _speaks_http(name)])
async def http_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HttpBench]:
    async with enrolment(request.param).bench(tmp_path) as built:
        yield cast("HttpBench", built)


@pytest.fixture(params=ONE_WAY)
async def one_way(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OneWayBench]:
    async with enrolment(request.param).bench(tmp_path) as built:
        yield cast("OneWayBench", built)
