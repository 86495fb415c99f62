"""Dumps of samples for commands that work without an agent."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli._errors import FINDINGS, NO_INPUT, CommandError

if TYPE_CHECKING:
    from rules.api import SeriesWindow

MAX_DATA = 512 << 20


def read_data(name: str) -> SeriesWindow:
    """The dump of this name, ``-`` for standard input; CommandError says what is wrong with it."""
    from rules.api import OpenMetricsError, load_openmetrics  # noqa: PLC0415 - only for a file

    try:
        if name == "-":
            content = sys.stdin.buffer.read(MAX_DATA + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(MAX_DATA + 1)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}", NO_INPUT) from None
    if len(content) > MAX_DATA:
        raise CommandError(f"{name} is larger than {MAX_DATA} bytes; cut it", NO_INPUT)
    try:
        return load_openmetrics(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise CommandError(f"{name}: byte {error.start} is not UTF-8", FINDINGS) from None
    except OpenMetricsError as error:
        raise CommandError(f"{name}:{error}", FINDINGS) from None


def newest(series: SeriesWindow, now: int) -> int:
    """The time of the newest sample; ``now`` when there is none."""
    from rules.api import Matcher, MatchOp  # noqa: PLC0415 - PromQL, for a file only

    every = [Matcher(MatchOp.NE, "__name__", "")]
    return max((found.timeline.times[-1] for found in series.find([every])), default=now)
