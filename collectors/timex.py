"""The kernel's clock discipline by adjtimex(2) with no change asked for, which needs no right.

With chrony or systemd-timesyncd the offset stays near 0, for these steer the clock themselves: look at
``node_timex_sync_status`` and at ``node_timex_maxerror_seconds``, which grows while nobody corrects the clock.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Notice, Sample, counter, gauge

METRICS = (
    gauge("node_timex_offset_seconds", "Offset of the clock that is being corrected, in seconds."),
    gauge("node_timex_frequency_adjustment_ratio", "How much faster the clock is made to run, as a ratio."),
    gauge("node_timex_maxerror_seconds", "Largest possible error in seconds."),
    gauge("node_timex_estimated_error_seconds", "Estimated error in seconds."),
    gauge("node_timex_status", "Status bits, adjtimex(2)."),
    gauge("node_timex_loop_time_constant", "Time constant of the control loop."),
    gauge("node_timex_tick_seconds", "Seconds between two ticks."),
    gauge("node_timex_pps_frequency_hertz", "Frequency of the pulse per second."),
    gauge("node_timex_pps_jitter_seconds", "Jitter of the pulse per second in seconds."),
    gauge("node_timex_pps_shift_seconds", "Length of the interval of the pulse per second."),
    gauge("node_timex_pps_stability_hertz", "How much the frequency of the pulse per second changes."),
    counter("node_timex_pps_jitter_total", "Pulses with too much jitter."),
    counter("node_timex_pps_calibration_total", "Intervals of calibration."),
    counter("node_timex_pps_error_total", "Errors of calibration."),
    counter("node_timex_pps_stability_exceeded_total", "Times the frequency was not stable enough."),
    gauge("node_timex_tai_offset_seconds", "Offset of international atomic time in seconds."),
    gauge("node_timex_sync_status", "1 while the clock is kept by a reliable source."),
)
_STA_NANO = 0x2000
_TIME_ERROR = 5
_MICRO = 1e6
_NANO = 1e9
_PPM_16_BIT = 65536e6
"""Frequencies are parts per million with 16 bits of fraction."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Timex:
    def __init__(self, host: HostFS) -> None:
        self._host = host

    def collect(self) -> Iterator[Sample | Notice]:
        try:
            state, timex = self._host.adjtimex()
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOSYS):
                raise CollectorError(f"adjtimex: {error.strerror}") from error
            yield Notice(
                "the sandbox forbids to ask the kernel how well the clock is kept: no node_timex_* (add the drop-in"
                " clock.conf to the unit, allow adjtimex in the container, or turn the collector off)"
            )
            return
        unit = _NANO if timex.status & _STA_NANO else _MICRO
        values = (
            timex.offset / unit, 1 + timex.freq / _PPM_16_BIT, timex.maxerror / _MICRO, timex.esterror / _MICRO,
            timex.status, timex.constant, timex.tick / _MICRO, timex.ppsfreq / _PPM_16_BIT, timex.jitter / unit,
            timex.shift, timex.stabil / _PPM_16_BIT, timex.jitcnt, timex.calcnt, timex.errcnt, timex.stbcnt, timex.tai,
            state != _TIME_ERROR,
        )  # fmt: skip
        for metric, value in zip(METRICS, values, strict=True):
            yield Sample(metric.name, NONE, float(value))


def build(options: Options, host: HostFS) -> Timex:
    return Timex(host)
