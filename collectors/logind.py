"""Sessions by seat and kind, as systemd-logind knows them.

A kind of session that was there and ended goes on as 0. Kinds that never were have no series: node_exporter gives 0 for
each of some hundred combinations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._logind import sessions
from collectors._model import Labels, Sample, gauge, labels

METRICS = (gauge("node_logind_sessions", "Number of sessions.", "class", "remote", "seat", "type"),)
_KINDS_LIMIT = 200


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Logind:
    def __init__(self, host: HostFS) -> None:
        self._root = host.root
        self._labels: dict[tuple[str, bool, str, str], Labels] = {}

    def collect(self) -> Iterator[Sample]:
        count = Counter((each.seat, each.remote, each.type, each.kind) for each in sessions(self._root))
        for kind in count.keys() - self._labels.keys():
            if len(self._labels) < _KINDS_LIMIT:
                seat, remote, type_, class_ = kind
                named = {"seat": seat, "remote": str(remote).lower(), "type": type_, "class": class_}
                self._labels[kind] = labels(**named)
        for kind, pairs in self._labels.items():
            yield Sample("node_logind_sessions", pairs, float(count[kind]))


def build(options: Options, host: HostFS) -> Logind:
    return Logind(host)
