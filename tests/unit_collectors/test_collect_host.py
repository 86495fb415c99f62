"""The host handle: every read is bounded, and what cannot be read says where and why."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from collectors.api import CollectorError, HostFS, Tree


def test_a_file_up_to_the_limit_is_read_and_a_longer_one_is_not(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path))
    for size, limit in ((0, 10), (10, 10), (200_000, 200_000)):
        (tmp_path / "f").write_text("x" * size)
        assert tree.read("f", limit) == "x" * size
    for size, limit in ((11, 10), (200_001, 200_000)):
        (tmp_path / "f").write_text("x" * size)
        with pytest.raises(CollectorError, match=f"f is larger than {limit} bytes; not read"):
            tree.read("f", limit)
        assert tree.head("f", limit) == "x" * limit


def test_absent_is_none_and_a_folder_is_an_error(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path) + "/")
    (tmp_path / "d").mkdir()
    assert tree.find("nothing") is tree.find("d/x") is tree.attribute("nothing") is tree.head("nothing", 5) is None
    assert tree.list("nothing") is tree.info("nothing") is None
    assert tree.list("") == ["d"]
    with pytest.raises(CollectorError, match=r"cannot read .*/d: Is a directory"):
        tree.find("d")


def test_a_file_we_may_not_read_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root, who runs the tests in a container, may read everything
    tree = Tree(str(tmp_path))
    for read in (tree.read, tree.find, tree.attribute):
        with pytest.raises(CollectorError, match=r"/f: Permission denied \(run the agent as a user"):
            read("f")


def test_a_fifo_does_not_hang_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    tree = Tree(str(tmp_path))
    assert tree.find("pipe") == ""
    info = tree.info("pipe")
    assert info is not None
    assert not info.regular


def test_bytes_that_are_not_utf8_go_back_to_the_kernel_unchanged(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"/mnt/\xff\xe4")
    assert os.fsencode(Tree(str(tmp_path)).read("f")) == b"/mnt/\xff\xe4"


def test_the_bus_socket_is_below_the_root_unless_named(tmp_path: Path) -> None:
    assert HostFS(root=str(tmp_path)).system_bus == f"{tmp_path}/run/dbus/system_bus_socket"
    host = HostFS(system_bus=str(tmp_path / "bus"))
    assert not host.socket_exists(host.system_bus)
    (tmp_path / "bus").write_text("a file")
    assert not host.socket_exists(host.system_bus)
    (tmp_path / "bus").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(host.system_bus)
        assert host.socket_exists(host.system_bus)


def test_the_real_host_answers() -> None:
    host = HostFS()
    assert host.proc.read("stat").startswith("cpu ")
    assert host.statvfs("/").f_blocks > 0
    assert host.page_size in (4096, 16384, 65536)
