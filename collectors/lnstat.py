"""Statistics of the kernel's network caches by CPU, from all of /proc/net/stat (lnstat(8)), in hexadecimal."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import CollectorError, Labels, Sample, counter, labels
from collectors._numbers import counts

_USUAL = (
    "entries allocs destroys hash_grows lookups hits res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs"
    " forced_gc_runs unresolved_discards table_fulls in_hit in_slow_tot in_slow_mc in_no_route in_brd in_martian_dst"
    " in_martian_src out_hit out_slow_tot out_slow_mc gc_total gc_ignored gc_goal_miss gc_dst_overflow in_hlist_search"
    " out_hlist_search clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop"
    " icmp_error expect_new expect_create expect_delete search_restart syn_received cookie_invalid cookie_valid"
    " cookie_retrans conn_reopened"
)
METRICS = tuple(
    counter(f"node_lnstat_{name}_total", f"The column {name} of a file in /proc/net/stat.", "subsystem", "cpu")
    for name in _USUAL.split()
)
"""The columns of today's kernels; another one follows the same naming, undescribed."""
_BASE = "net/stat"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Lnstat:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc
        self._labels: dict[tuple[str, int], Labels] = {}

    def collect(self) -> Iterator[Sample]:
        for subsystem in sorted(self._proc.list(_BASE) or ()):
            titles, rows = parse(self._proc.find(f"{_BASE}/{subsystem}") or "", f"/proc/{_BASE}/{subsystem}")
            for cpu, row in enumerate(rows):
                pairs = self._labels.get((subsystem, cpu))
                if pairs is None:
                    pairs = self._labels[subsystem, cpu] = labels(cpu=str(cpu), subsystem=subsystem)
                for name, value in zip(titles, row, strict=True):
                    yield Sample(name, pairs, float(value))


def parse(text: str, where: str) -> tuple[list[str], list[list[int]]]:
    """Metrics of the columns, and the values of each CPU."""
    title, *lines = text.splitlines() or [""]
    names = [f"node_lnstat_{name}_total" for name in title.split()]
    rows = [counts(line.split(), where, 16) for line in lines]
    if any(len(row) != len(names) for row in rows):
        raise CollectorError(f"{where}: a row has not as many values as there are names")
    return names, rows


def build(options: Options, host: HostFS) -> Lnstat:
    return Lnstat(host)
