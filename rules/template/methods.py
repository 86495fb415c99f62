"""What a template may ask of a time or a duration: ``(toTime $value).Format "15:04"``, ``(toDuration 90.0).Minutes``.

Source: the documentation of Go's package time. Times are in UTC. Everything else a time has (comparison, arithmetic)
takes arguments that a template cannot make, and is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rules.template.lexer import TemplateError
from rules.template.printing import Moment, Span

MAX_LAYOUT: Final = 1000

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_LAYOUT: Final[dict[str, Callable[[datetime], str]]] = {
    "January": lambda t: _MONTHS[t.month - 1],
    "Jan": lambda t: _MONTHS[t.month - 1][:3],
    "01": lambda t: f"{t.month:02d}",
    "1": lambda t: str(t.month),
    "Monday": lambda t: _DAYS[t.weekday()],
    "Mon": lambda t: _DAYS[t.weekday()][:3],
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3d}",
    "02": lambda t: f"{t.day:02d}",
    "_2": lambda t: f"{t.day:2d}",
    "2": lambda t: str(t.day),
    "2006": lambda t: f"{t.year:04d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "15": lambda t: f"{t.hour:02d}",
    "03": lambda t: f"{t.hour % 12 or 12:02d}",
    "3": lambda t: str(t.hour % 12 or 12),
    "04": lambda t: f"{t.minute:02d}",
    "4": lambda t: str(t.minute),
    "05": lambda t: f"{t.second:02d}",
    "5": lambda t: str(t.second),
    "PM": lambda t: "AM" if t.hour < 12 else "PM",
    "pm": lambda t: "am" if t.hour < 12 else "pm",
    "MST": lambda t: "UTC",
    "Z07:00": lambda t: "Z",
    "Z0700": lambda t: "Z",
    "Z07": lambda t: "Z",
    "-07:00": lambda t: "+00:00",
    "-0700": lambda t: "+0000",
    "-07": lambda t: "+00",
}
_ELEMENT: Final = re.compile(
    r"_2006|January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|Z07:?00|Z07|-07:?00|-07|2006|__2|_2|002|0[1-6]|15|PM|pm"
    r"|[.,](?:0+|9+)(?!\d)|[1-5]"
)


def _time(moment: Moment) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment.ms)
    except OverflowError as error:
        raise TemplateError("the time is outside of the years 1 to 9999") from error


def format_time(moment: Moment, layout: object) -> str:
    """``layout`` is Go's reference time, Mon Jan 2 15:04:05 MST 2006, written as the result should look."""
    if not isinstance(layout, str) or len(layout) > MAX_LAYOUT:
        raise TemplateError(f"Format takes a layout of at most {MAX_LAYOUT} characters")
    time = _time(moment)

    def write(found: re.Match[str]) -> str:
        element = found[0]
        if element == "_2006":
            return "_" + _LAYOUT["2006"](time)
        if element[0] in ".,":
            digits = f"{time.microsecond * 1000:09d}".ljust(len(element) - 1, "0")[: len(element) - 1]
            digits = digits.rstrip("0") if element[1] == "9" else digits
            return element[0] + digits if digits else ""
        return _LAYOUT[element](time)

    return _ELEMENT.sub(write, layout)


Method = tuple[Callable[..., Any], int]
"""The function (of the value and its arguments) and how many arguments it takes."""

_OF_TIME: Final[dict[str, Method]] = {
    "Format": (format_time, 1),
    "String": (str, 0),
    "UTC": (lambda moment: moment, 0),
    "Unix": (lambda moment: moment.ms // 1000, 0),
    "UnixMilli": (lambda moment: moment.ms, 0),
    "Year": (lambda moment: _time(moment).year, 0),
    "Month": (lambda moment: _MONTHS[_time(moment).month - 1], 0),
    "Day": (lambda moment: _time(moment).day, 0),
    "Hour": (lambda moment: _time(moment).hour, 0),
    "Minute": (lambda moment: _time(moment).minute, 0),
    "Second": (lambda moment: _time(moment).second, 0),
    "Weekday": (lambda moment: _DAYS[_time(moment).weekday()], 0),
    "YearDay": (lambda moment: _time(moment).timetuple().tm_yday, 0),
}
_OF_SPAN: Final[dict[str, Method]] = {
    "String": (str, 0),
    "Hours": (lambda span: span.ns / 3.6e12, 0),
    "Minutes": (lambda span: span.ns / 6e10, 0),
    "Seconds": (lambda span: span.ns / 1e9, 0),
    "Milliseconds": (lambda span: int(span.ns / 1_000_000), 0),
    "Microseconds": (lambda span: int(span.ns / 1_000), 0),
    "Nanoseconds": (lambda span: span.ns, 0),
}


def call_method(value: Moment | Span, name: str, arguments: list[object]) -> object:
    """The result of ``value.name arguments``."""
    table = _OF_TIME if isinstance(value, Moment) else _OF_SPAN
    if name not in table:
        raise TemplateError(f"a time or duration has no {name} here; there are {', '.join(table)}")
    function, count = table[name]
    if len(arguments) != count:
        raise TemplateError(f"wrong number of args for {name}: want {count} got {len(arguments)}")
    return function(value, *arguments)
