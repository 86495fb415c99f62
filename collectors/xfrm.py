"""What went wrong with IPsec packets, from /proc/net/xfrm_stat (kernel Documentation/networking/xfrm_proc.rst).

``XfrmInHdrError`` becomes ``node_xfrm_in_hdr_error_packets_total``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, counter
from collectors._numbers import counts

_FIELDS = (
    "InError InBufferError InHdrError InNoStates InStateProtoError InStateModeError InStateSeqError InStateExpired"
    " InStateMismatch InStateInvalid InTmplMismatch InNoPols InPolBlock InPolError OutError OutBundleGenError"
    " OutBundleCheckError OutNoStates OutStateProtoError OutStateModeError OutStateSeqError OutStateExpired OutPolBlock"
    " OutPolDead OutPolError FwdHdrError OutStateInvalid AcquireError"
)
_NAMES = {
    f"Xfrm{field}": "node_xfrm" + re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", field) + "_packets_total"
    for field in _FIELDS.split()
}
METRICS = tuple(counter(name, f"Packets counted in the line {field}.") for field, name in _NAMES.items())


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Xfrm:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        for line in (self._proc.find("net/xfrm_stat") or "").splitlines():
            fields = line.split()
            if len(fields) != 2:
                raise CollectorError(f"/proc/net/xfrm_stat: a line is not a name and a number: {line!r:.80}")
            name = _NAMES.get(fields[0])
            if name is not None:
                (packets,) = counts(fields[1:], "/proc/net/xfrm_stat")
                yield Sample(name, NONE, float(packets))


def build(options: Options, host: HostFS) -> Xfrm:
    return Xfrm(host)
