"""What changes around services: files that come, certificates that end, updates and restarts that wait."""

from __future__ import annotations

import os
import ssl
import subprocess
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from golden_host import GoldenHost, gather, notices, plant, table
from golden_services import LISTS, STATUS

from collectors import _apt, _debian, _der, certificates, files, packages, reboot
from collectors.api import CollectorError, Notice, Sample, Tree


def touch(path: Path, at: float, size: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (at, at))


def test_files_are_counted_and_dated_once_a_minute(tmp_path: Path) -> None:
    touch(tmp_path / "srv/a/one.dump", 100, 5)
    touch(tmp_path / "srv/b/two.dump", 300, 7)
    touch(tmp_path / "srv/b/.hidden.dump", 900)
    touch(tmp_path / "srv/b/other.txt", 800)
    (tmp_path / "srv/b/dir.dump").mkdir()
    host = plant(tmp_path, {})
    collector = files.build(files.Options(paths=("/srv/*/*.dump", "/srv/b")), host)
    expected = {
        'node_files_total{path="/srv/*/*.dump"}': 2,
        'node_files_size_bytes{path="/srv/*/*.dump"}': 12,
        'node_files_newest_mtime_seconds{path="/srv/*/*.dump"}': 300,
        'node_files_newest_size_bytes{path="/srv/*/*.dump"}': 7,
        'node_files_oldest_mtime_seconds{path="/srv/*/*.dump"}': 100,
        'node_files_total{path="/srv/b"}': 2,
        'node_files_size_bytes{path="/srv/b"}': 8,
        'node_files_newest_mtime_seconds{path="/srv/b"}': 800,
        'node_files_newest_size_bytes{path="/srv/b"}': 1,
        'node_files_oldest_mtime_seconds{path="/srv/b"}': 300,
    }
    assert table(gather(collector)) == expected
    touch(tmp_path / "srv/a/three.dump", 400)
    host.pulse.now += 59
    assert table(gather(collector)) == expected
    host.pulse.now += 1
    assert table(gather(collector))['node_files_total{path="/srv/*/*.dump"}'] == 3


def test_a_path_that_matches_nothing_is_said_and_counts_none(tmp_path: Path) -> None:
    items = gather(files.build(files.Options(paths=("/srv/*.dump",)), plant(tmp_path, {})))
    assert table(items) == {
        'node_files_total{path="/srv/*.dump"}': 0, 'node_files_size_bytes{path="/srv/*.dump"}': 0,
    }  # fmt: skip
    assert notices(items) == ["no file matches '/srv/*.dump' (mend the path, or what ought to write there)"]


class Closed(GoldenHost):
    """A host one directory of which refuses."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        real = self.root.some

        def some(path: str, limit: int) -> list[str] | None:
            if path.startswith("closed"):
                raise CollectorError(f"cannot list {path}: Permission denied (run the agent as ...)")
            return real(path, limit)

        self.root = type("Tree", (), {"some": staticmethod(some), "info": self.root.info, "find": self.root.find,
                                      "root": self.root.root})()  # fmt: skip


def test_a_closed_directory_fails_and_keeps_what_others_gave(tmp_path: Path) -> None:
    touch(tmp_path / "open/a", 1)
    given: list[Sample | Notice] = []
    collector = files.build(files.Options(paths=("/closed/*", "/open/*")), Closed(tmp_path))
    with pytest.raises(CollectorError, match="cannot list closed/: Permission denied"):
        given.extend(collector.collect())
    assert table(given)['node_files_total{path="/open/*"}'] == 1


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (("srv/x",), "paths: 'srv/x' is not an absolute path"),
        (("/srv/**/x",), r"paths: '/srv/\*\*/x': \*\* is not supported; write one \* for each directory"),
        (("/a", "/a"), "paths: a path is there twice"),
    ],
)
def test_paths_that_are_wrong_are_refused(tmp_path: Path, paths: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        files.build(files.Options(paths=paths), plant(tmp_path, {}))


def test_more_files_than_the_limit_are_an_error_not_a_wrong_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors._glob.FILES_LIMIT", 3)
    for number in range(4):
        touch(tmp_path / f"d/{number}", 1)
    with pytest.raises(CollectorError, match="holds more than 3 names"):
        gather(files.build(files.Options(paths=("/d",)), plant(tmp_path, {})))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates made by openssl."""
    top = tmp_path_factory.mktemp("certs")
    base = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = "/C=CN/O=Shop \xe4/OU=Web/CN=shop.example"
    for name, serial, extra in (("a", "4660", ["-days", "30"]), ("z", "-3", ["-days", "20000"])):
        subprocess.run(
            [*base, "-utf8", "-subj", subject, "-set_serial", serial, *extra, "-keyout", top / f"{name}.key",
             "-out", top / f"{name}.pem"], check=True, capture_output=True,
        )  # fmt: skip
    subprocess.run(["openssl", "x509", "-in", top / "a.pem", "-outform", "der", "-out", top / "a.der"], check=True)
    return top


