"""Kill a real process at chosen moments, and start it again until it has finished its work.

The process is any command that (1) takes up its work where it stopped, (2) ends with 0 when all of it is done. What the
remote side shows afterwards is for the caller to judge. Moments: the n-th call of a system call (strace injects SIGKILL
as the call is entered, so it is not done), or so many seconds after the start.
"""

from __future__ import annotations

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SYSCALLS = ("pwrite64", "fdatasync", "fsync", "sendto", "recvfrom", "connect", "unlink", "ftruncate", "rename")
"""Where the disk or the other side learns something: a kill between two of these is like one at the second."""


@dataclass(frozen=True)
class Point:
    """Kill as the ``nth`` call of ``syscall`` is entered (all threads counted together)."""

    syscall: str
    nth: int

    def __str__(self) -> str:
        return f"{self.syscall}:{self.nth}"


@dataclass(frozen=True)
class Subject:
    """The command under test, its environment and its time limit in seconds."""

    command: Sequence[str]
    env: Mapping[str, str]
    limit: float = 60.0

    def run(self) -> None:
        """To its end; AssertionError with its output when it does not end well."""
        done = subprocess.run(
            self.command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=self.limit
        )
        assert done.returncode == 0, done.stdout.decode("utf-8", "replace")[-4000:]

    def kill_after(self, seconds: float) -> bool:
        """Kill it that long after its start; False when it was done before."""
        with subprocess.Popen(
            self.command, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                return process.wait(seconds) != 0
            except subprocess.TimeoutExpired:
                process.kill()
                return True

    def kill_at(self, point: Point) -> bool:
        """Kill it at the point; False when it ended without coming there."""
        inject = f"inject={point.syscall}:signal=SIGKILL:when={point.nth}"
        done = subprocess.run(
            ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={point.syscall}", "-e", inject, *self.command],
            env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=self.limit,
        )  # fmt: skip
        assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL), done.returncode
        return done.returncode != 0

    def fail_at(self, point: Point, error: str) -> None:
        """Run it to its end while one system call fails with that errno (``EIO``)."""
        inject = f"inject={point.syscall}:error={error}:when={point.nth}"
        done = subprocess.run(
            ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={point.syscall}", "-e", inject, *self.command],
            env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=self.limit,
        )  # fmt: skip
        assert done.returncode == 0, f"{point}: " + done.stdout.decode("utf-8", "replace")[-4000:]

    def count(self, scratch: Path, syscalls: Sequence[str] = SYSCALLS) -> Counter[str]:
        """One whole run: how often each of the system calls was entered."""
        log = scratch / "strace.log"
        subprocess.run(
            ["strace", "-f", "-q", "-o", str(log), "-e", "trace=" + ",".join(syscalls), *self.command],
            env=self.env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=self.limit,
        )  # fmt: skip
        return Counter(re.findall(r"^\d+ +(\w+)\(", log.read_text("utf-8", "replace"), re.MULTILINE))


def points(counted: Mapping[str, int]) -> list[Point]:
    """Every kill point of a run that made these calls."""
    return [Point(name, nth) for name in SYSCALLS for nth in range(1, counted.get(name, 0) + 1)]


def can_trace() -> bool:
    """Whether strace may inject here (some sandboxes forbid ptrace)."""
    try:
        done = subprocess.run(["strace", "-q", "-o", "/dev/null", "true"], capture_output=True, timeout=10)
    except OSError:
        return False
    return done.returncode == 0
