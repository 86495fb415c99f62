"""Logs: one line per change, key and value, on standard error.

Under the service manager each line begins with the syslog level in angle brackets, which the journal reads, and
carries no time, which the journal adds (sd-daemon(3)); elsewhere it carries the time. Text from outside is quoted, so
that one event stays one line. What libraries say through ``logging`` comes out in the same form.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def _journal_prefix(_logger: Any, method: str, line: str) -> str:
    return f"<{_PRIORITY.get(method, 6)}>{line}"


def _one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if value is None or isinstance(value, bool | int | float):
            continue
        text = str(value)
        if not text.isprintable():
            text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
        event[key] = text
    return event


class _Stderr:
    """Where the lines go. Nobody reading, or a full disk behind a redirection, must not end the agent."""

    def msg(self, line: str) -> None:
        try:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except (AttributeError, OSError, ValueError):  # the first: there is no standard error at all
            pass  # there is no other place to say it

    debug = info = warning = error = critical = msg


class _Libraries(logging.Handler):
    """Passes on what aiohttp, asyncio and others log."""

    def emit(self, record: logging.LogRecord) -> None:
        method = record.levelname.lower() if record.levelname.lower() in _PRIORITY else "warning"
        exc_info = record.exc_info if record.exc_info and record.exc_info[0] else None
        getattr(get(record.name), method)("library", text=record.getMessage(), exc_info=exc_info)


def _to_journal() -> bool:
    """Whether standard error is the journal's stream itself, and not merely inherits its name (systemd.exec(5))."""
    try:
        standard_error = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{standard_error.st_dev}:{standard_error.st_ino}"


def setup(level: str) -> None:
    """Configure the log of the process; again with another ``level`` (debug, info, warning or error) at a reload."""
    journal = _to_journal()
    processors: list[Any] = [structlog.processors.add_log_level]
    if not journal:
        processors.append(structlog.processors.TimeStamper(fmt="iso", utc=False))
    processors += [structlog.processors.format_exc_info, _one_line]
    order = ["level", "event"] if journal else ["timestamp", "level", "event"]
    processors.append(structlog.processors.LogfmtRenderer(key_order=order, drop_missing=True))
    if journal:
        processors.append(_journal_prefix)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=False,  # or a new level would not reach loggers that were used before
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


@contextmanager
def muted() -> Iterator[None]:
    """Nothing less than critical is logged meanwhile: what a rehearsal does is nothing that happened."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def get(name: str) -> Any:
    """A logger whose lines carry ``part=name``."""
    return structlog.get_logger(part=name)
