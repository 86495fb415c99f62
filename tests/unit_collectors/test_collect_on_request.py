"""The collectors that are off until the configuration mentions them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from golden_host import STAT, GoldenHost, collected, plant
from golden_kernel import KERNEL

from collectors import interrupts, slabinfo
from collectors.api import available, on_by_default


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> GoldenHost:
    """For tests that only read."""
    return plant(tmp_path_factory.mktemp("machine"), KERNEL | {"proc/stat": STAT})


def test_tcpstat_adds_up_both_families(machine: GoldenHost) -> None:
    assert collected(machine, "tcpstat") == {
        'node_tcp_connection_states{state="listen"}': 2,
        'node_tcp_connection_states{state="established"}': 2,
        'node_tcp_connection_states{state="time_wait"}': 2,
        'node_tcp_connection_states{state="tx_queued_bytes"}': 2 * 0x15,
        'node_tcp_connection_states{state="rx_queued_bytes"}': 2,
    }


def test_interrupts_by_cpu_and_source(machine: GoldenHost) -> None:
    got = collected(machine, "interrupts")
    rx = 'devices="1-edge eth0-rx",info="PCI-MSIX-0000:00:02.0",type="36"'
    assert got[f'node_interrupts_total{{cpu="2",{rx}}}'] == 12345678, "the columns are named: CPU1 is not there"
    assert got['node_interrupts_total{cpu="0",info="Non-maskable interrupts",type="NMI"}'] == 47
    assert len(got) == 2 * 4, "ERR and MIS are sums"


@pytest.mark.parametrize(
    ("options", "series"),
    [({"name_include": "^NMI;"}, 2), ({"name_exclude": "eth0"}, 6), ({"include_zeros": False}, 4)],
)
def test_interrupts_can_be_chosen(machine: GoldenHost, options: dict[str, Any], series: int) -> None:
    assert len(collected(machine, "interrupts", **options)) == series


def test_softirqs_by_cpu_and_kind(machine: GoldenHost) -> None:
    got = collected(machine, "softirqs")
    assert got['node_softirqs_functions_total{cpu="2",type="NET_RX"}'] == 142110
    assert len(got) == 4


def test_buddyinfo_by_size(machine: GoldenHost) -> None:
    got = collected(machine, "buddyinfo")
    assert got['node_buddyinfo_blocks{node="0",size="2",zone="DMA"}'] == 3
    assert got['node_buddyinfo_blocks{node="0",size="0",zone="Normal"}'] == 76
    assert len(got) == 6


def test_zoneinfo_knows_its_lines(machine: GoldenHost) -> None:
    assert collected(machine, "zoneinfo") == {
        'node_zoneinfo_nr_inactive_anon_pages{node="0",zone="DMA"}': 349401,
        'node_zoneinfo_nr_dirtied_total{node="0",zone="DMA"}': 19572557,
        'node_zoneinfo_nr_kernel_stacks{node="0",zone="DMA"}': 3040,
        'node_zoneinfo_min_pages{node="0",zone="DMA"}': 10,
        'node_zoneinfo_low_pages{node="0",zone="DMA"}': 13,
        'node_zoneinfo_high_pages{node="0",zone="DMA"}': 16,
        'node_zoneinfo_spanned_pages{node="0",zone="DMA"}': 4095,
        'node_zoneinfo_protection_0{node="0",zone="DMA"}': 0,
        'node_zoneinfo_protection_1{node="0",zone="DMA"}': 3019,
        'node_zoneinfo_protection_2{node="0",zone="DMA"}': 24090,
        'node_zoneinfo_nr_free_pages{node="0",zone="DMA"}': 3840,
        'node_zoneinfo_numa_hit_total{node="0",zone="DMA"}': 222845133,
        'node_zoneinfo_min_pages{node="0",zone="Normal"}': 11711,
    }


def test_slabinfo_and_its_filter(machine: GoldenHost) -> None:
    got = collected(machine, "slabinfo")
    assert got['node_slabinfo_active_objects{slab="dentry"}'] == 32104
    assert got['node_slabinfo_object_size_bytes{slab="tcp_ver1"}'] == 2240
    assert got['node_slabinfo_pages_per_slab{slab="tcp_ver1"}'] == 8
    assert len(got) == 10
    assert len(collected(machine, "slabinfo", slabs_include="^dentry$")) == 5


def test_ksmd(machine: GoldenHost) -> None:
    got = collected(machine, "ksmd")
    assert len(got) == 9
    assert got["node_ksmd_full_scans_total"] == 323
    assert got["node_ksmd_pages_sharing"] == 255
    assert got["node_ksmd_sleep_seconds"] == 0.02


def test_lnstat_by_cpu(machine: GoldenHost) -> None:
    got = collected(machine, "lnstat")
    assert got['node_lnstat_hits_total{cpu="1",subsystem="arp_cache"}'] == 0xB
    assert got['node_lnstat_entries_total{cpu="0",subsystem="arp_cache"}'] == 0x14
    assert len(got) == 2 * 3


def test_ipsec_errors_that_node_exporter_names(machine: GoldenHost) -> None:
    assert collected(machine, "xfrm") == {
        "node_xfrm_in_hdr_error_packets_total": 7, "node_xfrm_out_pol_dead_packets_total": 3,
    }  # fmt: skip


def test_memory_of_a_node(machine: GoldenHost) -> None:
    assert collected(machine, "meminfo_numa") == {
        'node_memory_numa_MemTotal{node="0"}': 24684096 * 1024,
        'node_memory_numa_Active_anon{node="0"}': 707916 * 1024,
        'node_memory_numa_HugePages_Total{node="0"}': 5,
        'node_memory_numa_numa_hit_total{node="0"}': 193460335812,
        'node_memory_numa_local_node_total{node="0"}': 193454780853,
    }


@pytest.mark.parametrize("module", [interrupts, slabinfo])
def test_an_include_and_an_exclude_cannot_both_be_given(tmp_path: Path, module: Any) -> None:
    prefix = "name" if module is interrupts else "slabs"
    options = module.Options(**{f"{prefix}_include": "a", f"{prefix}_exclude": "b"})
    with pytest.raises(ValueError, match=f"{prefix}_include and {prefix}_exclude cannot both be given"):
        module.build(options, plant(tmp_path, {}))


def test_what_is_off_until_mentioned_is_there() -> None:
    off = {name for name in available() if not on_by_default(name)}
    assert off >= {"interrupts", "slabinfo", "zoneinfo"}
    assert "kernel" not in off
