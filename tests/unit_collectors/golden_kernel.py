"""Files of /proc and /sys that the collectors of the kernel read, as kernels write them, for ``golden_host``."""

from __future__ import annotations

NFS = """\
net 70 30 40 3
rpc 1218785755 374636 1218815394
proc2 18 16 57 74 52 71 73 45 86 0 52 83 61 17 53 50 23 70 82
proc3 22 0 1061909262 48906 4077635 117661341 5 29391916 2570425 2993289 590 0 0 7815 15 1130 0 3983 92385 13332 2 1 23729
proc4 48 98 51 54 83 85 23 24 1 28 73 68 83 12 84 39 68 59 58 88 29 74 69 96 21 84 15 53 86 54 66 56 97 36 49 32 85 81 11 58 32 67 13 28 35 90 1 26 1337
"""  # noqa: E501 - as the kernel writes it
NFSD = """\
rc 0 6 18622
fh 0 0 0 0 0
io 157286400 72864
th 8 0 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000
ra 32 0 0 0 0 0 0 0 0 0 0 7
net 18628 0 18628 6
rpc 18628 5 1 2 3
proc2 18 2 69 0 0 4410 0 0 0 0 0 0 0 0 0 0 0 99 2
proc3 22 2 112 0 2719 111 0 0 0 0 0 0 0 0 0 0 0 27 216 0 2 1 0
proc4 2 2 10853
proc4ops 72 0 0 0 1098 2 0 0 0 0 8179 5896 0 0 0 0 5900 0 0 2 0 2 0 9609 0 2 150 1272 0 0 0 1236 0 0 0 0 3 3 0 5 7 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
wdeleg_getattr 0
"""  # noqa: E501 - as the kernel writes it
IP_VS = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0A80016:0CEA wlc
  -> C0A85216:0CEA      Tunnel  100    248        2
  -> C0A85318:0CEA      Tunnel  100    248        1
TCP  [2620:0000:0000:0000:0000:0000:0000:0001]:0050 sh
  -> [2620:0000:0000:0000:0000:0000:0000:0002]:0050      Route   1      0          3
SCTP C0A80017:0B59 rr
  -> C0A85216:0B59      Masq    5      1          0
FWM  10001000 wlc
  -> C0A83215:0CEA      Route   20     64         1
"""
IP_VS_STATS = """\
   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
 16AA370 E33656E5        0     51D8C8883AB3        0

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       4    1FB3C        0          1282A8F        0
"""
XFS = """\
extent_alloc 1 1048576 2 0
abt 4 3 2 1
blk_map 61 29 3 1 2 91 0
bmbt 0 0 0 0
dir 3 2 1 1343
trans 4 40 0
ig 5 1 0 4 0 0 1
log 8 21 0 5821 5
push_ail 44 0 1102 15 0 2 0 2 0 2
xstrat 1 0
rw 28 7
attr 22 0 0 0
icluster 0 0 1
vnodes 4 5 6 7 1 2 3 0
buf 2090 1972 118 225 94 0 0 2000 809
xpc 399724544 92823103 86219234
debug 0
"""
INTERRUPTS = """\
           CPU0       CPU2
  0:         18          0  IR-IO-APIC    2-edge      timer
 36:          0   12345678  PCI-MSIX-0000:00:02.0   1-edge      eth0-rx
NMI:         47       5031   Non-maskable interrupts
MCE:          0          0   Machine check exceptions
ERR:          0
MIS:          0
"""
SOFTIRQS = """\
                    CPU0       CPU2
          HI:          3          0
      NET_RX:      44107     142110
"""
UDP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1027: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1234 2 0000000000000000 0
 2044: 0100007F:0035 00000000:0000 07 00000010:00000300 00:00000000 00000000   101        0 1235 2 0000000000000000 7
"""
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2740 1 ffff88003d3af3c0 100 0
   1: 0F02000A:0016 0202000A:8B6B 01 00000015:00000001 02:000AC99B 00000000     0        0 3652 4 ffff88003d3ae040 21 4
   2: 0F02000A:0016 0202000A:8B6C 06 00000000:00000000 03:00000ACB 00000000     0        0 0 3 ffff88003d3ae041
"""
ZONEINFO = """\
Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 349401
      nr_dirtied   19572557
      nr_kernel_stack 3040
  pages free     3840
        boost    0
        min      10
        low      13
        high     16
        spanned  4095
        protection: (0, 3019, 24090)
      nr_free_pages 3840
      numa_hit     222845133
  pagesets
    cpu: 0
              count:    0
              high:     14
  node_unreclaimable:  0
Node 0, zone   Normal
  pages free     20443
        min      11711
