"""Values as Go's fmt package prints them (its documentation: "Printing"), and the text functions built on that.

Go's types are told by Python's: float64 is float, int is int, string is str, map[string]string is a Mapping, a query's
result a tuple of Element, nil is None. ``Moment`` and ``Span`` stand for time.Time and time.Duration.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from rules.template.lexer import TemplateError

MAX_WIDTH = 1000


class Element(msgspec.Struct, frozen=True):
    """One element of a query's result, as templates see it: ``.Labels`` with ``__name__``, and ``.Value``."""

    labels: Mapping[str, str]
    value: float


class Data(msgspec.Struct, frozen=True):
    """The root value ``.`` of a template."""

    labels: Mapping[str, str]
    external_labels: Mapping[str, str]
    external_url: str
    value: float


class Arguments(dict[str, object]):
    """What ``args`` makes: unlike a map of labels it has no value, instead of empty text, for a missing key."""


class Moment(msgspec.Struct, frozen=True):
    """A time, in milliseconds since the epoch."""

    ms: int

    def __str__(self) -> str:
        try:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.ms)
        except OverflowError as error:
            raise TemplateError("the time is outside of the years 1 to 9999") from error
        fraction = f".{self.ms % 1000:03d}".rstrip("0").rstrip(".")
        return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


class Span(msgspec.Struct, frozen=True):
    """A duration, in nanoseconds."""

    ns: int

    def __str__(self) -> str:
        size = abs(self.ns)
        sign = "-" if self.ns < 0 else ""
        if size == 0:
            return "0s"
        for unit, scale in (("ns", 1), ("µs", 1000), ("ms", 1_000_000)):
            if size < scale * 1000:
                return f"{sign}{_decimal(size, scale)}{unit}"
        minutes, rest = divmod(size, 60 * 10**9)
        hours, minutes = divmod(minutes, 60)
        text = f"{_decimal(rest, 10**9)}s"
        if hours:
            return f"{sign}{hours}h{minutes}m{text}"
        return f"{sign}{minutes}m{text}" if minutes else sign + text


def _decimal(amount: int, scale: int) -> str:
    whole, part = divmod(amount, scale)
    digits = str(part).zfill(len(str(scale)) - 1).rstrip("0") if part else ""
    return f"{whole}.{digits}" if digits else str(whole)


def type_name(value: object) -> str:
    """The Go type of a value, for messages."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case Mapping():
            return "map[string]string"
        case Element():
            return "*template.sample"
        case Data():
            return "the template's data"
        case Moment():
            return "*time.Time"
        case Span():
            return "*time.Duration"
    return "template.queryResult"


def show(value: object) -> str:
    """The value as ``%v`` prints it."""
    match value:
        case str():
            return value
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return show_float(value, "g", None)
        case Mapping():
            return f"map[{' '.join(f'{key}:{show(item)}' for key, item in sorted(value.items()))}]"
        case Element():
            return f"{{{show(value.labels)} {show(value.value)}}}"
        case Data():
            fields = (value.labels, value.external_labels, value.external_url, value.value)
            return f"{{{' '.join(map(show, fields))}}}"
        case tuple() | list():
            return f"[{' '.join(show(item) for item in value)}]"
    return str(value)


def show_float(value: float, verb: str, precision: int | None) -> str:
    """``%e %f %g`` of Go's strconv. Without a precision ``%g`` takes the shortest digits and ``e`` from 1e+06 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if verb in "gG" and precision is None:
        return _shortest(value).upper() if verb == "G" else _shortest(value)
    return f"{value:.{6 if precision is None else precision}{verb}}"


