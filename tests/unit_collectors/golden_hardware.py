"""A machine with every kind of hardware at once, as literals: files, and the symbolic links of sysfs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from golden_host import GoldenHost, plant

MDSTAT = """\
Personalities : [linear] [multipath] [raid0] [raid1] [raid6] [raid5] [raid4] [raid10] [faulty]
md127 : active raid1 sdb1[1] sda1[0]
      1048512 blocks super 1.2 [2/2] [UU]
      bitmap: 0/1 pages [0KB], 65536KB chunk

md0 : active raid5 sdd1[3](F) sdc1[1] sda3[0] sde1[4]
      2095104 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [UU_]
      [==>..................]  recovery = 14.3% (150016/1047552) finish=0.3min speed=37504K/sec

md1 : active raid0 sdf1[0] sdg1[1]
      312319552 blocks 512k chunks

md2 : inactive sdh1[0](S)
      1953382400 blocks super 1.2

md3 : active raid6 sdi1[0] sdj1[1] sdk1[2] sdl1[3] sdm1[4](S)
      4190208 blocks super 1.2 level 6, 512k chunk, algorithm 2 [4/4] [UUUU]
      \tresync=PENDING

md4 : active (auto-read-only) raid10 sdn1[0] sdo1[1]
      195310144 blocks super 1.2 2 near-copies [2/2] [UU]
      [===>.................]  check = 16.6% (32500000/195310144) finish=20.1min speed=135000K/sec
      bitmap: 1/2 pages [4KB], 65536KB chunk

md5 : active raid1 sdp1[0] sdq1[1]
      1048512 blocks super 1.2 [2/2] [UU]
      [=========>...........]  resync = 45.0% (471830/1048512) finish=0.1min speed=52425K/sec

unused devices: <none>
"""
ARCSTATS = """\
9 1 0x01 123 33456 5223534000 51234567890123
name                            type data
hits                            4    8772612
misses                          4    604635
memory_throttle_count           4    0
c                               4    1643208777
c_min                           4    33554432
c_max                           4    8367976448
size                            4    1603939792
l2_cksum_bad                    4    0
arc_need_free                   4    0
"""
OBJSET = """\
25 1 0x01 7 2160 5214787391 74985931356512
name                            type data
dataset_name                    7    tank/home
writes                          4    10
nwritten                        4    20480
reads                           4    3
nread                           4    1536
nunlinks                        4    2
nunlinked                       4    1
"""
POOL_IO = """\
12 3 0x00 1 80 79205351707403 395818011156865
nread    nwritten reads    writes   wtime    wlentime wupdate  rtime    rlentime rupdate  wcnt     rcnt
1884160  3206144  22       132      7155162  104112268 79210489694949 24168078 104112268 79210489849220 0 0
"""
DRBD = """\
version: 8.4.11-1 (api:1/proto:86-101)
GIT-hash: 66145a308421e9c124ec391a7848ac20203bb03c build by root@node, 2018-04-26 12:10:42
 1: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----
    ns:17324442 nr:10961171 dw:28263412 dr:2 al:2121 bm:0 lo:1 pe:2 ua:3 ap:4 ep:5 wo:f oos:16
 2: cs:WFConnection ro:Secondary/Unknown ds:Inconsistent/DUnknown C r-----
    ns:0 nr:0 dw:0 dr:0 al:0 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:1048576
