"""Debian's snmpd on a free loopback port, as the user who runs the tests, with a configuration of the test's own::

with Snmpd(require("snmpd"), tmp_path, "rocommunity public") as snmpd:
    ... ask snmpd.host, snmpd.port ...
    snmpd.restart()         # the same engine id, boots one higher, as after a reboot
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired, run
from types import TracebackType
from typing import Self

_DISCOVERY = bytes.fromhex(
    "303a020103300f02024a69020300ffe30401040201030410300e0400020100020100040004000400"
    "301204000400a00c020237f00201000201003000"
)
"""An SNMPv3 request without an engine id: every agent answers it with a report, whoever asks."""
BASE = """\
sysLocation Hall 7
sysContact noc@example.net
sysName lab
"""
_DEADLINE = 15.0


class Snmpd:
    """``config`` is added to a few system values; its users and communities decide who may read.

    ``environment`` is added to its environment.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        config: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.host = host
        self.port = port or free_port(host)
        self.folder = folder / f"snmpd-{host}-{self.port}".replace(":", "_")
        self._program = program
        self._config = config
        self._extra = environment or {}
        self._process: Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        (self.folder / "state").mkdir(parents=True)
        (self.folder / "snmpd.conf").write_text(BASE + self._config + "\n")
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def restart(self, *, forget: bool = False) -> None:
        """Stop and start. ``forget``: its state is lost, so that it comes back with another engine id."""
        self.stop()
        if forget:
            shutil.rmtree(self.folder / "state")
            (self.folder / "state").mkdir()
        self._start()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def walk(self, program: Path, *options: str) -> list[tuple[str, str]]:
        """(OID, value as net-snmp writes it) as ``program`` (snmpbulkwalk, snmpwalk) sees them."""
        command = [program, "-On", "-Oe", "-OU", "-Ot", "-Ox", "-m", "", *options]
        done = run(command, capture_output=True, timeout=120, env=self._environment())
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        text = done.stdout.decode(errors="replace")
        rows = [part.partition(" = ") for part in ("\n" + text).split("\n.")[1:]]
        return [(oid, value.rstrip("\n")) for oid, _, value in rows if not value.startswith("No more variables left")]

    @property
    def address(self) -> str:
        """As the programs of net-snmp want it."""
        return f"udp6:[{self.host}]:{self.port}" if ":" in self.host else f"udp:{self.host}:{self.port}"

    def _environment(self) -> dict[str, str]:
        state = str(self.folder / "state")
        return {**os.environ, "SNMP_PERSISTENT_DIR": state, "SNMPCONFPATH": f"{self.folder}:{state}", "MIBS": "",
                **self._extra}  # fmt: skip

    def _start(self) -> None:
        command = [self._program, "-f", "-Lf", self.folder / "log", "-p", self.folder / "pid", self.address]
        self._process = Popen(command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=self._environment())
        until = time.monotonic() + _DEADLINE
        while not answers(self.host, self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                told = self._process.communicate()[0].decode(errors="replace")
                log = (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""
                raise AssertionError(f"snmpd did not start on {self.address}: {told}{log}")


def answers(host: str, port: int) -> bool:
    """Whether an SNMPv3 agent is there; it is waited for a moment."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.05)
        try:
            asking.connect(socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][4])
            asking.send(_DISCOVERY)
            return bool(asking.recv(65_535))
        except TimeoutError:
            return False
        except OSError:
            time.sleep(0.02)
            return False


def free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as free:
        free.bind(socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0][4])
        return int(free.getsockname()[1])
