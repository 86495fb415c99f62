"""Units of the service manager: what is published, what is asked, and a bus that is absent, refused, lost or real."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from fake_systemd import PATH, FakeSystemd, RealBus
from golden_host import notices, table

from collectors import systemd
from collectors.api import CollectorError, HostFS, Notice, Sample, Scraper
from collectors.systemd import NoServiceManager, Options, Unit


class FakeManager:
    """A service manager with state: units, properties, and a count of what it was asked."""

    def __init__(self, *units: Unit) -> None:
        self.units = list(units)
        self.unloaded: list[Unit] = []
        self.properties: dict[tuple[str, str], object] = {}
        self.changed: set[str] = set()
        self.connected = True
        self.asked: list[str] = []
        self.fail: Exception | None = None

    def close(self) -> None:
        self.connected = False

    async def list_units(self) -> list[Unit]:
        if self.fail:
            raise self.fail
        return self.units

    async def units_by_name(self, names: list[str]) -> list[Unit]:
        known = {unit.name: unit for unit in self.unloaded}
        return [known.get(name, Unit(name, "not-found", "inactive", PATH + name)) for name in names]

    async def manager_property(self, name: str) -> object:
        return {"Version": "252.22-1~deb12u1", "SystemState": "degraded", "Virtualization": "kvm"}[name]

    async def unit_property(self, path: str, interface: str, name: str) -> object:
        self.asked.append(f"{path.removeprefix(PATH)} {name}")
        return self.properties.get((path.removeprefix(PATH), name))


def unit(name: str, active: str = "active", load: str = "loaded") -> Unit:
    return Unit(name, load, active, PATH + name)


def make(tmp_path: Path, manager: FakeManager, **options: Any) -> systemd.Systemd:
    collector = systemd.build(Options(**options), HostFS(root=str(tmp_path)))
    collector._manager = manager
    return collector


async def gather(collector: systemd.Systemd) -> Iterable[Sample | Notice]:
    return await collector.collect()


async def test_what_is_published(tmp_path: Path) -> None:
    manager = FakeManager(
        unit("ssh.service"), unit("cron.service", "failed"), unit("a.timer"), unit("dev-sda.device"),
        unit("gone.service", "inactive", "not-found"), unit("x.target", "inactive"),
    )  # fmt: skip
    manager.properties |= {
        ("ssh.service", "Type"): "notify", ("ssh.service", "NRestarts"): 3,
        ("a.timer", "LastTriggerUSec"): 1_700_000_000_500_000, ("cron.service", "Type"): "simple",
    }  # fmt: skip
    got = table(await gather(make(tmp_path, manager)))
    assert got == {
        'node_systemd_unit_state{name="ssh.service",state="failed",type="notify"}': 0,
        **{
            f'node_systemd_unit_state{{name="cron.service",state="{state}",type="simple"}}': float(state == "failed")
            for state in systemd.STATES
        },
        'node_systemd_unit_state{name="a.timer",state="failed"}': 0,
        'node_systemd_unit_state{name="x.target",state="failed"}': 0,
        'node_systemd_service_restart_total{name="ssh.service"}': 3,
        'node_systemd_timer_last_trigger_seconds{name="a.timer"}': 1_700_000_000.5,
        'node_systemd_units{state="active"}': 3,
        'node_systemd_units{state="activating"}': 0,
        'node_systemd_units{state="deactivating"}': 0,
        'node_systemd_units{state="inactive"}': 2,
        'node_systemd_units{state="failed"}': 1,
        "node_systemd_system_running": 0,
        'node_systemd_version{version="252.22-1~deb12u1"}': 252.22,
        'node_systemd_virtualization_info{virtualization_type="kvm"}': 1,
    }


async def test_included_and_expected_units_have_all_five_states(tmp_path: Path) -> None:
    manager = FakeManager(unit("ssh.service"), unit("db.service"), unit("ssh.service.d.socket"))
    manager.unloaded = [unit("stopped.service", "inactive")]
    expect = ("db.service", "stopped.service", "typo.service")
    items = await gather(make(tmp_path, manager, unit_include=r"ssh\.service", expect=expect))
    states = [key for key in table(items) if "unit_state" in key]
    count = {
        name: sum(f'"{name}"' in key for key in states) for name in ("ssh.service", "ssh.service.d.socket", *expect)
    }
    assert count == {
        "ssh.service": 5, "ssh.service.d.socket": 1, "db.service": 5, "stopped.service": 5, "typo.service": 0,
    }  # fmt: skip
    assert table(items)['node_systemd_unit_state{name="stopped.service",state="inactive"}'] == 1
    (notice,) = notices(items)
    assert "expected unit 'typo.service' is not there" in notice


async def test_chosen_units_tell_start_tasks_and_connections(tmp_path: Path) -> None:
    manager = FakeManager(
        unit("web.service"), unit("api.socket"), unit("other.service"), unit("idle.service", "inactive")
    )
    manager.properties |= {
        ("web.service", "Type"): "notify", ("web.service", "NRestarts"): 1, ("web.service", "TasksCurrent"): 12,
        ("web.service", "TasksMax"): 500, ("web.service", "ActiveEnterTimestamp"): 1_700_000_000_250_000,
        ("idle.service", "Type"): "simple", ("idle.service", "TasksCurrent"): 2**64 - 1,
        ("idle.service", "TasksMax"): 2**64 - 1, ("idle.service", "ActiveEnterTimestamp"): 0,
        ("api.socket", "NAccepted"): 40, ("api.socket", "NConnections"): 3, ("api.socket", "NRefused"): 2,
        ("api.socket", "ActiveEnterTimestamp"): 1_600_000_000_000_000, ("other.service", "TasksCurrent"): 9,
    }  # fmt: skip
    collector = make(tmp_path, manager, unit_include=r"(web|idle)\.service", expect=("api.socket",))
    got = {key: value for key, value in table(await gather(collector)).items() if "unit_state" not in key}
    extra = {
        'node_systemd_unit_start_time_seconds{name="web.service"}': 1_700_000_000.25,
        'node_systemd_unit_start_time_seconds{name="api.socket"}': 1_600_000_000,
        'node_systemd_unit_tasks_current{name="web.service"}': 12,
        'node_systemd_unit_tasks_max{name="web.service"}': 500,
        'node_systemd_socket_accepted_connections_total{name="api.socket"}': 40,
        'node_systemd_socket_current_connections{name="api.socket"}': 3,
        'node_systemd_socket_refused_connections_total{name="api.socket"}': 2,
    }
    assert {key: value for key, value in got.items() if "unit_" in key or "socket" in key} == extra
    manager.asked.clear()
    manager.properties["web.service", "TasksCurrent"] = 13
    assert table(await gather(collector))['node_systemd_unit_tasks_current{name="web.service"}'] == 13
    assert "api.socket NAccepted" in manager.asked
    assert not any(asked == "other.service TasksCurrent" for asked in manager.asked)


async def test_properties_are_asked_once_and_again_when_something_changed(tmp_path: Path) -> None:
    manager = FakeManager(*(unit(f"s{number}.service") for number in range(20)))
    collector = make(tmp_path, manager)
    await gather(collector)
    assert len(manager.asked) == 40
    manager.asked.clear()
    await gather(collector)
    assert len(manager.asked) == 2 * systemd.REVISIT
    manager.asked.clear()
    manager.changed.add(PATH + "s15.service")
    manager.properties["s15.service", "NRestarts"] = 7
    got = table(await gather(collector))
    assert got['node_systemd_service_restart_total{name="s15.service"}'] == 7
    assert "s15.service NRestarts" in manager.asked
    assert len(manager.asked) == 2 * systemd.REVISIT + 2
    manager.units[10] = unit("s10.service", "failed")
    manager.asked.clear()
    await gather(collector)
    assert "s10.service Type" in manager.asked
    del manager.units[10]
    await gather(collector)
    assert "s10.service" not in collector._details


async def test_a_lost_signal_is_made_good(tmp_path: Path) -> None:
    manager = FakeManager(*(unit(f"s{number}.service") for number in range(7)))
    collector = make(tmp_path, manager)
    await gather(collector)
    manager.properties |= {(f"s{number}.service", "NRestarts"): 1 for number in range(7)}
    for _ in range(4):
        got = table(await gather(collector))
    assert sum(key.startswith("node_systemd_service_restart_total") for key in got) == 7


async def test_no_bus_is_nothing_there(tmp_path: Path) -> None:
    collector = systemd.build(Options(expect=("nginx.service",)), HostFS(root=str(tmp_path)))
    assert await gather(collector) == [
        Notice("expected unit 'nginx.service' cannot be watched: there is no system bus")
    ]
    assert await gather(systemd.build(Options(), HostFS(root=str(tmp_path)))) == []


async def test_no_systemd_is_nothing_there(tmp_path: Path) -> None:
    manager = FakeManager()
    manager.fail = NoServiceManager()
    assert await gather(make(tmp_path, manager)) == []
    assert not manager.connected


async def test_a_failed_call_drops_the_connection(tmp_path: Path) -> None:
    manager = FakeManager()
    manager.fail = CollectorError("lost")
    collector = make(tmp_path, manager)
    with pytest.raises(CollectorError):
        await gather(collector)
    assert not manager.connected
    assert await gather(collector) == []


async def test_a_socket_nobody_listens_on_is_refused_with_a_mend(tmp_path: Path) -> None:
    path = tmp_path / "bus"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    collector = systemd.build(Options(), HostFS(system_bus=str(path)))
    with pytest.raises(CollectorError, match=r"the system bus at .*/bus refuses us: .*\(is dbus running"):
        await gather(collector)


@pytest.fixture
async def bus(tmp_path: Path, require: Callable[[str], Path]) -> AsyncIterator[RealBus]:
    made = RealBus(require("dbus-daemon"), tmp_path)
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture
async def silent_bus(tmp_path: Path) -> AsyncIterator[str]:
    """A bus that lets everybody in and then never says a word."""

    async def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"AUTH" not in await reader.readuntil(b"\r\n"):
            pass
        writer.write(b"OK 0123456789abcdef0123456789abcdef\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(let_in, tmp_path / "silent")
    yield str(tmp_path / "silent")
    server.close()


async def test_a_silent_bus_is_given_up_and_costs_no_sockets(silent_bus: str) -> None:
    collector = systemd.build(Options(), HostFS(system_bus=silent_bus))
    frame = Scraper({"systemd": collector}, job="j", instance="i", deadline_s=0.05)
    before = len(os.listdir("/proc/self/fd"))
    for cycle in range(3):
        (scrape,) = await frame.cycle(cycle)
        assert scrape.error.startswith("still running after 0.05 s")
        async with asyncio.timeout(10):
            while len(os.listdir("/proc/self/fd")) > before:
                await asyncio.sleep(0.001)
    await frame.aclose()


@pytest.mark.server("dbus-daemon")
async def test_over_a_real_bus(bus: RealBus) -> None:
    await bus.start()
    collector = systemd.build(Options(expect=("ssh.service", "typo.service")), HostFS(system_bus=bus.address))
    items = await gather(collector)
    got = table(items)
    assert got['node_systemd_unit_state{name="ssh.service",state="active",type="notify"}'] == 1
    assert got['node_systemd_service_restart_total{name="ssh.service"}'] == 0
    assert got['node_systemd_timer_last_trigger_seconds{name="tidy.timer"}'] == 1_700_000_000
    assert got['node_systemd_units{state="active"}'] == 203
    assert got["node_systemd_system_running"] == 1
    assert got['node_systemd_version{version="252.1"}'] == 252.1
    assert "typo.service" in notices(items)[0]
    assert bus.manager.subscribed == 1
    manager = collector._manager
    bus.service.restarts = 4
    bus.service.emit_properties_changed({"NRestarts": 4})
    assert manager is not None
    async with asyncio.timeout(10):
        while not manager.changed:
            await asyncio.sleep(0.001)
    assert manager.changed == {FakeSystemd.row("ssh.service", "")[6]}
    got = table(await gather(collector))
    assert got['node_systemd_service_restart_total{name="ssh.service"}'] == 4
    assert collector._manager is manager
    await collector.aclose()


@pytest.mark.server("dbus-daemon", "prometheus-node-exporter")
async def test_the_same_bus_as_node_exporter_sees_it(bus: RealBus, require: Callable[[str], Path]) -> None:
    """Names, labels and values beside the real exporter, where it is told to give all it has of the chosen units."""
    await bus.start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [require("prometheus-node-exporter"), f"--web.listen-address={address}", "--collector.disable-defaults",
         "--collector.systemd", "--collector.systemd.enable-restarts-metrics",
         "--collector.systemd.enable-task-metrics",
         "--collector.systemd.enable-start-time-metrics", f"--collector.systemd.unit-exclude={systemd.UNIT_EXCLUDE}"],
        env={"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus.address}"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        text = await asyncio.to_thread(page, f"http://{address}/metrics")
    finally:
        process.kill()
        process.wait()
    reference = {
        line.rpartition(" ")[0].replace(',type=""', ""): float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("node_systemd_")
    }
    got = table(await gather(systemd.build(Options(unit_include=".+"), HostFS(system_bus=bus.address))))
    assert reference
    assert got == reference


def page(url: str) -> str:
    deadline = time.monotonic() + 10
    while True:
        try:
            return str(urllib.request.urlopen(url, timeout=5).read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.server("dbus-daemon")
async def test_a_bus_that_is_lost_comes_back(bus: RealBus) -> None:
    await bus.start()
    collector = systemd.build(Options(), HostFS(system_bus=bus.address))
    frame = Scraper({"systemd": collector}, job="j", instance="i", deadline_s=2)
    (first,) = await frame.cycle(0)
    assert first.ok
    await bus.stop()
    (lost,) = await frame.cycle(1)
    assert not lost.ok
    assert "the system bus" in lost.error
    os.unlink(bus.address)
    (absent,) = await frame.cycle(2)
    assert absent.ok
    await bus.start()
    (again,) = await frame.cycle(3)
    assert again.ok
    assert len(again.samples) == len(first.samples)
    await frame.aclose()


@pytest.mark.server("dbus-daemon")
async def test_a_bus_without_systemd_is_nothing_there(bus: RealBus) -> None:
    await bus.start(with_systemd=False)
    collector = systemd.build(Options(expect=("a.service",)), HostFS(system_bus=bus.address))
    assert await gather(collector) == [
        Notice("expected unit 'a.service' cannot be watched: there is no systemd on the system bus")
    ]