def _shortest(value: float) -> str:
    """The fewest digits that read back as the same number; exponent form below 1e-4 and from 1e+06 on."""
    digits, _, exponent_text = f"{value!r}".partition("e")
    sign = "-" if digits.startswith("-") else ""
    whole, _, part = digits.lstrip("-").partition(".")
    part = "" if part == "0" else part
    exponent = int(exponent_text or 0) + len(whole) - 1
    figures = whole + part
    stripped = figures.lstrip("0")
    if not stripped:
        return sign + "0"
    exponent -= len(figures) - len(stripped)
    figures = stripped.rstrip("0")
    if exponent < -4 or exponent >= 6:
        mantissa = figures[0] + (f".{figures[1:]}" if len(figures) > 1 else "")
        return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{figures}"
    figures = figures.ljust(exponent + 1, "0")
    tail = figures[exponent + 1 :]
    return f"{sign}{figures[: exponent + 1]}{'.' + tail if tail else ''}"


def sprint(values: Sequence[object]) -> str:
    """fmt.Sprint: a space between two operands when neither is a string."""
    parts: list[str] = []
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            parts.append(" ")
        parts.append(show(value))
    return "".join(parts)


_DIRECTIVE = re.compile(
    r"%([+\-# 0]*)(?:\[(\w*)\])?(\d+|\*)?(?:(\.)(?:\[(\w*)\])?(\d+|\*)?)?(?:\[(\w*)\])?(.?)", re.DOTALL
)
"""Flags, index, width, point, index, precision, index, verb."""


def sprintf(pattern: str, values: Sequence[object]) -> str:
    """fmt.Sprintf, with its ways of saying what is wrong (``%!d(string=x)``, ``%!s(MISSING)``, ``%!(EXTRA ...)``)."""
    used = 0
    reordered = False

    def take() -> Any:
        nonlocal used
        used += 1
        return values[used - 1] if used <= len(values) else _MISSING

    def jump(index: str | None) -> bool:
        """To the argument that ``[index]`` names, counted from 1; False when there is no such."""
        nonlocal used, reordered
        if index is None:
            return True
        reordered = True
        if not index.isdecimal() or not 1 <= int(index[:9]) <= len(values):
            return False
        used = int(index) - 1
        return True

    def directive(found: re.Match[str]) -> str:
        nonlocal reordered
        flags, width_index, width_text, dot, precision_index, precision_text, index, verb = found.groups()
        if not verb:
            reordered = reordered or not (width_index is index is None)
            return "%!(NOVERB)"
        good = jump(width_index)
        width = take() if width_text == "*" else int(width_text or 0)
        good = jump(precision_index) and good
        precision = take() if precision_text == "*" else (int(precision_text or 0) if dot else None)
        if not (jump(index) and good):
            return f"%!{verb}(BADINDEX)"
        if not isinstance(width, int) or not isinstance(precision, int | None):
            return "%!(BADWIDTH)" if not isinstance(width, int) else "%!(BADPREC)"
        if abs(width) > MAX_WIDTH or (precision or 0) > MAX_WIDTH:
            raise TemplateError(f"printf: a width or precision above {MAX_WIDTH}")
        if verb == "%":
            return "%"
        value = take()
        if value is _MISSING:
            return f"%!{verb}(MISSING)"
        return _pad(_format(verb, flags, precision, value), flags, width, precision, value)

    text = _DIRECTIVE.sub(directive, pattern)
    if used < len(values) and not reordered:
        extra = ", ".join(f"{type_name(value)}={show(value)}" for value in values[used:])
        text += f"%!(EXTRA {extra})"
    return text


_MISSING = object()


def _format(verb: str, flags: str, precision: int | None, value: object) -> str:
    if verb == "T":
        return type_name(value)
    if verb == "v":
        if isinstance(value, float):
            return _signed(show_float(value, "g", precision), flags.replace("+", ""))
        if isinstance(value, str):
            return quote(value) if "#" in flags else value[:precision]
        return _signed(str(value), flags.replace("+", "")) if type(value) is int else show(value)
    if value is None:
        return f"%!{verb}(<nil>)"
    if isinstance(value, bool):
        return show(value) if verb == "t" else _wrong(verb, value)
    if isinstance(value, float):
        if verb in "xX":
            return _signed(_hex_float(value, verb), flags)
        if verb not in "eEfFgG":
            return _wrong(verb, value)
        if "#" in flags and math.isfinite(value):
            return _signed(f"{value:#.{6 if precision is None else precision}{verb}}", flags)
        return _signed(show_float(value, verb, precision), flags)
    if isinstance(value, int):
        return _integer(verb, flags, precision, value)
    if isinstance(value, str | Moment | Span):
        return _string(verb, flags, precision, str(value), value)
    if isinstance(value, Mapping):
        pairs = (f"{_format(verb, flags, precision, key)}:{_format(verb, flags, precision, item)}"
                 for key, item in sorted(value.items()))  # fmt: skip
        return f"map[{' '.join(pairs)}]"
    return _wrong(verb, value)


