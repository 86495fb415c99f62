"""Text for people and JSON for programs. Colours only on a terminal that wants them; text from outside is one line."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, TextIO

from agent.config.places import colour_wanted

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LAST_COLUMN = 30
"""Columns the last field of a line should have, so that it says something."""


class Format(Enum):
    TEXT = "text"
    JSON = "json"


class Colour(Enum):
    """SGR codes (ECMA-48, 8.3.117)."""

    PLAIN = ""
    BOLD = "1"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"


_STATE_COLOURS = {
    "firing": Colour.RED, "open": Colour.RED, "rejected": Colour.RED, "failed": Colour.RED, "error": Colour.RED,
    "critical": Colour.RED, "no_data": Colour.YELLOW, "pending": Colour.YELLOW, "in_doubt": Colour.YELLOW,
    "warning": Colour.YELLOW, "recovering": Colour.YELLOW, "gathering": Colour.YELLOW, "sending": Colour.YELLOW,
    "ok": Colour.GREEN, "done": Colour.GREEN, "resolved": Colour.GREEN, "ready": Colour.GREEN, "passed": Colour.GREEN,
}  # fmt: skip


def add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=[each.value for each in Format],
        default=Format.TEXT.value,
        help="what to print (default: text)",
    )


def wants_json(args: argparse.Namespace) -> bool:
    return Format(args.format) is Format.JSON


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False))


def clean(text: object) -> str:
    """One line without control characters: what a label or a server said must not move our cursor."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def paint(text: str, colour: Colour, stream: TextIO | None = None) -> str:
    stream = stream or sys.stdout
    if colour is Colour.PLAIN or not stream.isatty() or not colour_wanted():
        return text
    return f"\x1b[{colour.value}m{text}\x1b[0m"


def state_colour(word: str) -> Colour:
    """The colour of a state's or severity's name."""
    return _STATE_COLOURS.get(word, Colour.PLAIN)


def width(text: str) -> int:
    """Columns a text takes on a terminal; East Asian wide characters take two (Unicode TR 11)."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in {"W", "F"} else 1 for c in text
    )


def fit(text: str, columns: int) -> str:
    """The text, cut with an ellipsis when it is wider than ``columns``."""
    if width(text) <= columns:
        return text
    kept = ""
    for char in text:
        if width(kept + char) > columns - 1:
            break
        kept += char
    return kept + "…"


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], spare: Sequence[str] = ()) -> None:
    """Columns aligned; on a terminal the last one is cut to the width there is, in a pipe nothing is lost.

    On a narrow terminal the columns in ``spare`` are left out, in that order, until the last one has some room.
    """
    cells = [[_plain_word(cell) for cell in row] for row in rows]
    widths = [max(width(row[i]) for row in [list(headers), *cells]) for i in range(len(headers))]

    def left() -> int:
        return shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(widths) - 1)

    room = None
    if sys.stdout.isatty():
        for name in spare:
            if left() >= min(widths[-1], LAST_COLUMN):
                break
            at = list(headers).index(name)
            headers = [*headers[:at], *headers[at + 1 :]]
            cells = [[*row[:at], *row[at + 1 :]] for row in cells]
            del widths[at]
        room = left()
        widths[-1] = min(widths[-1], max(room, 8))

    def line(row: Sequence[str]) -> list[str]:
        shown = [*row[:-1], fit(row[-1], widths[-1]) if room is not None else row[-1]]
        return [cell + " " * (size - width(cell)) for cell, size in zip(shown, widths, strict=True)]

    print(paint("  ".join(line(headers)).rstrip(), Colour.BOLD))
    for row in cells:
        print("  ".join(paint(cell, state_colour(cell.strip())) for cell in line(row)).rstrip())


def print_fields(pairs: Sequence[tuple[str, object]]) -> None:
    """``name  value`` lines, values aligned."""
    longest = max((width(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        text = _plain_word(value)
        print(f"{name}{' ' * (longest - width(name))}  {paint(text, state_colour(text))}".rstrip())


def _plain_word(value: object) -> str:
    """A JSON value in words: yes, no, a dash for nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else clean(value)


def moment(ms: int | float | None) -> str:
    """Local date, time and offset of milliseconds since the epoch; a dash for none."""
    return "-" if ms is None else datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S%z")


def span(ms: float) -> str:
    """A length of time for people: ``850ms``, ``12s``, ``3m 5s``, ``2h 4m``, ``9d 3h``."""
    if ms < 1000:
        return f"{max(0, int(ms))}ms"
    seconds = int(ms // 1000)
    for size, unit, smaller_size, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller_size
            return f"{seconds // size}{unit} {rest}{smaller}" if rest else f"{seconds // size}{unit}"
    return f"{seconds}s"


def labels_text(labels: Any, without: Sequence[str] = (), name: str = "") -> str:
    """``{a="1", b="2"}`` of a mapping or of pairs, behind ``name``; what is no identifier stands in quotes."""
    pairs = labels.items() if isinstance(labels, dict) else labels
    shown = [
        f"{label if _LABEL.fullmatch(label) else _quoted(label)}={_quoted(str(value))}"
        for label, value in pairs
        if label not in without
    ]
    if name and not _METRIC.fullmatch(name):
        shown.insert(0, _quoted(name))
        name = ""
    return f"{name}{{{', '.join(shown)}}}" if shown or not name else name


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
