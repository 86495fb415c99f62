"""The registry: what is there is found by looking, and what cannot be loaded is an error."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

import collectors
from collectors import _registry
from collectors.api import CollectorLoadError, Metric, UnknownCollectorError, available, load

CORE = {
    "cpu", "stat", "loadavg", "uname", "time", "meminfo", "filesystem", "diskstats", "netdev", "netclass", "systemd",
    "processes", "textfile", "vmstat", "pressure", "filefd", "netstat", "sockstat", "softnet", "conntrack", "arp",
    "entropy", "edac", "schedstat", "os", "dmi", "timex", "kernel", "udp_queues", "cpufreq", "ipvs", "nfs", "nfsd",
    "xfs", "watchdog", "rapl", "thermal_zone", "selinux", "interrupts", "softirqs", "buddyinfo", "slabinfo", "ksmd",
    "lnstat", "tcpstat", "meminfo_numa", "zoneinfo", "xfrm",
    "bcache", "bonding", "btrfs", "dmmultipath", "drbd", "fibrechannel", "hwmon", "infiniband", "mdadm", "nvme",
    "powersupplyclass", "scsi", "tapestats", "zfs", "apcupsd", "nut", "ata",
    "certificates", "cgroups", "containers", "files", "journal", "kmsg", "logind", "ntp", "packages", "reboot", "users",
}  # fmt: skip
Offer = Callable[[str, str, str], None]


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Offer]:
    """Pretend that a package offers a collector: name, module, and the module's text."""
    monkeypatch.syspath_prepend(str(tmp_path))
    points: list[EntryPoint] = []
    monkeypatch.setattr(_registry, "entry_points", lambda group: EntryPoints(points).select(group=group))
    caches = (_registry.available, _registry.load, _registry._third_party)
    for cached in caches:
        cached.cache_clear()

    def offered(name: str, module: str, text: str) -> None:
        (tmp_path / f"{module}.py").write_text(text)
        points.append(EntryPoint(name, module, _registry.GROUP))

    yield offered
    for cached in caches:
        cached.cache_clear()


GOOD = """
import msgspec
from collectors.api import Sample, gauge
METRICS = (gauge("shop_orders", "Orders."),)
class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass
def build(options, host):
    raise ValueError("never")
"""


def test_every_core_collector_is_found_and_whole() -> None:
    assert set(available()) >= CORE
    for name in available():
        module = load(name)
        assert all(isinstance(metric, Metric) and metric.help for metric in module.METRICS)
        assert module.Options.__struct_config__.frozen
        assert module.Options.__struct_config__.forbid_unknown_fields


def test_every_module_of_the_folder_is_a_collector_or_private() -> None:
    files = {path.stem for path in Path(collectors.__path__[0]).glob("*.py")}
    assert {name for name in files if not name.startswith("_")} - {"api"} == CORE


def test_a_module_is_imported_only_when_asked_for() -> None:
    heavy = "{'collectors.systemd', 'collectors.cpu', 'dbus_fast', 're2', 'psutil'}"
    code = f"import sys, collectors.api as a; a.available(); a.load('stat'); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_snmp_is_loaded_only_where_the_configuration_has_it() -> None:
    code = (
        "import sys, agent.app, agent.config.load as l, collectors.api as a, agent.build as b;"
        "b.build_targets(l.load(None).config);"
        "print(a.target_kinds(), [name for name in sys.modules if 'snmp' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "('probes', 'snmp') []"


def test_systemd_without_a_bus_never_loads_dbus() -> None:
    code = (
        "import sys, asyncio, collectors.api as a; m = a.load('systemd');"
        "c = m.build(m.Options(), a.HostFS(system_bus='/nowhere'));"
        "print(asyncio.run(c.collect()), 'dbus_fast' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(
        UnknownCollectorError,
        match=r"there is no collector 'cpus'; there are apcupsd, arp, ata, ",
    ):
        load("cpus")
    for private in ("_host", "api"):
        with pytest.raises(UnknownCollectorError):
            load(private)


def test_a_third_party_collector(offer: Offer) -> None:
    offer("shop", "shop_collector", GOOD)
    assert "shop" in available()
    assert "shop_collector" not in sys.modules
    assert load("shop").METRICS[0].name == "shop_orders"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise OSError('no library')", r"collector 'shop' from .* cannot be loaded: OSError: no library \(repair"),
        ("METRICS = ()", r"collector 'shop' does not offer Options \(a msgspec.Struct class\) and build"),
        (GOOD.replace("METRICS = (", "METRICS = ('x', "), r"does not offer METRICS \(a tuple of Metric\);"),
    ],
)
def test_one_that_cannot_be_used_is_an_error(offer: Offer, text: str, message: str) -> None:
    offer("shop", "broken_collector", text)
    sys.modules.pop("broken_collector", None)
    with pytest.raises(CollectorLoadError, match=message):
        load("shop")


def test_a_name_that_is_taken_is_an_error(offer: Offer) -> None:
    offer("cpu", "other_cpu", GOOD)
    with pytest.raises(CollectorLoadError, match="has the name of a built-in one; remove that package"):
        load("cpu")


def test_two_packages_with_one_name_are_an_error(offer: Offer) -> None:
    offer("shop", "shop_one", GOOD)
    offer("shop", "shop_two", GOOD)
    with pytest.raises(
        CollectorLoadError, match="collector 'shop' comes from entry point 'shop_one' and entry point 'shop_two'"
    ):
        load("shop")
