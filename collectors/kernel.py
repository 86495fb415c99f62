"""What the kernel says went wrong with it: why it is tainted, and tasks that hung.

/proc/sys/kernel/tainted is a sum of flags (kernel Documentation/admin-guide/tainted-kernels.rst), set until the next
boot; each has a series with its letter, so that a rule can name the one it means: ``node_kernel_tainted{flag="D"}`` is
an oops. Tasks are counted as hung since Linux 6.13, when they slept longer than ``hung_task_timeout_secs``.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import Sample, counter, gauge, labels
from collectors._numbers import whole

FLAGS = "PFSRMBUDAWCIOELKXTNJ"
"""By bit: proprietary module, forced load, unsupported system, forced unload, machine check, bad page, user request,
oops, overridden ACPI table, warning, staging driver, firmware workaround, out-of-tree module, unsigned module, soft
lockup, live patch, auxiliary, randomised structures, in-kernel test, forbidden call of firmware.
"""
METRICS = (
    gauge("node_kernel_tainted", "1 for a reason why the kernel is tainted, 0 for one that is not.", "bit", "flag"),
    counter("node_kernel_hung_tasks_total", "Tasks found hung since boot."),
)
_LABELS = tuple(labels(bit=str(bit), flag=flag) for bit, flag in enumerate(FLAGS))


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Kernel:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        tainted = whole(self._proc, "sys/kernel/tainted")
        if tainted is not None:
            flags = int(tainted)
            for bit, pairs in enumerate(_LABELS):
                yield Sample("node_kernel_tainted", pairs, float(flags >> bit & 1))
        hung = whole(self._proc, "sys/kernel/hung_task_detect_count")
        if hung is not None:
            yield Sample("node_kernel_hung_tasks_total", NONE, hung)


def build(options: Options, host: HostFS) -> Kernel:
    return Kernel(host)
