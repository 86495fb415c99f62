"""Dumps of samples for commands that work without an agent."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli._errors import FINDINGS, NO_INPUT, CommandError
from agent.cli._output import clean

if TYPE_CHECKING:
    from agent.config.load import Loaded
    from rules.api import SeriesWindow

MAX_DATA = 512 << 20


def read_data(name: str) -> SeriesWindow:
    """The dump of this name, ``-`` for standard input; CommandError says what is wrong with it."""
    from rules.api import OpenMetricsError, load_openmetrics  # noqa: PLC0415 - only for a file

    content = _content(name)
    try:
        return load_openmetrics(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise CommandError(f"{name}: byte {error.start} is not UTF-8", FINDINGS) from None
    except OpenMetricsError as error:
        raise CommandError(f"{name}:{error}", FINDINGS) from None


def read_walks(names: Sequence[str], instance: str, loaded: Loaded) -> SeriesWindow:
    """What a network device would have given that these files are recordings of; CommandError.

    ``instance`` is what it is called; empty: as its recordings say. What could not be read is told on standard error.
    """
    from collectors.api import RecordedWrongError, replayed_device  # noqa: PLC0415 - SNMP, for a recording only
    from rules.api import SeriesWindow  # noqa: PLC0415 - only for a file

    options = loaded.config.collect.snmp.options if loaded.config is not None else None
    try:
        done = replayed_device(
            [(name, _content(name)) for name in names], instance, {} if options is None else options.profiles
        )
    except RecordedWrongError as error:
        raise CommandError(str(error), FINDINGS) from None
    span = done.polls[-1].at - done.polls[0].at
    window = SeriesWindow(default_retention=round(span * 1000) + 600_000)
    for poll in done.polls:
        window.ingest("walk", poll.samples, round(poll.at * 1000))
    for problem in dict.fromkeys(poll.problem for poll in done.polls if poll.problem):
        print(clean(problem), file=sys.stderr)
    print(f"profiles: {', '.join(done.profiles)}", file=sys.stderr)
    return window


def _content(name: str) -> bytes:
    """The file of this name, ``-`` for standard input."""
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
    return content


def newest(series: SeriesWindow, now: int) -> int:
    """The time of the newest sample; ``now`` when there is none."""
    from rules.api import Matcher, MatchOp  # noqa: PLC0415 - PromQL, for a file only

    every = [Matcher(MatchOp.NE, "__name__", "")]
    return max((found.timeline.times[-1] for found in series.find([every])), default=now)