def _wrong(verb: str, value: object) -> str:
    return f"%!{verb}({type_name(value)}={show(value)})"


def _signed(text: str, flags: str) -> str:
    """A number with the sign its flags ask for; infinity always shows one."""
    if text.startswith("-"):
        return text
    sign = "+" if "+" in flags else " " if " " in flags else ""
    return sign + text.removeprefix("+") if sign else text


def _hex_float(value: float, verb: str) -> str:
    """``0x1.8p+01``: binary exponent of at least two digits, no trailing zeros."""
    if not math.isfinite(value):
        return show_float(value, "g", None)
    mantissa, _, exponent = value.hex().partition("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".") if mantissa.endswith("0") else mantissa
    text = f"{mantissa}p{exponent[0]}{exponent[1:].zfill(2)}"
    return text.upper() if verb == "X" else text


def _integer(verb: str, flags: str, precision: int | None, value: int) -> str:
    if verb == "c":
        return chr(value) if 0 <= value <= 0x10FFFF else "\ufffd"
    if verb == "U":
        return f"U+{value:04X}"
    if verb == "q":
        char = chr(value) if 0 <= value <= 0x10FFFF else "\ufffd"
        return "'\\''" if char == "'" else f"'{quote(char, ascii_only='+' in flags)[1:-1]}'" if char != '"' else "'\"'"
    if verb not in "dxXobO":
        return _wrong(verb, value)
    prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(verb, "") if "#" in flags else ""
    digits = format(abs(value), verb.replace("O", "o"))
    if precision is not None:
        digits = "" if precision == 0 and value == 0 else digits.rjust(precision, "0")
    text = f"{'-' if value < 0 else ''}{'0o' if verb == 'O' else prefix}{digits}"
    return _signed(text, flags)


def _string(verb: str, flags: str, precision: int | None, text: str, value: object) -> str:
    match verb:
        case "s":
            return text if precision is None else text[:precision]
        case "q":
            cut = text[:precision]
            return f"`{cut}`" if "#" in flags and "`" not in cut else quote(cut, ascii_only="+" in flags)
        case "x" | "X":
            pairs = [f"{byte:02x}" for byte in text.encode()[:precision]]
            prefix = "0x" if "#" in flags else ""
            digits = (
                " ".join(prefix + pair for pair in pairs) if " " in flags else prefix * bool(pairs) + "".join(pairs)
            )
            return digits.upper() if verb == "X" else digits
    return _wrong(verb, value)


def _pad(text: str, flags: str, width: int, precision: int | None, value: object) -> str:
    if "-" in flags or width < 0:
        return text.ljust(abs(width))
    whole_with_precision = isinstance(value, int) and precision is not None
    if "0" in flags and not text.endswith(("Inf", "NaN")) and not whole_with_precision:
        sign = text[0] if text[:1] in ("+", "-", " ") and isinstance(value, int | float) else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)


_QUOTE = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def quote(text: str, *, ascii_only: bool = False) -> str:
    """strconv.Quote: a Go string literal; QuoteToASCII when ``ascii_only``."""
    out: list[str] = []
    for char in text:
        if char in _QUOTE:
            out.append(_QUOTE[char])
        elif (char == " " or char.isprintable()) and (char.isascii() or not ascii_only):
            out.append(char)
        elif ord(char) < 0x80:
            out.append(f"\\x{ord(char):02x}")
        else:
            out.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
    return f'"{"".join(out)}"'