"""
SLABINFO = """\
slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>
tcp_ver1              74    105   2240   15    8 : tunables    0    0    0 : slabdata      7      7      0
dentry             32104  45339    192   21    1 : tunables    0    0    0 : slabdata   2159   2159      0
"""  # noqa: E501 - as the kernel writes it
CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 142
model name\t: Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz
stepping\t: 10
microcode\t: 0xb4
cache size\t: 8192 KB
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu vme aes avx2
bugs\t\t: cpu_meltdown spectre_v1

processor\t: 1
vendor_id\t: GenuineIntel
physical id\t: 0
core id\t\t: 1

"""
_SAID_OF_BOTH = {
    "related_cpus": "0\n",
    "scaling_available_governors": "performance powersave\n",
    "scaling_driver": "intel_pstate\n",
    "scaling_governor": "powersave\n",
    "scaling_setspeed": "<unsupported>\n",
}
KERNEL: dict[str, str] = {
    **{f"sys/devices/system/cpu/cpu{n}/cpufreq/{file}": text for n in (0, 1) for file, text in _SAID_OF_BOTH.items()},
    "proc/cpuinfo": CPUINFO,
    "sys/devices/system/cpu/present": "0-3\n",
    "sys/devices/system/cpu/online": "0-1,3\n",
    "sys/devices/system/cpu/isolated": "3\n",
    "proc/sys/kernel/tainted": "4736\n",  # W, O and D
    "proc/sys/kernel/hung_task_detect_count": "3\n",
    "proc/net/udp": UDP,
    "proc/net/udp6": UDP.partition("\n")[0] + "\n",
    "proc/net/tcp": TCP,
    "proc/net/tcp6": TCP,
    "proc/net/ip_vs": IP_VS,
    "proc/net/ip_vs_stats": IP_VS_STATS,
    "proc/net/rpc/nfs": NFS,
    "proc/net/rpc/nfsd": NFSD,
    "proc/net/xfrm_stat": "XfrmInHdrError          \t7\nXfrmOutPolDead          \t3\nXfrmInIptfsError        \t9\n",
    "proc/interrupts": INTERRUPTS,
    "proc/softirqs": SOFTIRQS,
    "proc/zoneinfo": ZONEINFO,
    "proc/buddyinfo": "Node 0, zone      DMA      1      0      3\nNode 0, zone   Normal     76     45      0\n",
    "proc/slabinfo": SLABINFO,
    "proc/net/stat/arp_cache": "entries  allocs hits\n00000014 00000010 0000000a\n00000014 00000002 0000000b\n",
    "sys/fs/xfs/stats/stats": XFS,
    "sys/fs/xfs/sda1/stats/stats": XFS,
    "sys/class/watchdog/watchdog0/bootstatus": "1\n",
    "sys/class/watchdog/watchdog0/identity": "iTCO_wdt\n",
    "sys/class/watchdog/watchdog0/nowayout": "0\n",
    "sys/class/watchdog/watchdog0/state": "active\n",
    "sys/class/watchdog/watchdog0/status": "0x8000\n",
    "sys/class/watchdog/watchdog0/timeleft": "300\n",
    "sys/class/watchdog/watchdog1/device": "",
    "sys/class/powercap/intel-rapl/enabled": "1\n",
    "sys/class/powercap/intel-rapl:0/name": "package-0\n",
    "sys/class/powercap/intel-rapl:0/energy_uj": "240422366267\n",
    "sys/class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850\n",
    "sys/class/powercap/intel-rapl:0:0/max_energy_range_uj": "65712999613\n",
    "sys/class/powercap/intel-rapl:1:0/max_energy_range_uj": "65712999613\n",
    "sys/class/powercap/intel-rapl:0:0/name": "dram\n",
    "sys/class/powercap/intel-rapl:0:0/energy_uj": "118821284256\n",
    "sys/class/powercap/intel-rapl:1:0/name": "dram\n",
    "sys/class/powercap/intel-rapl:1:0/energy_uj": "5000000\n",
    "sys/class/thermal/thermal_zone0/type": "x86_pkg_temp\n",
    "sys/class/thermal/thermal_zone0/temp": "49925\n",
    "sys/class/thermal/thermal_zone1/type": "acpitz\n",
    "sys/class/thermal/thermal_zone1/temp": "-8000\n",
    "sys/class/thermal/thermal_zone0/policy": "step_wise\n",
    "sys/class/thermal/thermal_zone1/policy": "step_wise\n",
    "sys/class/thermal/cooling_device0/type": "Processor\n",
    "sys/class/thermal/cooling_device0/cur_state": "0\n",
    "sys/class/thermal/cooling_device0/max_state": "10\n",
    "sys/fs/selinux/enforce": "1",
    "sys/fs/selinux/avc/cache_stats": "lookups hits misses allocations reclaims frees\n"
    "91590784 91569452 21332 21332 20928 20906\n16 10 6 6 0 0\n",
    "sys/fs/selinux/avc/hash_stats": "entries: 503\nbuckets used: 247/512\nlongest chain: 8\n",
    "sys/fs/selinux/avc/cache_threshold": "512",
    "etc/selinux/config": "# comment\nSELINUX=permissive\nSELINUXTYPE=targeted\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_min_freq": "800000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "2400000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1219917\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq": "800000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq": "2400000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "<unknown>\n",
    "sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm \n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/devices/system/node/node0/meminfo": "Node 0 MemTotal:       24684096 kB\nNode 0 Active(anon):     707916 kB\n"
    "Node 0 HugePages_Total:     5\n",
    "sys/devices/system/node/node0/numastat": "numa_hit 193460335812\nlocal_node 193454780853\n",
    "sys/kernel/mm/ksm/full_scans": "323\n",
    "sys/kernel/mm/ksm/merge_across_nodes": "1\n",
    "sys/kernel/mm/ksm/pages_shared": "1\n",
    "sys/kernel/mm/ksm/pages_sharing": "255\n",
    "sys/kernel/mm/ksm/pages_to_scan": "100\n",
    "sys/kernel/mm/ksm/pages_unshared": "0\n",
    "sys/kernel/mm/ksm/pages_volatile": "0\n",
    "sys/kernel/mm/ksm/run": "1\n",
    "sys/kernel/mm/ksm/sleep_millisecs": "20\n",
}