"""
_CORETEMP = "sys/devices/platform/coretemp.0/hwmon/hwmon0/"
_DIMM = "sys/devices/pci0000:00/0000:00:1f.4/i2c-0/0-0018/"
_SSD = "sys/devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/"
_ACPI = "sys/devices/virtual/hwmon/hwmon2/"
_POWER = "sys/devices/LNXSYSTM:00/ACPI0003:00/power_supply/"
_IB = "sys/devices/pci0000:40/0000:41:00.0/infiniband/mlx4_0/"
_FC = "sys/devices/pci0000:17/0000:18:00.0/host0/fc_host/host0/"
_BTRFS = "sys/fs/btrfs/7f07c59f-6136-449c-ab87-e1cf2328731b/"
_BCACHE = "sys/fs/bcache/deaddd54-c735-46d5-868e-f331c5fd7c74/"
_SCSI = "sys/devices/pci0000:00/0000:00:17.0/ata1/host1/target1:0:0/1:0:0:0/"
_LINK = "sys/devices/pci0000:00/0000:00:17.0/ata1/link1/"
_ATA2 = "sys/devices/pci0000:00/0000:00:17.0/ata2/link2/"
_TAPE = "sys/devices/pci0000:00/0000:00:00.0/host2/target2:0:0/2:0:0:0/scsi_tape/st0/"

FILES: dict[str, str] = {
    "proc/mdstat": MDSTAT,
    "sys/devices/virtual/block/md0/md/degraded": "1\n",
    "sys/devices/virtual/block/md0/md/raid_disks": "4 (3)\n",
    "sys/devices/virtual/block/md1/md/raid_disks": "2\n",
    "proc/drbd": DRBD,
    "proc/spl/kstat/zfs/arcstats": ARCSTATS,
    "proc/spl/kstat/zfs/zil": "17 1 0x01 2 544 1 2\nname type data\nzil_commit_count                4    10\n",
    "proc/spl/kstat/zfs/dbgmsg": "timestamp    message\n",
    "proc/spl/kstat/zfs/tank/state": "DEGRADED\n",
    "proc/spl/kstat/zfs/tank/objset-0x36": OBJSET,
    "proc/spl/kstat/zfs/old/state": "ONLINE\n",
    "proc/spl/kstat/zfs/old/io": POOL_IO,
    _CORETEMP + "name": "coretemp\n",
    _CORETEMP + "temp1_input": "55000\n",
    _CORETEMP + "temp1_label": "Package id 0\n",
    _CORETEMP + "temp1_max": "84000\n",
    _CORETEMP + "temp1_crit": "100000\n",
    _CORETEMP + "temp1_crit_alarm": "1\n",
    _CORETEMP + "temp2_input": "-12500\n",
    _CORETEMP + "temp2_label": "Core 0\n",
    _CORETEMP + "uevent": "",
    _CORETEMP + "power/control": "auto\n",
    "sys/devices/platform/coretemp.0/power/control": "auto\n",
    _ACPI + "power/control": "auto\n",
    _SSD + "hwmon1/name": "nvme\n",
    _SSD + "hwmon1/temp1_input": "38850\n",
    _SSD + "hwmon1/temp1_label": "Composite\n",
    _SSD + "hwmon1/temp1_alarm": "0\n",
    _ACPI + "name": "nct6775\n",
    _ACPI + "beep_enable": "1\n",
    _ACPI + "update_interval": "2000\n",
    _ACPI + "in0_input": "856\n",
    _ACPI + "in0_min": "0\n",
    _ACPI + "in0_alarm": "0\n",
    _ACPI + "in0_beep": "0\n",
    _ACPI + "fan2_input": "1098\n",
    _ACPI + "fan2_min": "0\n",
    _ACPI + "fan2_pulses": "2\n",
    _ACPI + "fan2_fault": "0\n",
    _ACPI + "pwm1": "153\n",
    _ACPI + "pwm1_enable": "5\n",
    _ACPI + "curr1_input": "1500\n",
    _ACPI + "power1_average": "95500000\n",
    _ACPI + "power1_average_interval": "1000\n",
    _ACPI + "power1_accuracy": "950000\n",
    _ACPI + "power1_cap": "250000000\n",
    _ACPI + "energy1_input": "123456789\n",
    _ACPI + "humidity1_input": "45500\n",
    _ACPI + "intrusion0_alarm": "1\n",
    _ACPI + "temp1_type": "4\n",
    _ACPI + "temp1_input": "31000\n",
    _ACPI + "cpu0_vid": "1100\n",
    _ACPI + "vrm": "130\n",
    _DIMM + "hwmon/hwmon3/name": "jc42\n",
    _DIMM + "temp1_input": "36750\n",  # an old driver: its files are the device's
    "sys/devices/virtual/net/bond0/operstate": "up\n",
    "sys/devices/virtual/net/bond0/bonding/slaves": "eth1 eth2\n",
    "sys/devices/virtual/net/bond1/operstate": "up\n",
    "sys/devices/virtual/net/bond1/bonding/slaves": "\n",
    "sys/class/net/bonding_masters": "bond0 bond1\n",
    "sys/devices/pci0000:00/0000:00:1c.0/net/eth1/operstate": "up\n",
    "sys/devices/pci0000:00/0000:00:1c.0/net/eth1/bonding_slave/mii_status": "up\n",
    "sys/devices/pci0000:00/0000:00:1c.1/net/eth2/operstate": "down\n",
    "sys/devices/pci0000:00/0000:00:1c.1/net/eth2/bonding_slave/mii_status": "down\n",
    _SSD + "firmware_rev": "1B2QEXP7\n",
    _SSD + "model": "Samsung SSD 970 PRO 512GB               \n",
    _SSD + "serial": "S680HF8N190894I\n",
    _SSD + "state": "live\n",
    _SSD + "cntlid": "1997\n",
    _SSD + "nvme0n1/size": "1000215216\n",
    _SSD + "power/control": "auto\n",
    _SSD + "nvme0n1/ana_state": "optimized\n",
    _SSD + "nvme0n1/queue/logical_block_size": "512\n",
    "sys/devices/virtual/block/dm-0/dm/name": "mpatha\n",
    "sys/devices/virtual/block/dm-0/dm/uuid": "mpath-36005076801810523100000000000003a\n",
    "sys/devices/virtual/block/dm-0/dm/suspended": "0\n",
    "sys/devices/virtual/block/dm-0/size": "104857600\n",
    "sys/devices/virtual/block/dm-1/dm/name": "vg-root\n",
    "sys/devices/virtual/block/dm-1/dm/uuid": "LVM-abc\n",
    "sys/devices/virtual/block/dm-1/size": "2048\n",
    _IB + "power/control": "auto\n",
    _IB + "board_id": "SM_1141000001000\n",
    _IB + "fw_ver": "2.31.5050\n",
    _IB + "hca_type": "MT4099\n",
    _IB + "ports/1/state": "4: ACTIVE\n",
    _IB + "ports/1/phys_state": "5: LinkUp\n",
    _IB + "ports/1/rate": "40 Gb/sec (4X QDR)\n",
    _IB + "ports/1/counters/port_rcv_data": "4631917\n",
    _IB + "ports/1/counters/port_xmit_data": "3733440\n",
    _IB + "ports/1/counters/port_rcv_errors": "5\n",
    _IB + "ports/1/counters/link_downed": "1\n",
    _IB + "ports/1/counters/symbol_error": "7\n",
    _IB + "ports/1/counters/VL15_dropped": "3\n",
    _IB + "ports/1/counters/port_xmit_wait": "N/A (no PMA)\n",
    _IB + "ports/1/counters_ext/port_rcv_data_64": "99\n",
    _IB + "ports/1/counters_ext/port_unicast_xmit_packets": "61148\n",
    _FC + "power/control": "auto\n",
    _FC + "speed": "16 Gbit\n",
    _FC + "port_state": "Online\n",
    _FC + "port_type": "Point-To-Point (direct nport connection)\n",
    _FC + "port_id": "0x000002\n",
    _FC + "port_name": "0x1000e0071bce95f2\n",
    _FC + "node_name": "0x2000e0071bce95f2\n",
    _FC + "fabric_name": "0x0\n",
    _FC + "symbolic_name": "Emulex SN1100E2P FV12.4.270.3\n",
    _FC + "supported_classes": "Class 3\n",
    _FC + "supported_speeds": "4 Gbit, 8 Gbit, 16 Gbit\n",
    _FC + "dev_loss_tmo": "30\n",
    _BTRFS + "label": "fixture\n",
    _BTRFS + "allocation/global_rsv_size": "16777216\n",
    _BTRFS + "allocation/global_rsv_reserved": "16777216\n",
    _BTRFS + "commit_stats": "commits 258\nlast_commit_ms 1000\nmax_commit_ms 51462\ntotal_commit_ms 47836090\n",
    _BTRFS + "metadata_uuid": "7f07c59f-6136-449c-ab87-e1cf2328731b\n",
    _BTRFS + "nodesize": "16384\n",
    _BTRFS + "sectorsize": "4096\n",
    _BTRFS + "clone_alignment": "4096\n",
    _BTRFS + "quota_override": "0\n",
    _BTRFS + "devinfo/1/missing": "0\n",
    _BTRFS + "devinfo/1/error_stats": (
        "write_errs 0\nread_errs 2\nflush_errs 0\ncorruption_errs 1\ngeneration_errs 0\n"
    ),
    _BTRFS + "devinfo/2/missing": "1\n",
    "sys/fs/btrfs/features/raid56": "0\n",
    "sys/devices/virtual/block/loop24/size": "20971520\n",
    "sys/devices/virtual/block/loop25/size": "20971520\n",
    _BCACHE + "average_key_size": "0\n",
    _BCACHE + "btree_cache_size": "1.5M\n",
    _BCACHE + "cache_available_percent": "100\n",
    _BCACHE + "congested": "0\n",
    _BCACHE + "root_usage_percent": "2\n",
    _BCACHE + "tree_depth": "0\n",
    _BCACHE + "internal/active_journal_entries": "1\n",
    _BCACHE + "internal/btree_nodes": "0\n",
    _BCACHE + "internal/btree_read_average_duration_us": "1305\n",
    _BCACHE + "internal/cache_read_races": "0\n",
    _BCACHE + "bdev0/dirty_data": "4.0k\n",
    _BCACHE + "bdev0/writeback_rate_debug": (
        "rate:\t\t1.1M/sec\ndirty:\t\t20.4G\ntarget:\t\t20.4G\nproportional:\t427.5k\nintegral:\t790.0k\n"
        "change:\t\t321.5k/sec\nnext io:\t17ms\n"
    ),
    _BCACHE + "cache0/io_errors": "0\n",
    _BCACHE + "cache0/metadata_written": "512\n",
    _BCACHE + "cache0/written": "0\n",
    _SCSI + "power/control": "auto\n",
    _LINK + "ata_link/link1/sata_spd": "3.0 Gbps\n",
    _LINK + "dev1.0/ata_device/dev1.0/class": "ata\n",
    _LINK + "dev1.0/ata_device/dev1.0/spdn_cnt": "1\n",
    _LINK + "dev1.0/ata_device/dev1.0/ering": "[  123.004000000]timeout\n[  125.996000000]ATA bus error, timeout\n",
    _ATA2 + "ata_link/link2/sata_spd": "<unknown>\n",
    _ATA2 + "dev2.0/ata_device/dev2.0/class": "none\n",
    _ATA2 + "dev2.0/ata_device/dev2.0/spdn_cnt": "0\n",
    _SCSI + "state": "running\n",
    _SCSI + "ioerr_cnt": "0x6\n",
    _SCSI + "iotmo_cnt": "0x1\n",
    _SCSI + "block/sdb/size": "15628053168\n",
    _SCSI + "scsi_disk/1:0:0:0/cache_type": "write back\n",
    "sys/devices/platform/host9/9:0:0:1/state": "offline\n",
    "sys/devices/platform/host9/9:0:0:1/block/sdz/size": "0\n",
}  # fmt: skip
FILES |= {
    _IB + f"ports/1/counters/{name}": "0\n"
    for name in ("unicast_rcv_packets", "port_rcv_packets", "port_rcv_constraint_errors")
}
FILES |= {
    _FC + f"statistics/{name}": "0xffffffffffffffff\n" if name == "nos_count" else f"0x{number:x}\n"
    for number, name in enumerate((
        "dumped_frames", "error_frames", "invalid_crc_count", "rx_frames", "rx_words", "tx_frames", "tx_words",
        "seconds_since_last_reset", "invalid_tx_word_count", "link_failure_count", "loss_of_sync_count",
        "loss_of_signal_count", "nos_count", "fcp_packet_aborts",
    ))
}  # fmt: skip
FILES |= {
    _TAPE + f"stats/{name}": f"{number * 1_000_000}\n"
    for number, name in enumerate((
        "in_flight", "io_ns", "other_cnt", "read_byte_cnt", "read_cnt", "read_ns", "resid_cnt", "write_byte_cnt",
        "write_cnt", "write_ns",
    ))
}  # fmt: skip
FILES |= {
    f"{_POWER}{supply}/{name}": f"{text}\n"
    for supply, files in {
        "AC": {"type": "Mains", "online": "0"},
        "BAT0": {
            "type": "Battery", "capacity": "81", "capacity_level": "Normal", "cycle_count": "0", "present": "1",
            "energy_full": "50060000", "energy_full_design": "47520000", "energy_now": "49450000",
            "manufacturer": "LGC", "model_name": "LNV-45N1", "power_now": "4830000", "serial_number": "38109",
            "status": "Discharging", "technology": "Li-ion", "voltage_min_design": "10800000",
            "voltage_now": "11660000", "temp": "306", "current_now": "-1500000", "time_to_empty_now": "1200",
        },
    }.items()
    for name, text in files.items()
}  # fmt: skip
for _kind in ("data", "metadata", "system"):
    FILES |= {
        f"{_BTRFS}allocation/{_kind}/bytes_reserved": "8192\n",
        f"{_BTRFS}allocation/{_kind}/bytes_used": "808189952\n",
        f"{_BTRFS}allocation/{_kind}/raid1/total_bytes": "2147483648\n",
        f"{_BTRFS}allocation/{_kind}/raid1/used_bytes": "808189952\n",
    }
for _period in ("day", "five_minute", "hour", "total"):
    FILES |= {
        f"{_BCACHE}{_place}stats_{_period}/{_name}": "546\n"
        for _place in ("", "bdev0/")
        for _name in (
            "bypassed", "cache_bypass_hits", "cache_bypass_misses", "cache_hit_ratio", "cache_hits",
            "cache_miss_collisions", "cache_misses", "cache_readaheads",
        )
    }  # fmt: skip

LINKS: dict[str, str] = {
    "sys/class/hwmon/hwmon0": "../../devices/platform/coretemp.0/hwmon/hwmon0",
    _CORETEMP + "device": "../../../coretemp.0",
    "sys/class/hwmon/hwmon1": "../../devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/hwmon1",
    _SSD + "hwmon1/device": "../../nvme0",
    "sys/class/hwmon/hwmon2": "../../devices/virtual/hwmon/hwmon2",
    "sys/class/hwmon/hwmon3": "../../devices/pci0000:00/0000:00:1f.4/i2c-0/0-0018/hwmon/hwmon3",
    _DIMM + "hwmon/hwmon3/device": "../../../0-0018",
    "sys/class/net/bond0": "../../devices/virtual/net/bond0",
    "sys/class/net/bond1": "../../devices/virtual/net/bond1",
    "sys/class/net/eth1": "../../devices/pci0000:00/0000:00:1c.0/net/eth1",
    "sys/class/net/eth2": "../../devices/pci0000:00/0000:00:1c.1/net/eth2",
    "sys/devices/virtual/net/bond0/lower_eth1": "../../../pci0000:00/0000:00:1c.0/net/eth1",
    "sys/devices/virtual/net/bond0/lower_eth2": "../../../pci0000:00/0000:00:1c.1/net/eth2",
    "sys/class/nvme/nvme0": "../../devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0",
    "sys/block/nvme0n1": "../devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/nvme0n1",
    _SSD + "nvme0n1/device": "../../nvme0",
    "sys/block/md0": "../devices/virtual/block/md0",
    "sys/block/md1": "../devices/virtual/block/md1",
    "sys/block/dm-0": "../devices/virtual/block/dm-0",
    "sys/block/dm-1": "../devices/virtual/block/dm-1",
    "sys/devices/virtual/block/dm-0/slaves/sdb": "../../../../pci0000:00/0000:00:17.0/ata1/host1/target1:0:0/"
    "1:0:0:0/block/sdb",
    "sys/devices/virtual/block/dm-0/slaves/sdz": "../../../../platform/host9/9:0:0:1/block/sdz",
    "sys/devices/virtual/block/dm-1/slaves/sdb": "../../../../pci0000:00/0000:00:17.0/ata1/host1/target1:0:0/"
    "1:0:0:0/block/sdb",
    "sys/block/sdb": "../devices/pci0000:00/0000:00:17.0/ata1/host1/target1:0:0/1:0:0:0/block/sdb",
    "sys/block/sdz": "../devices/platform/host9/9:0:0:1/block/sdz",
    "sys/devices/platform/host9/9:0:0:1/block/sdz/device": "../../../9:0:0:1",
    _SCSI + "block/sdb/device": "../../../1:0:0:0",
    _SCSI + "scsi_disk/1:0:0:0/device": "../../../1:0:0:0",
    "sys/class/scsi_disk/1:0:0:0": "../../devices/pci0000:00/0000:00:17.0/ata1/host1/target1:0:0/1:0:0:0/scsi_disk/"
    "1:0:0:0",
    "sys/class/ata_device/dev1.0": "../../devices/pci0000:00/0000:00:17.0/ata1/link1/dev1.0/ata_device/dev1.0",
    _LINK + "dev1.0/ata_device/dev1.0/device": "../../../dev1.0",
    "sys/class/ata_link/link1": "../../devices/pci0000:00/0000:00:17.0/ata1/link1/ata_link/link1",
    "sys/class/ata_device/dev2.0": "../../devices/pci0000:00/0000:00:17.0/ata2/link2/dev2.0/ata_device/dev2.0",
    _ATA2 + "dev2.0/ata_device/dev2.0/device": "../../../dev2.0",
    "sys/class/ata_link/link2": "../../devices/pci0000:00/0000:00:17.0/ata2/link2/ata_link/link2",
    "sys/class/infiniband/mlx4_0": "../../devices/pci0000:40/0000:41:00.0/infiniband/mlx4_0",
    "sys/class/fc_host/host0": "../../devices/pci0000:17/0000:18:00.0/host0/fc_host/host0",
    "sys/class/power_supply/AC": "../../devices/LNXSYSTM:00/ACPI0003:00/power_supply/AC",
    "sys/class/power_supply/BAT0": "../../devices/LNXSYSTM:00/ACPI0003:00/power_supply/BAT0",
    _BTRFS + "devices/loop24": "../../../../devices/virtual/block/loop24",
    _BTRFS + "devices/loop25": "../../../../devices/virtual/block/loop25",
    "sys/class/scsi_tape/st0": "../../devices/pci0000:00/0000:00:00.0/host2/target2:0:0/2:0:0:0/scsi_tape/st0",
    "sys/class/scsi_tape/nst0": "../../devices/pci0000:00/0000:00:00.0/host2/target2:0:0/2:0:0:0/scsi_tape/st0",
}  # fmt: skip


def plant_hardware(top: Path, files: Mapping[str, str | bytes] = FILES) -> GoldenHost:
    """The machine, or what ``files`` leaves of it; a link whose target is gone dangles."""
    host = plant(top, files)
    plant_links(top)
    return host


def plant_links(top: Path) -> None:
    for path, target in LINKS.items():
        link = top / path
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(target)