def enddate(pem: Path, which: str) -> float:
    done = subprocess.run(["openssl", "x509", "-in", pem, "-noout", which], capture_output=True, text=True, check=True)
    return float(ssl.cert_time_to_seconds(done.stdout.partition("=")[2].strip()))


def test_certificates_as_openssl_reads_them(tmp_path: Path, made: Path) -> None:
    bundle = (made / "a.pem").read_bytes() + (made / "a.key").read_bytes() + (made / "z.pem").read_bytes()
    host = plant(
        tmp_path, {"c/bundle.pem": bundle + (made / "a.pem").read_bytes(), "c/a.der": (made / "a.der").read_bytes()}
    )
    seen = table(gather(certificates.build(certificates.Options(paths=("/c/*",)), host)))
    who = {f"{side}_{part}": text for side in ("issuer", "subject")
           for part, text in (("C", "CN"), ("O", "Shop \xe4"), ("OU", "Web"), ("CN", "shop.example"))}  # fmt: skip

    def series(name: str, file: str, serial: int) -> str:
        pairs = sorted({"filename": file, "filepath": f"/c/{file}", "serial_number": str(serial), **who}.items())
        return name + "{" + ",".join(f'{key}="{value}"' for key, value in pairs) + "}"

    expected = {"x509_read_errors": 0.0}
    for file, serial, pem in (("bundle.pem", 4660, "a"), ("bundle.pem", -3, "z"), ("a.der", 4660, "a")):
        for name, flag in (("x509_cert_not_before", "-startdate"), ("x509_cert_not_after", "-enddate")):
            expected[series(name, file, serial)] = enddate(made / f"{pem}.pem", flag)
    assert seen == expected
    assert max(seen.values()) > 2_524_608_000, "a date after 2049 is a GeneralizedTime"


def test_a_path_whose_files_another_one_named_before_matches_something(tmp_path: Path, made: Path) -> None:
    host = plant(tmp_path, {"c/a.pem": (made / "a.pem").read_bytes()})
    items = gather(certificates.build(certificates.Options(paths=("/c/*.pem", "/c/a.pem")), host))
    assert notices(items) == []
    assert len(table(items)) == 3


def test_a_certificate_file_is_read_again_when_it_changed_and_said_when_wrong(tmp_path: Path, made: Path) -> None:
    host = plant(tmp_path, {"c/a.pem": (made / "a.pem").read_bytes(), "c/b.pem": "no certificate"})
    collector = certificates.build(certificates.Options(paths=("/c/*.pem", "/none/*")), host)
    seen = []
    with pytest.raises(CollectorError, match=r"/c/b\.pem: there is neither a PEM nor a DER certificate in it"):
        seen.extend(collector.collect())
    (tmp_path / "c/b.pem").write_bytes((made / "z.pem").read_bytes())
    host.pulse.now += 60
    items = gather(collector)
    assert table(items)["x509_read_errors"] == 0
    assert len(table(items)) == 5
    assert notices(items) == ["no file matches '/none/*' (mend the path under `paths`)"]


def test_any_cut_or_flipped_certificate_is_one_or_none(made: Path) -> None:
    der = (made / "a.der").read_bytes()
    dice = Random(4)
    refused = 0
    for cut in range(0, len(der), 3):
        flipped = bytearray(der)
        flipped[dice.randrange(len(der))] ^= 1 << dice.randrange(8)
        for data in (der[:cut], bytes(flipped), b"\x30" + dice.randbytes(60)):
            try:
                list(_der.certificates(data))
            except _der.NotACertificate:
                refused += 1
    assert refused > 100


def test_a_serial_number_without_end_is_refused(made: Path) -> None:
    der = (made / "a.der").read_bytes()
    at = der.index(b"\x02\x02\x12\x34")  # 4660
    body = der[4:at][4:] + b"\x02\x82\x20\x00" + b"\x01" * 0x2000 + der[at + 4 :]
    whole = b"\x30\x83" + len(body).to_bytes(3, "big") + body
    outer = b"\x30\x83" + len(whole).to_bytes(3, "big") + whole
    with pytest.raises(_der.NotACertificate, match="its serial number is longer than 64 bytes"):
        _der.parse(outer)


ORDER = ["1.0~~", "1.0~beta1~svn", "1.0~beta1", "1.0", "1.0-1", "1.0-1.1", "1.0-10", "1.0a", "1.0+b1", "1.2", "1.10",
         "2023", "1:0.1"]  # fmt: skip


def test_versions_are_ordered_as_dpkg_does() -> None:
    for low, high in pairwise(ORDER):
        assert _debian.version_key(low) < _debian.version_key(high), (low, high)
        done = subprocess.run(["dpkg", "--compare-versions", low, "lt", high], check=False)
        assert done.returncode == 0, (low, high)
    assert _debian.version_key("0:1.0") == _debian.version_key("1.0")


