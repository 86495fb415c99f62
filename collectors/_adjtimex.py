"""adjtimex(2) through the C library. Loaded only by an agent that has the timex collector on."""

from __future__ import annotations

import ctypes
import os

_LONG = ctypes.c_long
_INT = ctypes.c_int


class Timex(ctypes.Structure):
    """``struct timex`` of <sys/timex.h>; ``modes`` 0 reads and changes nothing."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", _LONG), ("freq", _LONG), ("maxerror", _LONG), ("esterror", _LONG),
        ("status", _INT), ("constant", _LONG), ("precision", _LONG), ("tolerance", _LONG), ("tv_sec", _LONG),
        ("tv_usec", _LONG), ("tick", _LONG), ("ppsfreq", _LONG), ("jitter", _LONG), ("shift", _INT), ("stabil", _LONG),
        ("jitcnt", _LONG), ("calcnt", _LONG), ("errcnt", _LONG), ("stbcnt", _LONG), ("tai", _INT),
        ("padding", _INT * 11),
    )  # fmt: skip

    offset: int
    freq: int
    maxerror: int
    esterror: int
    status: int
    constant: int
    tick: int
    ppsfreq: int
    jitter: int
    shift: int
    stabil: int
    jitcnt: int
    calcnt: int
    errcnt: int
    stbcnt: int
    tai: int


_libc = ctypes.CDLL(None, use_errno=True)


def adjtimex() -> tuple[int, Timex]:
    """The state of the clock (TIME_OK 0 ... TIME_ERROR 5) and its parameters; raises OSError."""
    timex = Timex()
    state: int = _libc.adjtimex(ctypes.byref(timex))
    if state < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return state, timex
