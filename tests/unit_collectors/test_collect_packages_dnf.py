"""Updates that wait on a host with rpm: versions, the database, the repositories, and rpm's and dnf's own answers."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from golden_host import GoldenHost, gather, notices, plant, table
from golden_rpm import CACHE, DATABASE, REPO, advisory, berkeley, cache, database, header, primary
from golden_services import LISTS
from hypothesis import given
from hypothesis import strategies as st

from collectors import _dnf, _rpm, _unpack, packages
from collectors.api import CollectorError, HostFS

PENDING, SECURITY = "yum_upgrades_pending", "yum_security_upgrades_pending"
INSTALLED = [
    ("bash", None, "5.1.8", "6.el9", "x86_64"),
    ("bash", None, "5.1.8", "6.el9", "i686"),
    ("kernel", None, "5.14.0", "362.el9", "x86_64"),
    ("kernel", None, "5.14.0", "70.el9", "x86_64"),
    ("openssl", 1, "3.0.1", "43.el9", "x86_64"),
    ("tzdata", None, "2023c", "1.el9", "noarch"),
    ("nodejs", 1, "16.20.2", "4.module+el9.3.0+20388", "x86_64"),
    ("gpg-pubkey", None, "8d2f", "60a", ""),
]


def rpm_host(root: Path) -> GoldenHost:
    database(root, [header(*each) for each in INSTALLED])
    offers = primary(
        ("bash", "0", "5.1.8", "9.el9", "x86_64"), ("kernel", "0", "5.14.0", "300.el9", "x86_64"),
        ("openssl", "0", "9.9", "1.el9", "x86_64"), ("openssl", "1", "3.0.7", "27.el9", "x86_64"),
        ("openssl", "1", "3.0.7", "25.el9", "x86_64"), ("tzdata", "0", "2024a", "1.el9", "noarch"),
        ("nodejs", "1", "20.0", "1.module+el9", "x86_64"), ("other", "0", "1", "1", "x86_64"),
    )  # fmt: skip
    advisories = advisory("bugfix", ("tzdata", "0", "2024a", "1.el9", "noarch")) + advisory(
        "security", ("openssl", "1", "3.0.7", "25.el9", "x86_64"), ("bash", "0", "5.0", "1", "x86_64")
    )
    cache(root, "base", offers, advisories)
    cache(root, "extra", primary(("bash", "0", "5.2", "1.el9", "i686")))
    cache(root, "testing", primary(("bash", "0", "6", "1.el9", "x86_64")))
    return plant(root, {"etc/yum.repos.d/base.repo": REPO})


def collected(host: HostFS) -> dict[str, float]:
    return table(gather(packages.build(packages.Options(), host)))


ORDER = ["0~~", "0~rc1", "0", "0^git1", "0^git2", "0a", "0b", "0.1", "0.2", "0.10", "0.10.a", "0.10.1", "1", "1.0~rc1",
         "1.0", "1.0^", "1.0.1", "2023", "20230"]  # fmt: skip


def vercmp(texts: list[str]) -> list[int]:
    """rpm's own answer for each of these against each."""
    asked = ",".join(f'"{text}"' for text in texts)
    loops = (
        f"local t = {{{asked}}} for _, a in ipairs(t) do for _, b in ipairs(t) do print(rpm.vercmp(a, b) + 1) end end"
    )
    done = subprocess.run(
        ["rpm", "--eval", f"%{{lua:{loops}}}"], capture_output=True, text=True, check=True, timeout=30
    )
    return [int(digit) - 1 for digit in done.stdout.strip()]


def key(version: str) -> _rpm.Key:
    return _rpm.version_key("", version, "")


def test_versions_are_ordered() -> None:
    for low, high in pairwise(ORDER):
        assert key(low) < key(high), (low, high)
    for one, other in (("1.0", "1_0"), ("1.", "1"), ("1.05", "1.5"), ("é1", "1")):
        assert key(one) == key(other)
    assert _rpm.version_key("", "9", "9") < _rpm.version_key("1", "0", "0")
    assert _rpm.version_key("0", "1", "2") == _rpm.version_key("", "1", "2") < _rpm.version_key("", "1", "10")


def test_versions_are_ordered_as_rpm_does(need_rpm: None) -> None:
    odd = ["1_0", "1.", "1.05", "1.5", "a.", "~", "^", "1~^", "1^~", "a1b2", "a1b", "007", "7..a", "A", "a"]
    texts = [*ORDER, *odd]
    pairs = [(one, other) for one in texts for other in texts]
    ours = [(key(one) > key(other)) - (key(one) < key(other)) for one, other in pairs]
    assert [pair for pair, our, its in zip(pairs, ours, vercmp(texts), strict=True) if our != its] == []


