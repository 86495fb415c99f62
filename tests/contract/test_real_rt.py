"""The contract against a real Request Tracker 5, started by ``tests/servers/rt5-up`` from Debian's packages.

What the fake RT claims about RT is thereby checked, too: both pass the same cases.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from contract_bench import KEY, wish
from contract_cases import (  # noqa: F401 - collected here, with the fixture below; those where RT's own habits matter
    RESOLVED,
    test_acknowledged_by_a_person,
    test_cancelled_is_not_reopened_even_by_wish,
    test_create_carries_every_field,
    test_deleted_ticket_reads_as_none_and_cannot_be_changed,
    test_doctor_finds_nothing_wrong,
    test_episodes_are_told_apart_oldest_first,
    test_footer_round_trip,
    test_hostile_text_arrives_inert,
    test_list_open_is_ours_of_this_ci_and_environment,
    test_long_body_is_cut_and_the_footer_kept,
    test_long_title_is_cut_between_characters,
    test_notes_come_in_order_and_only_new_ones,
    test_put_on_hold_by_a_person,
    test_reopened_can_be_resolved_again,
    test_resolve_twice_is_resolve_once,
    test_resolving_what_a_person_ended_is_success,
    test_retire_twin_links_and_resolves,
    test_same_wish_again_changes_nothing,
    test_what_people_set_is_not_overwritten,
)
from real_rt import RealRtBench

from integrations.api import Note, Rejected, RemoteState

pytestmark = [pytest.mark.slow, pytest.mark.server("curl", "/usr/share/request-tracker5/libexec/rt-server")]


@pytest.fixture(scope="module")
def environment(root: Path) -> dict[str, str]:
    """Where the server is and how to log in; it is started when it does not run yet, and left running."""
    started = subprocess.run([root / "tests/servers/rt5-up"], capture_output=True, text=True, check=False, timeout=300)
    if started.returncode != 0:
        reason = f"Request Tracker does not start: {started.stderr.strip().splitlines()[-1:]}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return dict(line.split("=", 1) for line in started.stdout.splitlines())


@pytest.fixture
async def bench(environment: dict[str, str]) -> AsyncIterator[RealRtBench]:
    async with aiohttp.ClientSession() as session:
        real = RealRtBench(environment, session)
        await real.clean()
        yield real
        await real.integration.aclose()


async def test_a_merged_ticket_is_gone_for_real(bench: RealRtBench) -> None:
    keep, merged = await bench.integration.create(wish()), await bench.integration.create(wish())
    await bench.ask("PUT", f"/ticket/{merged.ref.id}", {"MergeInto": keep.ref.id}, root=True)
    assert await bench.integration.read(merged.ref) is None
    assert [each.ref for each in await bench.integration.find(KEY)] == [keep.ref]
    with pytest.raises(Rejected, match="merged into another"):
        await bench.integration.apply(wish(notes=(Note("n/1", "x"),)), merged)


async def test_a_comment_by_a_person_does_not_hide_ours(bench: RealRtBench) -> None:
    remote = await bench.integration.create(wish())
    await bench.ask(
        "POST", f"/ticket/{remote.ref.id}/comment", {"Content": "n/1", "ContentType": "text/plain"}, root=True
    )
    await bench.integration.apply(wish(notes=(Note("n/1", "ours"),)), remote)
    (seen,) = await bench.look()
    assert seen.notes == ("n/1", "ours")


async def test_a_note_does_not_reopen(bench: RealRtBench) -> None:
    remote = await bench.integration.create(wish())
    remote = await bench.integration.apply(wish(**RESOLVED), remote)
    await bench.integration.apply(wish(notes=(Note("n/9", "late note"),)), remote)
    (seen,) = await bench.look()
    assert seen.state is RemoteState.RESOLVED
    assert "late note" in seen.notes[-1]
