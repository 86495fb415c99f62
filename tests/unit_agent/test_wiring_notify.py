"""The service manager's side: notices on real sockets, the watchdog's environment, and inherited listening sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.notify import ServiceManager, inherited_sockets


@pytest.fixture(autouse=True)
def _no_service_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A listening service manager and the value of NOTIFY_SOCKET that names it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@tocsin-test-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if name.startswith("@") else name)
        sock.settimeout(5)
        yield sock, name


def test_every_notice_arrives_on_both_kinds_of_socket(
    manager: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sock, name = manager
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notices = ServiceManager()
    notices.ready("3 rule files")
    assert sock.recv(4096) == b"READY=1\nSTATUS=3 rule files"
    before = time.monotonic_ns() // 1000
    notices.reloading()
    first, second = sock.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    notices.alive()
    assert sock.recv(4096) == b"WATCHDOG=1"
    notices.stopping()
    assert sock.recv(4096) == b"STOPPING=1"


def test_without_a_service_manager_nothing_happens() -> None:
    with capture_logs() as said:
        notices = ServiceManager()
        notices.ready("")
        notices.alive()
    assert said == []
    assert notices.watchdog_s == 0


def test_a_manager_that_is_away_is_said_once_and_so_is_its_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notices = ServiceManager()
    with capture_logs() as said:
        notices.alive()
        notices.alive()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(name)
            notices.alive()
            notices.alive()
    assert [line["event"] for line in said] == ["service_manager_does_not_listen", "service_manager_listens_again"]


def test_a_manager_that_does_not_read_is_never_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, capture_logs() as said:
        sock.bind(name)
        notices = ServiceManager()
        began = time.monotonic()
        for _ in range(5_000):
            notices.alive()
        assert time.monotonic() - began < 5
    assert len(said) == 1


def test_no_descriptor_left_is_a_notice_that_was_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    notices = ServiceManager()

    def none_left(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("agent.notify.socket.socket", none_left)
    with capture_logs() as said:
        notices.alive()
    assert [line["event"] for line in said] == ["service_manager_does_not_listen"]


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("30000000", "", 30.0), ("30000000", "own", 30.0), ("30000000", "1", 0.0), ("0", "own", 0.0),
        ("soon", "own", 0.0), ("-5", "own", 0.0), ("²", "own", 0.0), ("9" * 400, "own", 0.0),
    ],
)  # fmt: skip
def test_the_watchdog_is_kept_only_when_it_is_ours(
    usec: str, pid: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert ServiceManager().watchdog_s == seconds


INHERIT = """\
import os, socket, sys
from agent.notify import inherited_sockets
os.environ["LISTEN_PID"] = os.environ["LISTEN_PID"].replace("own", str(os.getpid()))
try:
    found = inherited_sockets()
except OSError as error:
    print("refused:", error.strerror)
else:
    for kind in found:
        print([sock.getsockname()[1] for sock in kind], [sock.get_inheritable() for sock in kind])
"""


def passed(sock: socket.socket, pid: str = "own", count: str = "1", name: str = "web") -> str:
    """What a process finds that gets ``sock`` as descriptor 3, the way systemd passes it."""
    shell = f'exec "$0" -c "$1" 3<&{sock.fileno()}'
    done = subprocess.run(
        ["bash", "-c", shell, sys.executable, INHERIT], pass_fds=[sock.fileno()], capture_output=True, text=True,
        env={**os.environ, "LISTEN_PID": pid, "LISTEN_FDS": count, "LISTEN_FDNAMES": name}, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_listening_socket_is_taken_over_and_not_given_to_children(family: socket.AddressFamily) -> None:
    with socket.socket(family) as sock:
        try:
            sock.bind(("127.0.0.1" if family is socket.AF_INET else "::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback here")
        sock.listen()
        assert passed(sock) == f"[{sock.getsockname()[1]}] [False]\n[] []"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_udp_socket_is_for_traps_when_its_name_says_so(family: socket.AddressFamily) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.1" if family is socket.AF_INET else "::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback here")
        assert passed(sock, name="snmptrap") == f"[] []\n[{sock.getsockname()[1]}] [False]"


@pytest.mark.parametrize(("pid", "count"), [("1", "1"), ("", "1"), ("own", "0"), ("own", ""), ("own", "many")])
def test_sockets_for_somebody_else_are_left_alone(pid: str, count: str) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        assert passed(sock, pid, count) == "[] []\n[] []"


@pytest.mark.parametrize("kind", ["not listening", "udp", "unix"])
def test_what_cannot_serve_http_is_refused(kind: str, tmp_path: Path) -> None:
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as sock:
        sock.bind(str(tmp_path / "sock") if kind == "unix" else ("127.0.0.1", 0))
        if kind == "unix":
            sock.listen()
        assert passed(sock) == "refused: descriptor 3 is neither a listening TCP socket nor UDP named snmptrap"


def test_a_descriptor_that_is_not_there_is_refused() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        assert passed(sock, count="60").startswith("refused:")


def test_in_this_process_nothing_is_inherited() -> None:
    assert inherited_sockets() == ([], [])
