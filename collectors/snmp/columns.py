"""One object of a profile as a function from what the device gave for it to samples.

It is made once. Numbers that need nothing done to them, nearly all of what is polled, take one list comprehension; what
has a text, a unit or a condition goes row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from collectors._model import Labels, Sample
from collectors.snmp import syntaxes
from collectors.snmp.display_hint import shown
from collectors.snmp.extracts import extractor
from collectors.snmp.names import Cells, before
from collectors.snmp.port import Row, Value
from collectors.snmp.profile import Form, Object, Only, Sensor, Syntax

EXACT = (1 << 53) - 1
"""Counters go on modulo 2^53, as with snmp_exporter: a float holds every whole number below exactly."""
_NUMBERS = frozenset({Syntax.GAUGE, Syntax.COUNTER, Syntax.FLOAT, Syntax.DOUBLE})
_DATES: dict[Syntax, Callable[[Value], float | None]] = {
    Syntax.DATE_AND_TIME: syntaxes.date_and_time,
    Syntax.NTP_TIME_STAMP: syntaxes.ntp_time_stamp,
}
_new = partial(tuple.__new__, Sample)

Beside = Mapping[str, Cells]
"""Other columns of the same table by OID, which say what a value means."""
Given = Iterable[tuple[str, str | None, float]]
"""What one value becomes: name, text of the label with the object's name if it gets one, and value."""
_Give = Callable[[Value, str, Beside], Given | None]
"""From a value, its index and what stands beside; None when the value is not of the type that it should be."""
Labelled = Callable[[str], Labels | None]


class Made:
    """What rows became. ``wrong`` counts, by object, what was left out: an index or a type that is not the object's."""

    __slots__ = ("samples", "wrong")

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.wrong: dict[str, int] = {}


Emit = Callable[[Sequence[Row], Mapping[str, Labels | None], Beside, Made], None]
"""Appends to ``made`` what the rows of the object become. A mapping without an index makes its labels itself."""


def emitter(each: Object, root: str, only: Only | None = None) -> Emit:
    """The function for an object whose rows stand below ``root``. ``only`` is what the whole table leaves out."""
    conditions = tuple(filter(None, (only, each.only)))
    slow = _row_by_row(each, root, _give(each), conditions)
    if conditions or beside(each) or not _is_plain(each):
        return slow
    begin = len(root) + 1
    name, counter = each.name, each.type is Syntax.COUNTER

    def emit(rows: Sequence[Row], names: Mapping[str, Labels | None], others: Beside, made: Made) -> None:
        if counter:
            fresh = [
                _new((name, names[oid[begin:]], float(value & EXACT), None))
                for oid, value in rows
                if type(value) is int and value >= 0
            ]
        else:
            fresh = [_new((name, names[oid[begin:]], float(value), None)) for oid, value in rows if type(value) is int]
        if len(fresh) == len(rows) and not getattr(names, "bad", False):
            made.samples += fresh
        else:  # something is not as it should be: once more, looking at each
            slow(rows, names, others, made)

    return emit


def beside(each: Object) -> tuple[str, ...]:
    """The columns that must be read together with this one."""
    found = []
    if each.type in syntaxes.COMBINED:
        found.append(before(each.oid))
    if each.only is not None:
        found.append(each.only.oid)
    if each.sensor is not None:
        found += [each.sensor.scale, each.sensor.precision]
    if each.saturates is not None:
        found.append(each.saturates.oid)
    return tuple(found)


def is_number(each: Object) -> bool:
    """Whether the metric is the object's own value, as a number."""
    return each.type in _NUMBERS and each.as_ is Form.RAW


def _is_plain(each: Object) -> bool:
    usual = (each.scale, each.offset, each.unsigned, each.ignore_values) == (1.0, 0.0, False, ())
    return each.type in (Syntax.GAUGE, Syntax.COUNTER) and each.as_ is Form.RAW and usual


def _row_by_row(each: Object, root: str, give: _Give, conditions: tuple[Only, ...]) -> Emit:
    begin, own = len(root) + 1, each.name
    ignored = frozenset(each.ignore_values)

    def emit(rows: Sequence[Row], names: Mapping[str, Labels | None], others: Beside, made: Made) -> None:
        for oid, value in rows:
            suffix = oid[begin:]
            if value in ignored or not _counts(suffix, conditions, others):
                continue
            labels = names[suffix]
            given = None if labels is None else give(value, suffix, others)
            if labels is None or given is None:
                made.wrong[own] = made.wrong.get(own, 0) + 1
                continue
            for name, label, result in given:
                full = labels if label is None else _with(labels, own, label)
                made.samples.append(Sample(name, full, result))

    return emit