def test_updates_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = plant(tmp_path, LISTS)
    os.utime(tmp_path / _apt.LISTS, (7000, 7000))
    collector = packages.build(packages.Options(), host)
    expected = {
        'apt_upgrades_pending{arch="amd64",origin="Debian:bookworm/stable"}': 1.0,
        'apt_upgrades_pending{arch="amd64",origin="Debian:bookworm-security/stable-security"}': 1.0,
        'apt_upgrades_held{arch="all",origin="Debian:bookworm/stable"}': 1.0,
        "apt_security_upgrades_pending": 1.0,
        "apt_package_cache_timestamp_seconds": 7000,
    }
    assert table(gather(collector)) == expected
    asked: list[str] = []
    read = Tree.piece
    monkeypatch.setattr(Tree, "piece", lambda tree, path, *where: asked.append(path) or read(tree, path, *where))
    assert table(gather(collector)) == expected
    assert not asked, "nothing is read again before something changed"
    (tmp_path / _apt.STATUS).write_text(STATUS.replace("5.2.15-2+b2", "5.2.15-2+b10"))
    assert 'apt_upgrades_pending{arch="amd64",origin="Debian:bookworm/stable"}' not in table(gather(collector))
    assert _apt.STATUS in asked


def test_large_lists_are_read_over_several_cycles_and_the_last_result_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors._unpack.PIECE", 50)
    monkeypatch.setattr(packages, "PIECES", 5)
    collector = packages.build(packages.Options(), plant(tmp_path, LISTS))
    cycles = 0
    while len(now := table(gather(collector))) == 1:
        cycles += 1
        assert list(now) == ["apt_package_cache_timestamp_seconds"]
    assert cycles > 2
    assert sum(value for name, value in now.items() if name.startswith("apt_upgrades_pending")) == 2


def test_nothing_waits_is_0_and_compressed_lists_are_said(tmp_path: Path) -> None:
    tree = {path: text for path, text in LISTS.items() if "security" not in path}
    tree["var/lib/dpkg/status"] = "Package: other\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
    seen = table(gather(packages.build(packages.Options(), plant(tmp_path / "a", tree))))
    assert seen["apt_upgrades_pending"] == seen["apt_upgrades_held"] == seen["apt_security_upgrades_pending"] == 0
    packed = {"var/lib/dpkg/status": STATUS, "var/lib/apt/lists/h_main_binary-amd64_Packages.lz4": b"\x04\x22"}
    items = gather(packages.build(packages.Options(), plant(tmp_path / "b", packed)))
    assert list(table(items)) == ["apt_package_cache_timestamp_seconds"]
    assert "compressed lists (h_main_binary-amd64_Packages.lz4...), which are not read" in notices(items)[0]


def test_nothing_is_told_as_0_while_a_list_is_not_read(tmp_path: Path) -> None:
    tree = {path: text for path, text in LISTS.items() if "security" not in path}
    tree["var/lib/dpkg/status"] = "Package: other\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
    tree["var/lib/apt/lists/h_security_main_binary-amd64_Packages.lz4"] = "x"
    items = gather(packages.build(packages.Options(), plant(tmp_path, tree)))
    assert list(table(items)) == ["apt_package_cache_timestamp_seconds"], "one of security may wait"
    assert len(notices(items)) == 1


def test_a_restart_is_asked_for_by_a_package_or_by_a_kernel(tmp_path: Path) -> None:
    host = plant(tmp_path, {"boot/vmlinuz-6.1.0": "", "boot/vmlinuz-6.2.0-rt": "", "boot/config-7": ""})
    collector = reboot.build(reboot.Options(), host)
    same = 'node_kernel_newer_installed{newest="6.1.0",running="6.1.0"}'
    assert table(gather(collector)) == {same: 0, "node_reboot_required": 0}
    plant(tmp_path, {"run/reboot-required": "*** ***", "run/reboot-required.pkgs": "libc6\nlinux-base\nlibc6\n"})
    assert table(gather(collector)) == {
        same: 0, "node_reboot_required": 1, "node_reboot_required_packages": 2,
    }  # fmt: skip
    (tmp_path / "run/reboot-required").unlink()
    plant(tmp_path, {"boot/vmlinuz-6.1.10": ""})
    assert table(gather(collector)) == {
        'node_kernel_newer_installed{newest="6.1.10",running="6.1.0"}': 1, "node_reboot_required": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("running", "installed", "expected"),
    [
        ("6.1.0-18-amd64", ["6.1.0-9-amd64", "6.1.0-21-amd64", "6.1.0-30-rt-amd64"], "6.1.0-21-amd64"),
        ("6.1.0-18-amd64", [], "6.1.0-18-amd64"),
        ("5.14.0-362.8.1.el9_3.x86_64", ["5.14.0-427.el9_4.x86_64", "0-rescue-3f4ab"], "5.14.0-427.el9_4.x86_64"),
        ("6.8.0-31-generic", ["6.8.0-31-generic", "6.9.0-1-lowlatency"], "6.8.0-31-generic"),
    ],
)
def test_the_newest_kernel_of_the_same_flavour(running: str, installed: list[str], expected: str) -> None:
    assert reboot.newest(running, installed) == expected
