"""A whole small Debian with systemd as PID 1, in a directory: built by debootstrap, booted by systemd-nspawn.

The base tree and the wheels of the dependencies are kept in ``$XDG_CACHE_HOME/tocsin-tests`` (``~/.cache``), each
under a name that changes with what it was made from. Mirror, proxy and keyring are those of this machine's apt.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SUITE = "bookworm"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "python3-venv")
TREE_PYTHON = "3.11"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tocsin-tests"


def run(*command: str | Path, env: dict[str, str] | None = None, timeout: float = 600) -> str:
    """Standard output of a command; a failure shows everything it said."""
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def can_make_namespaces() -> bool:
    """False for root in a container that may not: systemd-nspawn cannot work there."""
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "true"], capture_output=True
    )
    return done.returncode == 0


def base_tree() -> Path:
    """The bare system, built once."""
    name = hashlib.sha256(repr((SUITE, PACKAGES)).encode()).hexdigest()[:12]

    def build(into: Path) -> None:
        env, options = _apt_settings()
        run(
            "debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", *options,
            SUITE, into, _apt_mirror(), env=env,
        )  # fmt: skip
        (into / "etc/machine-id").write_text("")  # systemd makes a new one at each first boot

    return _cached(f"tree-{name}", build)


def wheelhouse(pyproject: Path) -> Path:
    """Wheels of the runtime dependencies for the tree's Python, downloaded once."""
    wanted: list[str] = tomllib.loads(pyproject.read_text())["project"]["dependencies"]
    name = hashlib.sha256(repr((TREE_PYTHON, wanted)).encode()).hexdigest()[:12]

    def build(into: Path) -> None:
        run(
            sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:",
            f"--python-version={TREE_PYTHON}", "--dest", into, *wanted,
        )  # fmt: skip

    return _cached(f"wheels-{name}", build)


def _cached(name: str, build: Callable[[Path], None]) -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    final = CACHE / name
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            growing = CACHE / f"{name}.new"
            shutil.rmtree(growing, ignore_errors=True)
            build(growing)
            growing.rename(final)
    return final


def _apt_mirror() -> str:
    """The archive this machine takes ``SUITE`` from; any Debian archive it uses, when it runs another release."""
    lines = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)", "Created-By: Packages")
    debian = [line.split() for line in lines.splitlines() if line.startswith("Debian ")]
    here = [uri for _, codename, uri in debian if codename == SUITE]
    other = [uri for _, codename, uri in debian if "-" not in codename]
    if not (here or other):
        raise AssertionError("apt has no Debian archive to build the test system from; run: apt-get update")
    return (here or other)[0]


def _apt_settings() -> tuple[dict[str, str], list[str]]:
    """apt's proxy as environment, and the keyring as options, for debootstrap."""
    dump = run("apt-config", "dump", "--format", "%f=%v%n")
    settings = dict(line.split("=", 1) for line in dump.splitlines() if "=" in line)
    env = {
        f"{scheme}_proxy": proxy
        for scheme in ("http", "https")
        if (proxy := settings.get(f"Acquire::{scheme}::Proxy", "")) and proxy != "DIRECT"
    }
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    return env, [f"--keyring={keyring}"] if keyring.exists() else []


class Machine:
    """A booted tree. Commands run inside, as root, in all of its namespaces; it has no network but its loopback."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._console = (tree.parent / "console.log").open("wb")
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "-D", str(tree), "--machine=tocsin-test", "--register=no", "--keep-unit",
             "--private-network", "--capability=CAP_SYSLOG", "--bind=/dev/kmsg", "--console=pipe", "-b"],
            stdin=subprocess.DEVNULL, stdout=self._console, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._init = ""

    def boot(self) -> None:
        """Until systemd says ``running``, or ``degraded``: then the failed units are the reason why."""
        self._init = wait_until("systemd starts", self._first_process, 20)
        state = wait_until("boot", lambda: self._state() if self._state() in ("running", "degraded") else "", 60)
        if state != "running":
            failed = self.run("systemctl", "--failed", "--no-pager", "--plain", "--no-legend")
            raise AssertionError(f"failed units:\n{failed}\n{self.run('journalctl', '--no-pager', '-n', '80')}")

    def _first_process(self) -> str:
        """PID 1 of the tree, as this machine numbers it; empty until it has become systemd."""
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        return next((pid for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"), "")

    def _state(self) -> str:
        done = subprocess.run(
            ["nsenter", "-t", self._init, "-a", "systemctl", "is-system-running"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        return done.stdout.strip()

    def run(self, *command: str, timeout: float = 60) -> str:
        return run("nsenter", "-t", self._init, "-a", *command, timeout=timeout)

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    def active(self, unit: str) -> bool:
        return self.show(unit, "ActiveState") == "active"

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", "-u", unit)

    def stop(self) -> None:
        if self._nspawn.poll() is None:
            self._nspawn.send_signal(signal.SIGTERM)  # an orderly shutdown
            try:
                self._nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
        self._console.close()


@contextmanager
def machine(tree: Path) -> Iterator[Machine]:
    booted = Machine(tree)
    try:
        booted.boot()
        yield booted
    finally:
        booted.stop()


def wait_until(what: str, probe: Callable[[], str], seconds: float) -> str:
    """The first answer that is not empty. Real processes are watched here, so this waits in real time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := probe():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def copy_tree(source: Path, target: Path) -> None:
    run("cp", "-a", "--reflink=auto", source, target)
