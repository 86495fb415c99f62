"""Every mistake that one object of a profile can have by itself or within its table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime

from collectors._options import OptionPath, OptionProblem
from collectors.snmp.display_hint import parse
from collectors.snmp.extracts import missing_group, pattern
from collectors.snmp.profile import Every, Form, Object, Syntax, Table
from collectors.snmp.syntaxes import COMBINED

Problems = Iterator[OptionProblem]
_NUMBERS = frozenset({Syntax.GAUGE, Syntax.COUNTER, Syntax.FLOAT, Syntax.DOUBLE})
_DATES = frozenset({Syntax.DATE_AND_TIME, Syntax.PARSE_DATE_AND_TIME, Syntax.NTP_TIME_STAMP})
_TEXTS = frozenset(Syntax) - _NUMBERS - _DATES


def check_object(each: Object, path: OptionPath, table: Table | None) -> Problems:
    """``table`` is None for a scalar."""
    yield from _enumeration(each, path)
    yield from _number(each, path)
    yield from _text(each, path)
    yield from _date(each, path)
    if table is None:
        yield from _scalar(each, path)
    else:
        yield from _column(each, path, table)


def _enumeration(each: Object, path: OptionPath) -> Problems:
    if each.as_ is not Form.RAW and not each.enum:
        yield OptionProblem((*path, "as"), f"{each.name} has no 'enum' to make a {each.as_.value} of", "add 'enum'")
    if each.as_ is not Form.RAW and each.type is not Syntax.GAUGE:
        yield OptionProblem((*path, "type"), f"an enumeration has no type {each.type.value}", "remove 'type'")
    texts: set[str] = set()
    for number, text in each.enum.items():
        here = (*path, "enum", str(number))
        if text in texts and each.as_ in (Form.STATESET, Form.BITS):
            yield OptionProblem(here, f"two numbers of {each.name} have the text {text!a}", "give each its own")
        texts.add(text)
        if each.as_ is Form.BITS and not 0 <= number < 2_048:
            yield OptionProblem(here, f"there is no bit {number}", "bits are counted from 0")


def _number(each: Object, path: OptionPath) -> Problems:
    plain = each.type in _NUMBERS and each.as_ is Form.RAW
    if each.scale == 0 or not math.isfinite(each.scale):
        yield OptionProblem((*path, "scale"), f"a scale of {each.scale:g} leaves nothing of the value", "correct it")
    if not math.isfinite(each.offset):
        yield OptionProblem(
            (*path, "offset"), f"an offset of {each.offset:g} leaves nothing of the value", "correct it"
        )
    given = {"scale": each.scale != 1, "offset": each.offset != 0, "unsigned": each.unsigned,
             "sensor": each.sensor is not None, "saturates": each.saturates is not None}  # fmt: skip
    for key, is_given in given.items():
        if is_given and not plain:
            yield _useless(each, path, key, "it is not published as a number")
    if each.type is not Syntax.COUNTER:
        for key in ("instead", "speed"):
            if getattr(each, key):
                yield _useless(each, path, key, "it is not a counter")
    for width, here in ((each.bits, path), (each.instead.bits if each.instead else 32, (*path, "instead"))):
        if width not in (32, 64):
            yield OptionProblem((*here, "bits"), f"a counter of {width} bits does not exist in SNMP", "write 32 or 64")


def _text(each: Object, path: OptionPath) -> Problems:
    if each.display_hint and each.type not in _TEXTS:
        yield _useless(each, path, "display_hint", f"a {each.type.value} is not text")
    elif each.display_hint:
        try:
            parse(each.display_hint)
        except ValueError as error:
            yield OptionProblem((*path, "display_hint"), str(error), "see RFC 2579, section 3.1")
    if each.regex_extracts and each.type not in _TEXTS:
        yield _useless(each, path, "regex_extracts", f"a {each.type.value} is not text")
    for suffix, several in each.regex_extracts.items():
        for number, extract in enumerate(several):
            here = (*path, "regex_extracts", suffix, number)
            try:
                expression = pattern(extract.regex)
            except ValueError as error:
                yield OptionProblem((*here, "regex"), str(error), "see github.com/google/re2/wiki/Syntax")
                continue
            if group := missing_group(expression, extract.value):
                text = f"the value takes group {group}, which the pattern does not have"
                yield OptionProblem((*here, "value"), text, "put what is to be taken in ( )")


def _date(each: Object, path: OptionPath) -> Problems:
    here = (*path, "datetime_pattern")
    if each.type is not Syntax.PARSE_DATE_AND_TIME:
        if each.datetime_pattern:
            yield _useless(each, path, "datetime_pattern", "only a ParseDateAndTime is read with one")
    elif not each.datetime_pattern:
        yield OptionProblem(
            (*path, "type"), f"{each.name} has no datetime_pattern", "add one, such as '%Y-%m-%d %H:%M'"
        )
    else:
        try:
            datetime.strptime("", each.datetime_pattern)  # noqa: DTZ007 - only tried
        except ValueError as error:
            if "does not match" not in str(error):
                yield OptionProblem(here, f"{each.datetime_pattern!a} is no pattern: {error}", "see strptime(3)")


def _scalar(each: Object, path: OptionPath) -> Problems:
    for key in ("only", "sensor", "saturates", "instead", "speed"):
        if getattr(each, key):
            yield _useless(each, path, key, "a scalar has no other columns beside it")
    if not re.search(r"\.[0-9]+\.0$", each.oid) and each.every is Every.LIVENESS:
        yield OptionProblem((*path, "oid"), f"{each.oid} is not a scalar", "the OID of a scalar ends in .0")


def _column(each: Object, path: OptionPath, table: Table) -> Problems:
    if each.oid.endswith(".0"):
        yield OptionProblem((*path, "oid"), f"{each.oid} is a scalar, not a column",
                            "write the OID of a column, without index, or put it under 'scalars'")  # fmt: skip
    if each.every is Every.LIVENESS:
        yield OptionProblem((*path, "every"), "a column is no sign of life: it is more than one request",
                            "write fast or slow")  # fmt: skip
    if each.speed and each.speed not in {other.name for other in table.columns}:
        yield OptionProblem((*path, "speed"), f"table {table.name} has no column {each.speed[:60]!a}",
                            "name the column that gives the speed in Mbit/s")  # fmt: skip
    if each.type in COMBINED and each.oid.endswith(".1"):
        yield OptionProblem((*path, "oid"), f"no column comes before {each.oid} to say its type", "write its own type")


def _useless(each: Object, path: OptionPath, key: str, why: str) -> OptionProblem:
    return OptionProblem((*path, key), f"'{key}' does nothing for {each.name}: {why}", f"remove '{key}'")
