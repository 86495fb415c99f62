"""What many devices share costs memory once, and none of them sees anything of another."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from fakes import ber
from fakes.snmp_agent import SnmpAgent

from collectors._model import Sample
from collectors._series import SeriesCache
from collectors.snmp.credentials import Community
from collectors.snmp.load import shipped
from collectors.snmp.names import Names
from collectors.snmp.port import Address
from rules.api import SeriesWindow

NAME = "1.3.6.1.2.1.1.5.0"
ALIAS = "1.3.6.1.2.1.31.1.1.1.18"


def test_devices_of_one_community_are_asked_at_the_same_time_with_few_codecs() -> None:
    pytest.importorskip("gufo.snmp", reason="gufo-snmp has no wheel for this machine")
    from collectors.snmp.engines import _gufo_codec
    from collectors.snmp.engines.gufo import GufoSession

    community = Community(2, "shared by these devices")

    async def ask(ports: list[int]) -> list[list[object]]:
        sessions = [GufoSession(Address("127.0.0.1", port), community, 5) for port in ports]
        found = []
        for _ in range(3):
            replies = await asyncio.gather(*(session.get([NAME]) for session in sessions))
            found.append([reply[NAME] for reply in replies])
        for number, session in enumerate(sessions):  # one after the other they do with one
            assert await session.get([NAME]) == {NAME: str(number).encode()}
            session.close()
        return found

    with ExitStack() as stack:
        agents = [
            stack.enter_context(SnmpAgent({NAME: ber.octets(str(n))}, community=community.community.encode()))
            for n in range(6)
        ]
        found = asyncio.run(ask([agent.port for agent in agents]))
    assert found == [[str(n).encode() for n in range(6)]] * 3
    spare = _gufo_codec._spare(community)
    assert 1 < len(spare) <= 6
    assert len(set(map(id, spare))) == len(spare), "one codec was given back twice"


def test_equal_rows_of_two_devices_have_the_same_labels_once() -> None:
    (table,) = shipped("interfaces").tables
    one = Names(table, {ALIAS: [(f"{ALIAS}.7", b"uplink")]})
    two = Names(table, {ALIAS: [(f"{ALIAS}.7", b"".join([b"up", b"link"]))]})
    assert one["7"] is two["7"]
    assert dict(one["7"] or ()) == {"ifAlias": "uplink", "ifIndex": "7"}


def test_the_metrics_of_a_row_share_its_labels_from_the_cache_to_the_window() -> None:
    cache, window = SeriesCache("snmp", "sw1"), SeriesWindow()
    row = (("ifIndex", "7"), ("ifName", "Gi0/7"))
    for cycle in range(1, 3):
        stored, warnings, dropped = cache.admit([Sample(name, tuple(row), 1.0) for name in ("a", "b", "c")])
        assert (warnings, dropped) == ([], 0)
        window.ingest("snmp/sw1", stored, cycle * 1000)
    labels = [series.labels for series in window.select(())]
    assert labels[0] == (("ifIndex", "7"), ("ifName", "Gi0/7"), ("instance", "sw1"), ("job", "snmp"))
    assert len(labels) == 3
    assert all(each is labels[0] for each in labels)
    assert labels[0][0] is row[0]


def test_labels_that_are_not_in_their_canonical_form_are_not_shared_but_mended() -> None:
    window = SeriesWindow()
    window.ingest("s", [("m", (("b", "2"), ("a", "1"), ("c", "")), 1.0, None)], 1000)
    assert [series.labels for series in window.select(())] == [(("a", "1"), ("b", "2"))]
