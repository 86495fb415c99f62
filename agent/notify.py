"""Notices to the service manager: ready, reloading, stopping, alive. Source: sd_notify(3), sd_watchdog_enabled(3).

Nothing happens when no service manager asked for notices. A notice that is not taken is said once and never waited for:
a service manager that does not hear from us acts by itself, and the watching goes on meanwhile.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import NamedTuple

from agent import log

TRAPS = "snmptrap"
"""``FileDescriptorName=`` of the socket for traps."""
_FIRST_FD = 3
_MOST_FDS = 64
_log = log.get("notify")


class ServiceManager:
    """The other end of ``NOTIFY_SOCKET``; the environment is read once, at construction."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        usec = os.environ.get("WATCHDOG_USEC", "")
        for_us = os.environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self._heard = True
        self.watchdog_s = int(usec) / 1e6 if _is_count(usec) and for_us else 0.0

    def _send(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
                sock.sendto(text.encode(), self._address)
        except OSError as error:
            if self._heard:
                self._heard = False
                _log.warning("service_manager_does_not_listen", error=str(error))
            return
        if not self._heard:
            self._heard = True
            _log.info("service_manager_listens_again")

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Needs the monotonic time since systemd 253; 252 ignores it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        self._send("WATCHDOG=1")


class Passed(NamedTuple):
    """What came by socket activation: listening TCP sockets, and UDP sockets for traps and informs."""

    listeners: list[socket.socket]
    traps: list[socket.socket]


def inherited_sockets() -> Passed:
    """The sockets passed by socket activation, in order; OSError for one that is of no use to the agent.

    Source: sd_listen_fds(3). All TCP sockets serve the same. A UDP socket is for SNMP's notifications, which its name
    (``LISTEN_FDNAMES``) has to say.
    """
    passed = Passed([], [])
    count = os.environ.get("LISTEN_FDS", "")
    if os.environ.get("LISTEN_PID", "") != str(os.getpid()) or not _is_count(count):
        return passed
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    for number in range(min(int(count), _MOST_FDS)):
        fd = _FIRST_FD + number
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=fd)
        internet = sock.family in (socket.AF_INET, socket.AF_INET6)
        if internet and sock.type is socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            passed.listeners.append(sock)
        elif internet and sock.type is socket.SOCK_DGRAM and names[number : number + 1] == [TRAPS]:
            passed.traps.append(sock)
        else:
            sock.detach()
            raise OSError(errno.ENOTSUP, f"descriptor {fd} is neither a listening TCP socket nor UDP named {TRAPS}")
    return passed


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18
