"""The collectors of kernel counters, clock and identity, each over files as the kernel writes them."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest
from golden_host import TREE, GoldenHost, gather, notices, plant, table

from collectors import _adjtimex, netstat, timex, vmstat
from collectors.api import CollectorError, load


def collected(tmp_path: Path, name: str, tree: dict[str, str] | None = None) -> dict[str, float]:
    module = load(name)
    host = plant(tmp_path) if tree is None else plant(tmp_path, tree)
    return table(gather(module.build(module.Options(), host)))


def test_vmstat_tells_what_the_filter_wants(tmp_path: Path) -> None:
    assert collected(tmp_path, "vmstat") == {
        "node_vmstat_pgpgin": 7344136,
        "node_vmstat_pswpout": 1,
        "node_vmstat_pgfault": 2320168809,
        "node_vmstat_pgmajfault": 507162,
        "node_vmstat_oom_kill": 2,
    }
    narrow = vmstat.build(vmstat.Options(fields="^nr_free_pages$"), plant(tmp_path))
    assert table(gather(narrow)) == {"node_vmstat_nr_free_pages": 977769}


def test_pressure_in_seconds(tmp_path: Path) -> None:
    assert collected(tmp_path, "pressure") == {
        "node_pressure_cpu_waiting_seconds_total": 14.036781,
        "node_pressure_io_waiting_seconds_total": 159.886802,
        "node_pressure_io_stalled_seconds_total": 158.229614,
        "node_pressure_memory_waiting_seconds_total": 0.0,
        "node_pressure_memory_stalled_seconds_total": 0.0,
    }


def test_filefd(tmp_path: Path) -> None:
    assert collected(tmp_path, "filefd") == {"node_filefd_allocated": 1024, "node_filefd_maximum": 1631329}


def test_netstat_takes_pairs_of_lines_and_single_ones(tmp_path: Path) -> None:
    assert collected(tmp_path, "netstat") == {
        "node_netstat_TcpExt_SyncookiesSent": 0,
        "node_netstat_TcpExt_ListenOverflows": 5,
        "node_netstat_IpExt_InOctets": 6286396970,
        "node_netstat_Ip_Forwarding": 2,
        "node_netstat_Tcp_CurrEstab": 0,
        "node_netstat_Tcp_RetransSegs": 2258,
        "node_netstat_Ip6_InOctets": 460,
        "node_netstat_Udp6_RcvbufErrors": 9,
    }


def test_netstat_follows_a_changed_line_of_names(tmp_path: Path) -> None:
    collector = netstat.build(netstat.Options(), plant(tmp_path))
    gather(collector)
    plant(tmp_path, {"proc/net/snmp": "Tcp: CurrEstab RtoAlgorithm\nTcp: 7 1\n", "proc/net/snmp6": ""})
    assert table(gather(collector))["node_netstat_Tcp_CurrEstab"] == 7


def test_sockstat_pages_are_bytes_too(tmp_path: Path) -> None:
    got = collected(tmp_path, "sockstat")
    page = plant(tmp_path).page_size
    assert got["node_sockstat_sockets_used"] == 229
    assert got["node_sockstat_TCP_tw"] == 4
    assert got["node_sockstat_TCP_mem_bytes"] == got["node_sockstat_TCP_mem"] * page == page
    assert got["node_sockstat_FRAG6_memory"] == 3
    assert "node_sockstat_RAW_mem_bytes" not in got


def test_softnet_is_hexadecimal_and_names_the_cpu_where_it_can(tmp_path: Path) -> None:
    got = collected(tmp_path, "softnet")
    assert got['node_softnet_processed_total{cpu="0"}'] == 0x27B908
    assert got['node_softnet_dropped_total{cpu="4"}'] == 0x29, "the second line is CPU 4"
    assert got['node_softnet_times_squeezed_total{cpu="4"}'] == 1
    assert got['node_softnet_backlog_len{cpu="4"}'] == 2
    old = collected(tmp_path, "softnet", {"proc/net/softnet_stat": "0000000a 00000001 00000002\n" * 2})
    assert old['node_softnet_processed_total{cpu="1"}'] == 10
    assert len(old) == 6


def test_conntrack_sums_over_cpus(tmp_path: Path) -> None:
    assert collected(tmp_path, "conntrack") == {
        "node_nf_conntrack_entries": 123,
        "node_nf_conntrack_entries_limit": 65536,
        "node_nf_conntrack_stat_found": 0,
        "node_nf_conntrack_stat_drop": 0x10 + 0x20,
        "node_nf_conntrack_stat_insert_failed": 3,
    }


def test_arp_counts_by_interface(tmp_path: Path) -> None:
    assert collected(tmp_path, "arp") == {
        'node_arp_entries{device="eth0"}': 2,
        'node_arp_entries{device="eth1"}': 1,
    }


def test_entropy(tmp_path: Path) -> None:
    assert collected(tmp_path, "entropy") == {"node_entropy_available_bits": 256}


def test_edac_by_controller_and_row(tmp_path: Path) -> None:
    assert collected(tmp_path, "edac") == {
        'node_edac_correctable_errors_total{controller="0"}': 1,
        'node_edac_uncorrectable_errors_total{controller="0"}': 5,
        'node_edac_csrow_correctable_errors_total{controller="0",csrow="unknown"}': 2,
        'node_edac_csrow_correctable_errors_total{controller="0",csrow="10"}': 3,
    }


def test_schedstat_in_seconds(tmp_path: Path) -> None:
    assert collected(tmp_path, "schedstat") == {
        'node_schedstat_running_seconds_total{cpu="0"}': 2045936.778163039,
        'node_schedstat_waiting_seconds_total{cpu="0"}': 343796.328169361,
        'node_schedstat_timeslices_total{cpu="0"}': 4767485306,
    }


def test_os_release_quotes_version_and_end_of_support(tmp_path: Path) -> None:
    assert collected(tmp_path, "os") == {
        'node_os_info{id="debian",name="Debian "GNU"/Linux",pretty_name="Debian 12",version_id="12.5.1"}': 1,
        'node_os_version{id="debian",name="Debian "GNU"/Linux"}': 12.5,
        "node_os_support_end_timestamp_seconds": 1782777600,
    }
    with pytest.raises(CollectorError, match="SUPPORT_END is not YYYY-MM-DD: 'soon'"):
        collected(tmp_path, "os", {"etc/os-release": "SUPPORT_END=soon\n"})


def test_os_release_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    module = load("os")
    host = plant(tmp_path)
    collector = module.build(module.Options(), host)
    first = gather(collector)
    assert gather(collector)[0] is first[0]
    plant(tmp_path, {"etc/os-release": 'ID="arch"\n'})
    assert table(gather(collector)) == {'node_os_info{id="arch"}': 1}


def test_dmi_without_what_only_root_may_read(tmp_path: Path) -> None:
    assert collected(tmp_path, "dmi") == {'node_dmi_info{bios_version="1.2.3",system_vendor="Maker"}': 1}
    assert collected(tmp_path / "none", "dmi", {}) == {}


class Clocked(GoldenHost):
    """``struct timex`` as given."""

    state = 0
    values: dict[str, int]

    def adjtimex(self) -> tuple[int, _adjtimex.Timex]:
        return self.state, _adjtimex.Timex(**self.values)


@pytest.mark.parametrize(("status", "seconds"), [(0x2000, 1.5), (0, 1500.0)])
def test_timex_units_follow_the_status(tmp_path: Path, status: int, seconds: float) -> None:
    host = Clocked(tmp_path)
    host.values = {
        "offset": 1_500_000_000, "status": status, "maxerror": 250_000, "freq": -65536 * 2, "tick": 10_000, "tai": 37,
        "stbcnt": 4,
    }  # fmt: skip
    got = table(gather(timex.build(timex.Options(), host)))
    assert got["node_timex_offset_seconds"] == seconds
    assert got["node_timex_maxerror_seconds"] == 0.25
    assert got["node_timex_frequency_adjustment_ratio"] == 1 - 2e-6
    assert got["node_timex_tick_seconds"] == 0.01
    assert got["node_timex_tai_offset_seconds"] == 37
    assert got["node_timex_pps_stability_exceeded_total"] == 4
    assert got["node_timex_sync_status"] == 1
    host.state = 5
    assert table(gather(timex.build(timex.Options(), host)))["node_timex_sync_status"] == 0


def test_timex_of_this_kernel() -> None:
    state, values = _adjtimex.adjtimex()
    assert 0 <= state <= 5
    assert 8_000 <= values.tick <= 12_000, "microseconds in a tick: the layout of the structure is wrong"
    assert ctypes.sizeof(_adjtimex.Timex) == 208 or ctypes.sizeof(ctypes.c_long) == 4


def test_timex_that_the_sandbox_forbids_says_what_to_do(tmp_path: Path) -> None:
    class Refused(GoldenHost):
        code = errno.EPERM

        def adjtimex(self) -> tuple[int, _adjtimex.Timex]:
            raise OSError(self.code, os.strerror(self.code))

    host = Refused(tmp_path)
    collector = timex.build(timex.Options(), host)
    (notice,) = notices(gather(collector))
    assert "drop-in clock.conf" in notice
    assert table(gather(collector)) == {}
    host.code = errno.EFAULT
    with pytest.raises(CollectorError, match="adjtimex: Bad address"):
        gather(collector)


@pytest.mark.parametrize(
    ("name", "path", "text", "message"),
    [
        ("vmstat", "proc/vmstat", "pgfault x\n", "'pgfault' is not followed by a number"),
        ("pressure", "proc/pressure/cpu", "some avg10=0\n", "a line has no total"),
        ("filefd", "proc/sys/fs/file-nr", "1 2\n", "not three numbers"),
        ("netstat", "proc/net/snmp", "Tcp: InSegs\nUdp: 1\n", "no line of values after"),
        ("netstat", "proc/net/snmp", "Tcp: A InSegs\nTcp: 1\n", "fewer values than names"),
        ("netstat", "proc/net/snmp6", "Ip6InOctets many\n", "not a number: 'many'"),
        ("sockstat", "proc/net/sockstat", "TCP inuse 5\n", "a line is not"),
        ("softnet", "proc/net/softnet_stat", "zz 0 0\n", "not all are whole numbers"),
        ("softnet", "proc/net/softnet_stat", "00 00\n", "fewer than 3 columns"),
        ("conntrack", "proc/net/stat/nf_conntrack", "a b\n1\n", "not as many values"),
        ("arp", "proc/net/arp", "title\nhalf a line\n", "has not 6 columns"),
        ("entropy", "proc/sys/kernel/random/entropy_avail", "?", "not a whole number"),
        ("edac", "sys/devices/system/edac/mc/mc0/ce_count", "?", "not a whole number"),
        ("schedstat", "proc/schedstat", "cpu0 1 2\n", "not cpuN and nine numbers"),
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_said(tmp_path: Path, name: str, path: str, text: str, message: str) -> None:
    module = load(name)
    with pytest.raises(CollectorError, match=message):
        gather(module.build(module.Options(), plant(tmp_path, {**TREE, path: text})))
