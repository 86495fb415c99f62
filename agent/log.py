"""Logs: one line per change, key and value, on standard error.

Under the service manager each line begins with the syslog level in angle brackets, which the journal reads, and
carries no time, which the journal adds (sd-daemon(3)); elsewhere it carries the time. Text from outside is quoted, so
that one event stays one line.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def _journal_prefix(_logger: Any, method: str, line: str) -> str:
    return f"<{_PRIORITY.get(method, 6)}>{line}"


def _one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
    return event


def setup(level: str) -> None:
    """Configure structlog once for the process; ``level`` is debug, info, warning or error."""
    journal = "JOURNAL_STREAM" in os.environ
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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get(name: str) -> Any:
    """A logger whose lines carry ``part=name``."""
    return structlog.get_logger(part=name)