def test_updates_that_wait(tmp_path: Path) -> None:
    host = rpm_host(tmp_path)
    for name, at in (("base", 5000), ("extra", 6000)):
        for file in (tmp_path / CACHE / f"{name}-{'0' * 16}/repodata").iterdir():
            os.utime(file, (at, at))
    expected = {
        f'{PENDING}{{origin="base"}}': 3.0,  # bash, openssl, tzdata
        f'{PENDING}{{origin="extra"}}': 1.0,  # bash of the other architecture
        f'{SECURITY}{{origin="base"}}': 1.0,  # openssl: the advisory's version is older than the one offered
        "yum_package_cache_timestamp_seconds": 5000,
    }
    collector = packages.build(packages.Options(), host)
    assert table(gather(collector)) == expected
    assert notices(gather(collector)) == []
    database(tmp_path, [header(*each) for each in INSTALLED if each[0] != "openssl"])
    now = table(gather(collector))
    assert now[f'{PENDING}{{origin="base"}}'] == 2
    assert now[SECURITY] == 0, "there are advisories, and none of them waits"


def test_what_configuration_leaves_out(tmp_path: Path) -> None:
    host = rpm_host(tmp_path)
    plant(tmp_path, {"etc/dnf/dnf.conf": "[main]\nexcludepkgs=open*, kernel\n"})
    plant(tmp_path, {"etc/yum.repos.d/base.repo": REPO.replace("enabled = 1", "enabled = 1\nexclude=ba?h")})
    assert {name: value for name, value in collected(host).items() if PENDING in name} == {
        f'{PENDING}{{origin="base"}}': 2.0
    }


def test_without_advisories_nothing_is_said_of_security(tmp_path: Path) -> None:
    host = rpm_host(tmp_path)
    cache(tmp_path, "base", primary(("tzdata", "0", "2024a", "1", "noarch")), digest="1")
    os.utime(tmp_path / CACHE / f"base-{'0' * 16}/repodata/repomd.xml", (5, 5))
    seen = collected(host)
    assert seen[f'{PENDING}{{origin="base"}}'] == 1, "of two caches of a repository the newer one counts"
    assert not [name for name in seen if SECURITY in name]


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    host = rpm_host(tmp_path)
    cache(tmp_path, "extra", "<x/>", packing=".zst")
    plant(tmp_path, {"etc/yum.repos.d/more.repo": "[new]\nname=x\n", "etc/yum.repos.d/zzz.repo": "enabled=1\n"})
    items = gather(packages.build(packages.Options(), host))
    assert f'{PENDING}{{origin="base"}}' in table(items)
    said = "\n".join(notices(items))
    assert "list of updates of repository extra is packed in a way that is not read (ab-primary.xml.zst)" in said
    assert "repository new has no list in /var/cache/dnf (run dnf makecache, or disable it)" in said
    assert "dnf's configuration: File contains no section headers. file: '/etc/yum.repos.d/zzz.repo'" in said
    other = plant(tmp_path / "b", {"var/lib/rpm/Packages.db": "x", f"{CACHE}/base-{'0' * 16}/repodata/repomd.xml": ""})
    items = gather(packages.build(packages.Options(), other))
    assert table(items) == {}
    assert "/var/lib/rpm/Packages.db is a database of rpm in a format that is not read" in notices(items)[0]