def _counts(suffix: str, conditions: tuple[Only, ...], others: Beside) -> bool:
    return all(others.get(each.oid, {}).get(suffix) in each.values for each in conditions)


def _with(labels: Labels, name: str, text: str) -> Labels:
    """With one label more, unless the index has it already."""
    if not text or any(label == name for label, _ in labels):
        return labels
    return tuple(sorted((*labels, (name, text))))


def _give(each: Object) -> _Give:
    match each.as_:
        case Form.INFO:
            return partial(_info, each)
        case Form.STATESET:
            return partial(_states, each)
        case Form.BITS:
            return partial(_bits, each)
    if each.type in _NUMBERS:
        return partial(_number, each)
    if each.type in _DATES:
        return partial(_date, each)
    if each.type is Syntax.PARSE_DATE_AND_TIME:
        return partial(_parsed_date, each)
    if each.regex_extracts:
        return partial(_extracted, each, extractor(each.regex_extracts))
    return partial(_text, each)


def _number(each: Object, value: Value, suffix: str, others: Beside) -> Given | None:
    if type(value) is int:
        if each.type is Syntax.COUNTER:
            if value < 0:
                return None
            value &= EXACT
        elif value < 0 and each.unsigned:
            value += 1 << 32
    result = syntaxes.number(value)
    if result is None:
        return None
    if each.saturates is not None and result == each.saturates.at:
        better = others.get(each.saturates.oid, {}).get(suffix)
        if type(better) is int:
            result = better * each.saturates.scale
    if each.sensor is not None:
        real = _real(result, suffix, each.sensor, others)
        if real is None:
            return ()
        result = real
    return ((each.name, None, result * each.scale + each.offset),)


def _real(reading: float, suffix: str, sensor: Sensor, others: Beside) -> float | None:
    """The reading in units; None when the device does not say what it means."""
    scale = others.get(sensor.scale, {}).get(suffix)
    precision = others.get(sensor.precision, {}).get(suffix)
    if type(scale) is not int or type(precision) is not int or not 1 <= scale <= 17 or not -8 <= precision <= 9:
        return None
    exponent = 3 * (scale - 9) - precision
    power = float(10 ** abs(exponent))
    return reading * power if exponent >= 0 else reading / power


def _date(each: Object, value: Value, _suffix: str, _others: Beside) -> Given | None:
    seconds = _DATES[each.type](value)
    return None if seconds is None else ((each.name, None, seconds),)


def _parsed_date(each: Object, value: Value, _suffix: str, _others: Beside) -> Given | None:
    seconds = syntaxes.parse_date(syntaxes.text(value, Syntax.DISPLAY_STRING), each.datetime_pattern)
    return None if seconds is None else ((each.name, None, seconds),)


def _text(each: Object, value: Value, suffix: str, others: Beside) -> Given | None:
    return ((each.name, _shown(each, value, suffix, others), 1.0),)


def _extracted(
    each: Object, extract: Callable[[str], Given], value: Value, suffix: str, others: Beside
) -> Given | None:
    found = extract(_shown(each, value, suffix, others))
    return [(each.name + ending, None, result) for ending, _, result in found]


def _shown(each: Object, value: Value, suffix: str, others: Beside) -> str:
    if each.display_hint and isinstance(value, bytes):
        return shown(value, each.display_hint)
    syntax = each.type
    if syntax in syntaxes.COMBINED:
        syntax = syntaxes.combined(others.get(before(each.oid), {}).get(suffix), syntax)
    return syntaxes.text(value, syntax)


def _info(each: Object, value: Value, _suffix: str, _others: Beside) -> Given | None:
    if type(value) is not int:
        return None
    return ((each.name + "_info", each.enum.get(value) or str(value), 1.0),)


def _states(each: Object, value: Value, _suffix: str, _others: Beside) -> Given | None:
    if type(value) is not int:
        return None
    states = [(each.name, text, 1.0 if number == value else 0.0) for number, text in each.enum.items()]
    return states if value in each.enum else [*states, (each.name, str(value), 1.0)]


def _bits(each: Object, value: Value, _suffix: str, _others: Beside) -> Given | None:
    if not isinstance(value, bytes):
        return None
    size = 8 * len(value)
    return [
        (each.name, text, 1.0 if bit < size and value[bit // 8] & (128 >> bit % 8) else 0.0)
        for bit, text in each.enum.items()
    ]
