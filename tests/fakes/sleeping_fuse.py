"""A FUSE file system that answers nothing but its own existence: ``statfs`` waits until it is woken.

It speaks the kernel's protocol on ``/dev/fuse`` itself (Linux include/uapi/linux/fuse.h) and mounts with mount(2), so
it needs no library, but the right to mount: run it in a mount namespace of its own.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import threading
from enum import IntEnum

_IN = struct.Struct("<IIQQIII4x")  # len, opcode, unique, nodeid, uid, gid, pid
_OUT = struct.Struct("<IiQ")  # len, error, unique
_BUFFER = 1 << 20
_ENOSYS = 38


class Opcode(IntEnum):
    """What is answered, or needs no answer."""

    FORGET = 2
    GETATTR = 3
    STATFS = 17
    INIT = 26
    INTERRUPT = 36
    BATCH_FORGET = 42


_INIT_OUT = struct.pack("<IIIIHHII", 7, 31, 65536, 0, 16, 12, 65536, 1).ljust(64, b"\0")
_ATTR_OUT = struct.pack("<QII", 3600, 0, 0) + struct.pack(
    "<6Q3I7I", 1, 0, 0, 0, 0, 0, 0, 0, 0, stat.S_IFDIR | 0o755, 2, 0, 0, 0, 4096, 0
)
_STATFS_OUT = struct.pack("<5Q4I", 1000, 400, 300, 64, 32, 4096, 255, 1024, 0).ljust(80, b"\0")
"""1000 fragments of 1024 bytes, 400 free, 300 for users; 64 inodes, 32 free."""


class SleepingMount:
    """Mounted at ``point`` from the start; ``statfs`` calls pile up in ``asleep`` until ``wake``."""

    def __init__(self, point: str) -> None:
        self.asleep: list[int] = []
        self._woken = False
        self._lock = threading.Lock()
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"sleeper", point.encode(), b"fuse.sleeper", 0, options) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        threading.Thread(target=self._serve, daemon=True).start()

    def wake(self) -> None:
        """Answer every ``statfs``, those that wait and those to come."""
        with self._lock:
            self._woken = True
            for unique in self.asleep:
                self._answer(unique, _STATFS_OUT)
            self.asleep.clear()

    def close(self) -> None:
        """Abort the connection: whoever still waits gets an error."""
        os.close(self._device)

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._device, _BUFFER)
            except OSError:  # unmounted, or closed
                return
            _, opcode, unique, *_ = _IN.unpack_from(request)
            if opcode == Opcode.INIT:
                self._answer(unique, _INIT_OUT)
            elif opcode == Opcode.GETATTR:
                self._answer(unique, _ATTR_OUT)
            elif opcode == Opcode.STATFS:
                with self._lock:
                    if self._woken:
                        self._answer(unique, _STATFS_OUT)
                    else:
                        self.asleep.append(unique)
            elif opcode not in (Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.INTERRUPT):
                os.write(self._device, _OUT.pack(_OUT.size, -_ENOSYS, unique))

    def _answer(self, unique: int, body: bytes) -> None:
        os.write(self._device, _OUT.pack(_OUT.size + len(body), 0, unique) + body)
