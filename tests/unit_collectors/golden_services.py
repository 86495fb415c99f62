"""The services of a small host as literals: sessions, containers, packages, and a writer of journal files."""

from __future__ import annotations

import struct
from pathlib import Path

TTY = """\
# This is private data. Do not parse.
UID=1000
USER=ada
ACTIVE=1
STATE=active
REMOTE=0
TYPE=tty
CLASS=user
SEAT=seat0
TTY=tty1
"""
SSH = "UID=1000\nUSER=ada\nACTIVE=1\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS=user\nREMOTE_HOST=192.0.2.1\n"
GREETER = "UID=110\nUSER=gdm\nSTATE=active\nREMOTE=0\nTYPE=wayland\nCLASS=greeter\nSEAT=seat0\n"
SESSIONS = {
    "run/systemd/sessions/2": TTY, "run/systemd/sessions/7": SSH, "run/systemd/sessions/c1": GREETER,
    "run/systemd/sessions/9": SSH.replace("STATE=active", "STATE=closing").replace("ada", "bob"),
    "run/systemd/sessions/2.ref": "",
}  # fmt: skip


def record(kind: int, pid: int, user: str) -> bytes:
    made = struct.pack("=hhi32s4s32s256s", kind, 0, pid, b"pts/0", b"ts/0", user.encode(), b"192.0.2.1")
    return made.ljust(384, b"\0")


UTMP = b"".join(
    [record(2, 0, "reboot"), record(7, 11, "ada"), record(7, 12, "ada"), record(7, 13, "gone"), record(8, 14, "dead"),
     record(7, 15, "bob"), record(7, 11, "")]
)  # fmt: skip

ONE, TWO = "1f" * 32, "ab" * 32
DOCKER = f"system.slice/docker-{ONE}.scope"
CGROUP = "sys/fs/cgroup/"
V2 = {
    "cgroup.controllers": "cpu io memory pids\n",
    "system.slice/memory.current": "900\n",
    "system.slice/ssh.service/memory.current": "800\n",
    f"{DOCKER}/cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 10\n"
    "nr_throttled 4\nthrottled_usec 1500000\n",
    f"{DOCKER}/cpu.max": "50000 100000\n",
    f"{DOCKER}/memory.current": "104857600\n",
    f"{DOCKER}/memory.max": "209715200\n",
    f"{DOCKER}/memory.stat": "anon 50000000\nfile 40000000\ninactive_file 4857600\n",
    f"{DOCKER}/memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n",
    f"{DOCKER}/pids.current": "7\n",
    f"{DOCKER}/pids.max": "max\n",
    f"{DOCKER}/io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n253:1 \n",
}
CGROUPS = {CGROUP + path: text for path, text in V2.items()} | {"sys/dev/block/8:0/uevent": "MAJOR=8\nDEVNAME=sda\n"}

STATUS = """\
Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b2
Description: shell
 Version: 9 in a description

Package: linux-base
Status: hold ok installed
Architecture: all
Version: 4.9

Package: ahead
Status: install ok installed
Architecture: amd64
Version: 3.0

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: curl
Status: install ok installed
Architecture: amd64
Version: 7.88.1-10+deb12u4
"""
LIST = """\
Package: bash
Version: 5.2.15-2+b10
Architecture: amd64

Package: curl
Architecture: amd64
Version: 7.88.1-10+deb12u4

Package: curl
Architecture: i386
Version: 9

Package: linux-base
Version: 4.12
Architecture: all

Package: ahead
Version: 2.9
Architecture: amd64

Package: gone
Version: 2.0
Architecture: amd64

"""
SECURITY = "Package: curl\nArchitecture: amd64\nVersion: 7.88.1-10+deb12u5\n\n"
LISTS = {
    "var/lib/dpkg/status": STATUS,
    "var/lib/apt/lists/h_debian_dists_bookworm_InRelease":
        "-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: Debian\nSuite: stable\nCodename: bookworm\n",
    "var/lib/apt/lists/h_debian_dists_bookworm_main_binary-amd64_Packages": LIST,
    "var/lib/apt/lists/h_security_dists_bookworm-security_Release":
        "Origin: Debian\nSuite: stable-security\nCodename: bookworm-security\n",
    "var/lib/apt/lists/h_security_dists_bookworm-security_main_binary-amd64_Packages": SECURITY,
    "var/lib/apt/lists/h_debian_dists_bookworm-backports_InRelease":
        "Origin: Debian Backports\nSuite: stable-backports\nCodename: bookworm-backports\nNotAutomatic: yes\n",
    "var/lib/apt/lists/h_debian_dists_bookworm-backports_main_binary-amd64_Packages":
        "Package: bash\nVersion: 6.0\nArchitecture: amd64\n",
}  # fmt: skip


class Writer:
    """A journal file as journald lays it out: header, then objects one after another."""

    def __init__(self, path: Path, *, compact: bool = False) -> None:
        self.path, self.compact = path, compact
        self.data = bytearray(272)
        self.last = self.number = 0
        self.places: dict[bytes, int] = {}
        self.add(4, b"\0" * 1000)  # a hash table
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, kind: int, body: bytes, flags: int = 0) -> int:
        self.last = len(self.data)
        whole = struct.pack("<BB6xQ", kind, flags, 16 + len(body)) + body
        self.data += whole + b"\0" * (-len(whole) % 8)
        return self.last

    def entry(self, *fields: str, number: int | None = None) -> None:
        places = []
        for field in fields:
            payload = field.encode()
            if payload not in self.places:
                self.places[payload] = self.add(1, b"\0" * (56 if self.compact else 48) + payload)
            places.append(self.places[payload])
        self.number += 1
        items = b"".join(struct.pack("<I", at) if self.compact else struct.pack("<QQ", at, 7) for at in places)
        self.add(3, struct.pack("<Q", number or self.number) + b"\0" * 40 + items)
        self.add(6, b"\0" * 64)  # an array of entries, as journald adds now and then
        self.write()

    def write(self) -> None:
        flags = 4 | (16 if self.compact else 0)
        struct.pack_into("<8sII", self.data, 0, b"LPKSHHRH", 0, flags)
        struct.pack_into("<QQ", self.data, 88, 272, len(self.data) - 272)
        struct.pack_into("<Q", self.data, 136, self.last)
        struct.pack_into("<Q", self.data, 160, self.number)
        self.path.write_bytes(bytes(self.data) + b"\0" * 4096)


FILES: dict[str, bytes] = {
    **{path: text.encode() for path, text in (SESSIONS | LISTS | CGROUPS).items()},
    "run/utmp": UTMP,
    "proc/11/stat": b"",
    "proc/cgroups": b"#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\n",
    "boot/vmlinuz-6.1.0": b"",
    "run/reboot-required.pkgs": b"libc6\n",
    "dev/kmsg": b"3,1,1,-;segfault at 0\n",
}