def test_none_is_told_only_where_everything_was_read(tmp_path: Path) -> None:
    host = rpm_host(tmp_path)
    cache(tmp_path, "base", "<x/>", advisory("security", ("bash", "0", "5.0", "1", "x86_64")))
    cache(tmp_path, "extra", "<x/>")
    assert {name: value for name, value in collected(host).items() if PENDING in name or SECURITY in name} == {
        PENDING: 0, SECURITY: 0,
    }  # fmt: skip
    of_extra = tmp_path / CACHE / f"extra-{'0' * 16}/repodata"
    (of_extra / "ab-primary.xml.gz").unlink()
    items = gather(packages.build(packages.Options(), host))
    assert list(table(items)) == ["yum_package_cache_timestamp_seconds"], "an update of what was not read may wait"
    (said,) = notices(items)
    assert "the list of updates of repository extra is not there (ab-primary.xml.gz)" in said
    cache(tmp_path, "extra", "<x/>", "<y/>")
    index = of_extra / "repomd.xml"
    index.write_text(index.read_text().replace("updateinfo.xml.gz", "updateinfo.xml.zst"))
    items = gather(packages.build(packages.Options(), host))
    assert not [name for name in table(items) if SECURITY in name]
    assert "the list of advisories of repository extra is packed in a way that is not read" in notices(items)[0]


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_berkeley_db_of_an_older_rpm(tmp_path: Path, order: str) -> None:
    expected = table(gather(packages.build(packages.Options(), rpm_host(tmp_path))))
    (tmp_path / DATABASE).unlink()
    file = tmp_path / "var/lib/rpm/Packages"
    whole = berkeley((header(*each) for each in INSTALLED), order)
    file.write_bytes(whole)
    assert collected(HostFS(root=str(tmp_path))) == expected
    overflow = whole.index(b"A long description")
    for damaged in (
        b"no", whole[:600], whole[:9000], whole[:overflow], whole.replace(b"\0\0\0\x0b", b"\xff\xff\xff\xff"),
        whole[:20] + b"\7\0\0\7" + whole[24:], whole[: 8192 + 25] + b"\1" + whole[8192 + 26 :],
    ):  # fmt: skip
        file.write_bytes(damaged)
        with pytest.raises(CollectorError, match=r"/var/lib/rpm/Packages (is no database of rpm|names no)"):
            collected(HostFS(root=str(tmp_path)))


def test_while_rpm_writes_the_last_result_stays(tmp_path: Path) -> None:
    host = rpm_host(tmp_path)
    collector = packages.build(packages.Options(), host)
    before = table(gather(collector))
    database(tmp_path, [])
    log = tmp_path / f"{DATABASE}-wal"
    log.write_bytes(b"x")
    os.utime(log, (0, host.clock()))
    items = gather(collector)
    assert (table(items), notices(items)) == (before, [])
    os.utime(log, (0, host.clock() - _dnf.CUT_OFF - 1))
    items = gather(collector)
    assert table(items) == before
    assert "holds a transaction of rpm that did not end" in notices(items)[0]


def test_a_damaged_database_or_list_is_an_error_with_its_name(tmp_path: Path) -> None:
    host = rpm_host(tmp_path)
    file = tmp_path / DATABASE
    whole = file.read_bytes()
    for damaged in (whole[:6000], b"no database" * 1000, whole.replace(b"\0\0\0\x0b", b"\xff\xff\xff\xff")):
        file.write_bytes(damaged)
        with pytest.raises(CollectorError, match="rpm"):
            collected(host)
    file.write_bytes(whole)
    listed = tmp_path / CACHE / f"base-{'0' * 16}/repodata/ab-primary.xml.gz"
    listed.write_bytes(listed.read_bytes()[:-20])
    with pytest.raises(CollectorError, match=r"ab-primary.xml.gz is cut off"):
        collected(host)


@pytest.mark.parametrize(("end", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)])
def test_lists_are_unpacked_in_bounded_pieces(end: str, pack: object) -> None:
    assert callable(pack)
    text = os.urandom(200_000) + b"x" * 3_000_000
    packed = pack(text) + pack(b"end")

    def read(data: bytes, offset: int, size: int) -> bytes:
        return data[offset : offset + size]

    found = list(_unpack.pieces(partial(read, packed), f"list{end}"))
    assert b"".join(found) == text + b"end"
    assert max(map(len, found)) <= _unpack.PIECE
    for wrong in (packed[:-9], b"nonsense" * 9, pack(text)[:5]):
        with pytest.raises(_unpack.Unreadable, match=f"list{end}"):
            list(_unpack.pieces(partial(read, wrong), f"list{end}"))


def test_a_list_that_unpacks_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_unpack, "UNPACKED_LIMIT", 1 << 20)
    packed = gzip.compress(b"x" * (2 << 20))
    with pytest.raises(_unpack.Unreadable, match="unpacks to more than 1048576 bytes"):
        list(_unpack.pieces(lambda offset, size: packed[offset : offset + size], "bomb.gz"))
    with pytest.raises(_unpack.Unreadable, match="a part is longer"):
        list(_unpack.parts([b"x" * (_unpack.PART_LIMIT + 1)], b"</package>"))


@given(st.binary(max_size=300), st.integers(0, 7))
def test_any_bytes_are_a_package_or_none(data: bytes, at: int) -> None:
    element = primary(("a", "0", "1", "1", "noarch")).encode()
    for text in (data, element[: at * 20] + data + element[at * 20 :]):
        _rpm.offered(text)
        list(_rpm.advised(b'<update type="security">' + text))


SPEC = """\
Name: {0}
Epoch: {1}
Version: {2}
Release: {3}
Summary: A thing
License: MIT
BuildArch: noarch
%description
A thing that does & says <nothing>.
%files
"""


