"""What the CPUs are, from /proc/cpuinfo (proc(5)).

Read when CPUs come or go and not in every cycle: on some machines the kernel asks every CPU for its frequency first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from collectors._host import Tree
from collectors._model import Labels, Sample, labels

_LABELS = {
    "physical id": "package", "core id": "core", "processor": "cpu", "vendor_id": "vendor", "cpu family": "family",
    "model": "model", "model name": "model_name", "microcode": "microcode", "stepping": "stepping",
    "cache size": "cachesize",
}  # fmt: skip
Wanted = Callable[[str], bool] | None


class CpuInfo:
    """``flags`` and ``bugs`` say which of those words of the first CPU get a series; None is none of them."""

    def __init__(self, proc: Tree, flags: Wanted, bugs: Wanted) -> None:
        self._proc = proc
        self._words = (("flags", "node_cpu_flag_info", "flag", flags), ("bugs", "node_cpu_bug_info", "bug", bugs))
        self._cpus: frozenset[str] = frozenset()
        self._samples: list[Sample] = []

    def samples(self, cpus: frozenset[str]) -> list[Sample]:
        """One for each CPU, and one for each wanted word; ``cpus`` are those there are now."""
        if cpus != self._cpus:
            self._samples = list(self._read())
            self._cpus = cpus
        return self._samples

    def _read(self) -> Iterator[Sample]:
        parsed = parse(self._proc.read("cpuinfo"))
        for cpu in parsed:
            yield Sample("node_cpu_info", _identity(cpu), 1.0)
        for key, metric, label, wanted in self._words:
            if wanted is None or not parsed:
                continue
            for word in filter(wanted, sorted(set(parsed[0].get(key, "").split()))):
                yield Sample(metric, labels(**{label: word}), 1.0)


def parse(text: str) -> list[dict[str, str]]:
    """The lines ``key : value`` of each CPU; other machines than x86 have fewer of the keys, and lines of no CPU."""
    blocks = (block.splitlines() for block in text.split("\n\n"))
    cpus = [
        {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)} for lines in blocks
    ]
    return [cpu for cpu in cpus if "processor" in cpu]


def _identity(cpu: dict[str, str]) -> Labels:
    return labels(**{label: cpu.get(key, "") for key, label in _LABELS.items()})
