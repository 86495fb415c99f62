"""What a host was used for on each day: sums, the busiest minute, restarts, and how much room 90 days take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.idle import DailyUse, Day
from agent.store import Store
from collectors.api import Sample, Scrape
from collectors.api import labels as pairs

NOON = 1_769_860_800_000
"""2026-01-31, 12:00 UTC."""
MINUTE = 60_000
DAY = 86_400_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = Store.open(tmp_path / "state", lambda: NOON)
    yield made
    await made.aclose()


def scrape(source: str, *samples: Sample, ok: bool = True) -> Scrape:
    return Scrape(source, (), 0, samples, ok, "" if ok else "broken", (), 0.0)


def host(
    busy: float = 0,
    idle: float = 0,
    received: float = 0,
    sessions: float = 0,
    opened: float = 0,
    *,
    established: float = 0,
) -> dict[str, Scrape]:
    """Counters of a host with two processors, two devices outside and some inside."""
    cpu = [
        Sample("node_cpu_seconds_total", pairs(cpu=str(cpu), mode=mode, instance="h", job="node"), value / 2)
        for cpu in range(2)
        for mode, value in (("user", busy), ("idle", idle * 0.75), ("iowait", idle * 0.25))
    ]
    net = [
        Sample(f"node_network_{way}_bytes_total", pairs(device=device, instance="h", job="node"), value)
        for way, factor in (("receive", 1), ("transmit", 2))
        for device, value in (("eth0", received * factor), ("eth1", received * factor), ("lo", 1e9), ("docker0", 1e9))
    ]
    tcp = (Sample("node_netstat_Tcp_PassiveOpens", (), opened), Sample("node_netstat_Tcp_CurrEstab", (), established))
    users = (Sample("node_users_sessions", (), sessions), Sample("node_users_logged_in", (), min(sessions, 1)))
    return {
        "cpu": scrape("cpu", *cpu), "netdev": scrape("netdev", *net), "netstat": scrape("netstat", *tcp),
        "users": scrape("users", *users),
    }  # fmt: skip


async def test_a_day_adds_up(store: Store) -> None:
    use = DailyUse(store, "machine:1")
    use.observe(host(100, 1000, 5000, 1, 10, established=3), NOON)
    use.observe(host(9999, 9999), NOON + MINUTE - 1)  # less than a minute: not looked at
    use.observe(host(160, 1060, 6000, 3, 12, established=9), NOON + MINUTE)
    use.observe(host(172, 1168, 6500, 2, 13, established=1), NOON + 2 * MINUTE)
    (day,) = await use.days()
    assert day == Day(
        "2026-01-31", observed=120, cpu_busy=72, cpu_all=240, cpu_max=0.5, received_bytes=3000, sent_bytes=6000,
        logins=2, users_max=1, connections=3, connections_max=9,
    )  # fmt: skip
    assert day.cpu == pytest.approx(0.3)


async def test_counters_that_begin_anew_and_collectors_that_fail_add_nothing(store: Store) -> None:
    use = DailyUse(store, "machine:1")
    use.observe(host(100, 1000, 5000), NOON)
    use.observe(host(1, 10, 50), NOON + MINUTE)
    broken = {**host(61, 70, 60), "netdev": scrape("netdev", ok=False), "users": scrape("users", ok=False)}
    use.observe(broken, NOON + 2 * MINUTE)
    use.observe(host(61, 130, 9000), NOON + 3 * MINUTE)
    (day,) = await use.days()
    assert (day.cpu_busy, day.cpu_all) == (60, 180)
    assert (day.received_bytes, day.observed) == (None, 180)
    use.observe(host(61, 130, 9100), NOON + 30 * MINUTE)
    assert (await use.days())[0].observed == 180, "the machine slept: that was not seen"
    assert (await use.days())[0].received_bytes == 200


async def test_what_is_not_measured_is_not_0(store: Store) -> None:
    use = DailyUse(store, "machine:1")
    use.observe({}, NOON)
    use.observe({}, NOON + MINUTE)
    assert await use.days() == [Day("2026-01-31", observed=60)]
    assert (await use.days())[0].cpu is None


async def test_a_day_is_written_when_it_is_over_and_at_a_stop_and_goes_on_after_a_start(store: Store) -> None:
    use = DailyUse(store, "machine:1")
    for number in range(3):
        use.observe(host(100 * number, 100 * number), NOON + number * MINUTE)
    commits = store.stats.commits
    await use.keep()
    assert store.stats.commits == commits, "the day is not over"
    await use.keep(stopping=True)
    assert store.stats.commits == commits + 1
    again = DailyUse(store, "machine:1")
    await again.load(NOON + 10 * MINUTE)
    again.observe(host(10, 10), NOON + 10 * MINUTE)
    again.observe(host(40, 40), NOON + 11 * MINUTE)
    assert await again.days() == [Day("2026-01-31", observed=180, cpu_busy=230, cpu_all=460, cpu_max=0.5,
                                      received_bytes=0, sent_bytes=0, logins=0, users_max=0, connections=0,
                                      connections_max=0)]  # fmt: skip
    again.observe(host(50, 50), NOON + DAY)
    again.observe(host(60, 60), NOON + DAY + MINUTE)
    await again.keep()
    assert [(day.day, day.observed) for day in await DailyUse(store, "machine:1").days()] == [("2026-01-31", 180)]
    assert [(day.day, day.observed) for day in await again.days()] == [("2026-01-31", 180), ("2026-02-01", 60)]
    assert await DailyUse(store, "machine:2").days() == []


async def test_a_clock_that_was_set_leaves_no_gap(store: Store) -> None:
    use = DailyUse(store, "machine:1")
    use.observe(host(), NOON)
    use.rebase(1_800_000)
    use.observe(host(), NOON + 1_800_000 + MINUTE)
    assert (await use.days())[0].observed == 60


async def test_90_days_are_kept_in_little_room(store: Store, tmp_path: Path) -> None:
    before = sum(file.stat().st_size for file in (tmp_path / "state").glob("tocsin.db*"))
    use = DailyUse(store, "machine:1")
    value = 123_456_789.123456
    for number in range(120):
        for minute in range(3):
            step = value * (3 * number + minute)
            use.observe(host(step, step, step, minute, step, established=step), NOON + number * DAY + minute * MINUTE)
        await use.keep()
    await use.keep(stopping=True)
    kept = await DailyUse(store, "machine:1").days()
    assert len(kept) == 90
    assert kept[-1].day == "2026-05-30"
    after = sum(file.stat().st_size for file in (tmp_path / "state").glob("tocsin.db*"))
    # The write-ahead log is bounded by itself; the rows are what stays.
    rows = await store.days("machine:1")
    assert sum(map(len, rows)) < 64 * 1024
    assert after - before < 2_000_000


async def test_a_damaged_day_goes_to_quarantine(store: Store) -> None:
    await store.keep_day("machine:1", "2026-01-30", b'{"day":"2026-01-30","observed":1}')
    await store.keep_day("machine:1", "2026-01-31", b'{"day":"2026-01-31","observed":2}')
    await store.transact(lambda connection: connection.execute("UPDATE days SET crc = 1 WHERE day = '2026-01-30'"))
    assert [day.day for day in await DailyUse(store, "machine:1").days()] == ["2026-01-31"]
    assert store.stats.quarantined_rows == 1
