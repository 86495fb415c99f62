"""The stale marker: the NaN by which a series says "I have ended here".

Same bit pattern as in Prometheus (0x7ff0000000000002), so the two are never confused with a NaN that was measured. It
is a signalling NaN; hardware that turns it into the quiet one (0x7ff8000000000002) is tolerated. It lives in the
series window and nowhere else: no selector returns it.
"""

from __future__ import annotations

import struct
from typing import Final

_QUIET: Final = struct.pack("<Q", 0x7FF8000000000002)
_SIGNALLING: Final = struct.pack("<Q", 0x7FF0000000000002)
_pack = struct.Struct("<d").pack

STALE: Final[float] = struct.unpack("<d", _SIGNALLING)[0]


def is_stale(value: float) -> bool:
    """Whether ``value`` is the stale marker. Ask only about NaN: the check is bitwise and not free."""
    bits = _pack(value)
    return bits in (_SIGNALLING, _QUIET)
