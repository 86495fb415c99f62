"""A host with rpm and dnf: its database, header by header as rpm writes it, and the caches of its repositories."""

from __future__ import annotations

import gzip
import sqlite3
import struct
from collections.abc import Iterable
from pathlib import Path

DATABASE = "var/lib/rpm/rpmdb.sqlite"
CACHE = "var/cache/dnf"
REPO = "[base]\nname=Base $releasever\nbaseurl=http://192.0.2.1/\n[extra]\nenabled = 1\n[testing]\nenabled=0\n"


def header(name: str, epoch: int | None, version: str, release: str, arch: str) -> bytes:
    """A header blob: a region, some tags that nobody asks for, and the five that tell a package from another."""
    entries, store = [], bytearray()

    def put(tag: int, kind: int, data: bytes, count: int = 1) -> None:
        if kind == 4:
            store.extend(b"\0" * (-len(store) % 4))
        entries.append((tag, kind, len(store), count))
        store.extend(data)

    put(63, 7, b"\0" * 16, 16)
    put(100, 8, b"C\0")
    for tag, text in ((1000, name), (1001, version), (1002, release)):
        put(tag, 6, text.encode() + b"\0")
    if epoch is not None:
        put(1003, 4, struct.pack(">I", epoch))
    put(1004, 9, b"Summary\0")
    put(1005, 9, b"A long description. " * 400 + b"\0")
    if arch:
        put(1022, 6, arch.encode() + b"\0")
    put(1028, 4, struct.pack(">3I", 1, 2, 3), 3)
    head = struct.pack(">II", len(entries), len(store)) + b"".join(struct.pack(">IIII", *entry) for entry in entries)
    return head + bytes(store)


def packed(headers: Iterable[bytes]) -> bytes:
    """A database as rpm leaves it: in WAL mode, whose mark are the two bytes."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(each,) for each in headers])
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data[:18] + b"\2\2" + data[20:]


def database(root: Path, headers: Iterable[bytes]) -> None:
    """Written anew, and its log there and empty."""
    file = root / DATABASE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_bytes(packed(headers))
    (root / f"{DATABASE}-wal").touch()


def berkeley(headers: Iterable[bytes], order: str = "<", page: int = 4096) -> bytes:
    """The same as rpm kept it before 4.16: a hash file, one page of keys, each header in a chain of overflow pages."""
    chains: list[bytes] = []
    items = [b"\1" + bytes(4), b"\1" + bytes(4)]  # the counter of numbers
    for number, blob in enumerate(headers, start=1):
        parts = [blob[at : at + page - 26] for at in range(0, len(blob), page - 26)]
        first = 2 + len(chains)
        items += [b"\1" + struct.pack(f"{order}I", number), struct.pack(f"{order}B3xII", 3, first, len(blob))]
        for at, part in enumerate(parts):
            following = first + at + 1 if at + 1 < len(parts) else 0
            head = struct.pack(f"{order}8xIIIHHBB", first + at, 0, following, 1, len(part), 0, 7)
            chains.append((head + part).ljust(page, b"\0"))
    end, offsets, body = page, [], b""
    for item in items:
        end -= len(item)
        offsets.append(end)
        body = item + body
    table = struct.pack(f"{order}8xIIIHHBB", 1, 0, 0, len(items), end, 0, 13) + struct.pack(
        f"{order}{len(offsets)}H", *offsets
    )
    meta = struct.pack(f"{order}8xIIIIBB", 0, 0x061561, 9, page, 0, 8).ljust(page, b"\0")
    return meta + table.ljust(end, b"\0") + body + b"".join(chains)


def primary(*packages: tuple[str, str, str, str, str]) -> str:
    """(name, epoch, version, release, arch) of each."""
    return '<?xml version="1.0" encoding="UTF-8"?>\n<metadata packages="1">\n' + "".join(
        f'<package type="rpm">\n  <name>{name}</name>\n  <arch>{arch}</arch>\n'
        f'  <version epoch="{epoch}" ver="{version}" rel="{release}"/>\n  <summary>&lt;name&gt;x</summary>\n'
        f'  <format><rpm:provides><rpm:entry name="{name}" ver="99"/></rpm:provides></format>\n</package>\n'
        for name, epoch, version, release, arch in packages
    ) + "</metadata>\n"  # fmt: skip


def advisory(kind: str, *packages: tuple[str, str, str, str, str]) -> str:
    return f'<update from="x" status="final" type="{kind}" version="1"><id>A-1</id><pkglist><collection>' + "".join(
        f'<package name="{name}" version="{version}" release="{release}" epoch="{epoch}" arch="{arch}" src="s.src.rpm">'
        "<filename>f</filename></package>"
        for name, epoch, version, release, arch in packages
    ) + "</collection></pkglist></update>\n"  # fmt: skip


def cache(root: Path, name: str, offers: str, advisories: str = "", *, packing: str = ".gz", digest: str = "0") -> Path:
    """One cache of a repository; its folder."""
    folder = root / CACHE / f"{name}-{digest * 16}" / "repodata"
    folder.mkdir(parents=True, exist_ok=True)
    pack = {".gz": gzip.compress, "": bytes, ".zst": bytes}[packing]
    index = ""
    for kind, text in (("filelists", "<x/>"), ("primary", offers), ("updateinfo", advisories)):
        if text:
            (folder / f"ab-{kind}.xml{packing}").write_bytes(pack(text.encode()))
            index += f'  <data type="{kind}">\n    <location href="repodata/ab-{kind}.xml{packing}"/>\n  </data>\n'
    (folder / "repomd.xml").write_text(f"<repomd>\n{index}</repomd>\n")
    return folder


FILES = {
    DATABASE: packed([header("bash", None, "5.1", "6", "x86_64"), header("tzdata", 1, "2023c", "1", "noarch")]),
    "etc/yum.repos.d/base.repo": REPO.encode(),
    "etc/dnf/dnf.conf": b"[main]\nexcludepkgs=a*\n",
    f"{CACHE}/base-{'0' * 16}/repodata/repomd.xml": b'<data type="primary"><location href="p.xml.gz"/></data>'
    b'<data type="updateinfo"><location href="repodata/u.xml"/></data>',
    f"{CACHE}/base-{'0' * 16}/repodata/p.xml.gz": gzip.compress(primary(("bash", "0", "6", "1", "x86_64")).encode()),
    f"{CACHE}/base-{'0' * 16}/repodata/u.xml": advisory("security", ("bash", "0", "6", "1", "x86_64")).encode(),
}
"""The same as contents by path, small."""
