"""A progress bar on standard error while one waits, and only on a terminal; without one it says nothing at all."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType

from agent.cli._output import fit, width


class Progress:
    """``with Progress("collecting", total) as bar: bar.step("cpu")``; the line is wiped at the end."""

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._total = max(total, 1)
        self._done = 0
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        self._draw("")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def step(self, what: str = "") -> None:
        """One more unit of the work is done; ``what`` comes next."""
        self._done = min(self._done + 1, self._total)
        self._draw(what)

    def _draw(self, what: str) -> None:
        if not self._shown:
            return
        columns = shutil.get_terminal_size().columns
        bar_size = 20
        filled = bar_size * self._done // self._total
        text = f"{self._title} [{'#' * filled}{'.' * (bar_size - filled)}] {self._done}/{self._total} {what}"
        text = fit(text, columns - 1)
        sys.stderr.write("\r" + text + " " * max(0, columns - 1 - width(text)))
        sys.stderr.flush()