def test_as_dnf_itself_says(tmp_path: Path, need_rpm: None) -> None:
    """A database of rpm, repositories of createrepo_c, a cache of dnf: the updates that ``dnf check-update`` names."""
    home, root = tmp_path / "home", tmp_path / "root"
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    run = partial(
        subprocess.run, check=True, capture_output=True, text=True, timeout=120, env=environment, cwd=tmp_path
    )
    home.mkdir()
    (home / ".rpmmacros").write_text("%_dbpath /var/lib/rpm\n")
    built = {
        "old": (
            ("alpha", 0, "1.0", "1"),
            ("beta", 1, "2.0", "3.el9"),
            ("gamma", 0, "3.0~rc1", "1"),
            ("same", 0, "1", "1"),
        ),
        "base": (("alpha", 0, "1.1", "1"), ("beta", 1, "2.0", "4.el9"), ("other", 0, "1", "1"), ("same", 0, "1", "1")),
        "more": (("gamma", 0, "3.0", "1"), ("beta", 0, "9", "1")),
    }
    for folder, specs in built.items():
        for spec in specs:
            (tmp_path / "one.spec").write_text(SPEC.format(*spec))
            places = ["--define", f"_rpmdir {tmp_path / folder}", "--define", f"_topdir {tmp_path / 'top'}"]
            run(["rpmbuild", "-bb", *places, "one.spec"])
    old = [str(path) for path in (tmp_path / "old").rglob("*.rpm")]
    run(["rpm", "--root", str(root), "--dbpath", "/var/lib/rpm", "--nodeps", "--noscripts", "-i", *old])
    for folder in ("base", "more"):
        run(["createrepo_c", "-q", folder])
    security = '<?xml version="1.0"?>\n<updates>' + advisory("security", ("beta", "1", "2.0", "4.el9", "noarch"))
    (tmp_path / "updateinfo.xml").write_text(f"{security}</updates>")
    run(["modifyrepo_c", "--mdtype=updateinfo", "updateinfo.xml", "base/repodata"])
    repositories = "".join(f"[{name}]\nname={name}\nbaseurl=file://{tmp_path / name}\n" for name in ("base", "more"))
    (root / "etc/yum.repos.d").mkdir(parents=True)
    (root / "etc/yum.repos.d/all.repo").write_text(f"{repositories}[off]\nname=o\nenabled=0\nbaseurl=file:///nowhere\n")
    dnf = ["dnf", "-q", f"--installroot={root}", "--releasever=9"]
    told = [run([*dnf, "check-update", *only], check=False).stdout for only in ((), ("--security",))]
    seen = collected(HostFS(root=str(root)))
    for metric, text in zip((PENDING, SECURITY), told, strict=True):
        origins = [line.split()[2] for line in text.splitlines() if line.strip()]
        assert origins
        assert {name: value for name, value in seen.items() if name.startswith(metric)} == {
            f'{metric}{{origin="{origin}"}}': origins.count(origin) for origin in set(origins)
        }
    # The same headers in a Berkeley DB made by its own library, as rpm kept them before 4.16.
    newer = root / DATABASE
    with contextlib.closing(sqlite3.connect(f"file:{newer}?mode=ro&immutable=1", uri=True)) as read:
        rows = read.execute("SELECT hnum, blob FROM Packages").fetchall()
    pairs = [(0, struct.pack("<I", len(rows))), *rows]
    text = "".join(f" {struct.pack('<I', number).hex()}\n {blob.hex()}\n" for number, blob in pairs)
    dump = f"VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n{text}DATA=END\n"
    newer.unlink()
    run(["db5.3_load", str(newer.parent / "Packages")], input=dump)
    assert collected(HostFS(root=str(root))) == seen


@pytest.fixture
def need_rpm() -> None:
    missing = [name for name in ("rpm", "rpmbuild", "createrepo_c", "dnf", "db5.3_load") if shutil.which(name) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"not installed: {', '.join(missing)} (tests/servers/install)")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian's rpm, createrepo-c, dnf, db-util)")


def test_a_host_with_apt_loads_nothing_of_dnf(tmp_path: Path) -> None:
    plant(tmp_path, LISTS)
    script = f"""if True:
        import sys
        from collectors import packages
        from collectors.api import HostFS
        list(packages.build(packages.Options(), HostFS(root={str(tmp_path)!r})).collect())
        print(*sorted(sys.modules))"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert "collectors._apt" in loaded
    assert not loaded & {"collectors._dnf", "collectors._rpm", "collectors._repositories", "configparser", "sqlite3"}
