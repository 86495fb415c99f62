"""snmpsim from PyPI (extra ``dev``) on a free loopback port: a device for each ``NAME.snmprec``, by the community NAME.

with Snmpsim(folder of recordings, tmp_path) as simulator:
    ... ask simulator.host, simulator.port ...
"""

from __future__ import annotations

import grp
import os
import pwd
import sys
import time
from pathlib import Path
from subprocess import STDOUT, Popen, TimeoutExpired
from types import TracebackType
from typing import Self

from servers.snmpd import answers, free_port

_DEADLINE = 30.0


class Snmpsim:
    """Reads the recordings once, when it starts."""

    def __init__(self, recordings: Path, folder: Path) -> None:
        self.host = "127.0.0.1"
        self.port = free_port(self.host)
        self._recordings = recordings
        self._folder = folder
        self._process: Popen[bytes] | None = None

    def __enter__(self) -> Self:
        user = pwd.getpwuid(os.getuid())
        cache = self._folder / "snmpsim-cache"
        cache.mkdir()
        log = self._folder / "snmpsim.log"
        with log.open("wb") as out:
            self._process = Popen(
                [
                    Path(sys.executable).parent / "snmpsim-command-responder",
                    f"--data-dir={self._recordings}",
                    f"--cache-dir={cache}",
                    f"--agent-udpv4-endpoint={self.host}:{self.port}",
                    f"--process-user={user.pw_name}",
                    f"--process-group={grp.getgrgid(user.pw_gid).gr_name}",
                    "--log-level=error",
                ],
                stdout=out,
                stderr=STDOUT,
            )
        until = time.monotonic() + _DEADLINE
        while not answers(self.host, self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                self.__exit__(None, None, None)
                raise AssertionError(f"snmpsim did not start: {log.read_text(errors='replace')[-2_000:]}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except TimeoutExpired:
                self._process.kill()
                self._process.wait()
