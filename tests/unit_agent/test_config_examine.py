"""What ``tocsin check`` says of collectors that were turned on: paths that match nothing, what may not be read."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.config.examine import examine
from agent.config.load import load


def said(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "tocsin.yaml"
    file.write_text(text)
    loaded = load(file)
    assert not loaded.errors
    return [str(problem).replace(f"{tmp_path}/", "") for problem in examine(loaded)]


def test_a_path_that_matches_nothing_and_a_file_that_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "note.pem").write_text("hello")
    text = f"""\
collect:
  host:
    files: {{paths: ["{tmp_path}/*.dump"]}}
    certificates: {{paths: ["{tmp_path}/*.pem"]}}
    logind: on
    systemd: {{expect: [nowhere.service]}}
"""
    assert said(tmp_path, text) == [
        "tocsin.yaml:4:19: warning: collector 'certificates': note.pem: there is neither a PEM nor a DER certificate "
        "in it (mend the file, or leave it out of `paths`) [config/collector]",
        f"tocsin.yaml:3:12: warning: collector 'files': no file matches '{tmp_path}/*.dump' (mend the path, or what "
        "ought to write there) [config/collector]".replace(f"{tmp_path}/", ""),
    ]


def test_one_that_was_told_nothing(tmp_path: Path) -> None:
    files, ntp = said(tmp_path, "collect: {host: {files: on, ntp: on}}")
    assert files == (
        "tocsin.yaml:1:25: warning: collector 'files': no `paths` are given, so nothing is looked at [config/collector]"
    )
    assert (
        ntp == "tocsin.yaml:1:34: warning: collector 'ntp': no `server` is given, so none is asked [config/collector]"
    )


def test_a_filter_that_leaves_out_everything(tmp_path: Path) -> None:
    (told,) = said(tmp_path, 'collect: {host: {netdev: {device_include: "^no-such-device$"}}}')
    assert "device_include leaves out every network device there is" in told
    assert "mend the pattern" in told


def test_a_directory_without_permission_is_said_with_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def refuse(path: str) -> Any:
        if path.rstrip("/").endswith("closed"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path)

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    (told,) = said(tmp_path, f'collect: {{host: {{files: {{paths: ["{tmp_path}/closed/*"]}}}}}}')
    assert "Permission denied (run the agent as a user or with a group that may read it)" in told


def test_one_that_hangs_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, over = os.listdir, threading.Event()
    (tmp_path / "hung").mkdir()
    monkeypatch.setattr(os, "listdir", lambda path: over.wait(60) and [] if "hung" in str(path) else real(path))
    file = tmp_path / "tocsin.yaml"
    file.write_text(
        f'collect: {{host: {{textfile: {{directories: ["{tmp_path}/hung"]}}, files: {{paths: [/no/such]}}}}}}'
    )
    told = [str(problem) for problem in examine(load(file), patience_s=0.2)]
    over.set()
    assert len(told) == 2
    assert "collector 'files': no file matches '/no/such'" in told[0]
    assert "collector 'textfile': not done after 0.2 s: what it looks at hangs" in told[1]


def test_what_a_path_names_that_is_no_file(tmp_path: Path) -> None:
    for name in ("a.pem", "b.pem"):
        (tmp_path / name).symlink_to(tmp_path / "gone")
    (tmp_path / "c.pem").mkdir()
    os.mkfifo(tmp_path / "d.pem")
    (told,) = said(tmp_path, f'collect: {{host: {{certificates: {{paths: ["{tmp_path}/*.pem"]}}}}}}')
    named = "a.pem is a link to nothing, b.pem is a link to nothing, c.pem is a directory and 1 more"
    assert f"'*.pem' also names what is no file: {named} (mend the link, or the path under `paths`)" in told
    path = f'{{paths: ["{tmp_path}/a.pem"]}}'
    (told,) = said(tmp_path, f"collect: {{host: {{certificates: {path}}}}}")
    assert "a.pem is a link to nothing (mend the link" in told


def test_without_a_file_there_is_nothing_to_say() -> None:
    assert examine(load(None)) == []
