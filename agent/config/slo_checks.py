"""What is wrong with objectives beyond their form: names, services, expressions, calendars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.config.checks import Path_, Source, repeated
from agent.config.scalars import duration_text
from agent.config.schema import Config
from agent.config.slo import Planned, Slo
from agent.config.slo_rules import slo_text, takes_a_range
from agent.config.words import quoted
from agent.core.calendar import DAY as MINUTES
from agent.core.calendar import Calendar, DatedWindow, WeeklyWindow
from rules.api import (
    ExprError,
    Problem,
    ValueType,
    VectorSelector,
    did_you_mean,
    parse,
    parse_rule_file,
    value_type,
)

MAX_INTERVAL = 60_000
_GIVES = {ValueType.SCALAR: "a number", ValueType.STRING: "a text", ValueType.MATRIX: "a range of samples"}


def check_slos(config: Config, source: Source, broken: frozenset[str]) -> Iterator[Problem]:
    """All problems of the section; ``broken`` names sections that stand at their default because they are wrong."""
    if config.collect.interval > MAX_INTERVAL and "collect" not in broken:
        message = f"objectives count by the minute, and 'collect.interval' is {duration_text(config.collect.interval)}"
        yield source.problem(("slo",), message, "collect at least every 1m", "config/range")
    for number, name in repeated([slo.name for slo in config.slo]):
        hint = "give each objective a name of its own"
        yield source.problem(
            ("slo", number, "name"), f"objective {quoted(name)} stands twice", hint, "config/duplicate"
        )
    services = None if "catalogue" in broken else [service.name for service in config.catalogue.services]
    for number, slo in enumerate(config.slo):
        path: Path_ = ("slo", number)
        wrong = list(_one(source, path, slo))
        yield from wrong or _made(source, path, slo, config.collect.interval)
        if services and slo.service and slo.service not in services:
            message = f"there is no service {quoted(slo.service)} in the catalogue"
            hint = did_you_mean(slo.service, services)
            yield source.problem((*path, "service"), message, hint, "config/reference")


def _one(source: Source, path: Path_, slo: Slo) -> Iterator[Problem]:
    for key in ("good", "total", "indicator"):
        text = getattr(slo, key)
        if text is not None:
            yield from _expression(source, (*path, key), key, text)
    if slo.planned is not None:
        yield from _planned(source, (*path, "planned"), slo.planned)


def _made(source: Source, path: Path_, slo: Slo, interval: int) -> Iterator[Problem]:
    """What is right by itself and makes a wrong rule all the same, such as a comment behind an expression."""
    _, problems = parse_rule_file(slo_text([slo], interval), source.file)
    for problem in problems[:1]:
        message = f"the rules of objective {quoted(slo.name)} would be wrong: {problem.message}"
        hint = "write its expressions on one line each, without comments; tocsin check --show-slo shows what is made"
        yield source.problem(path, message, hint, problem.check)


def _expression(source: Source, path: Path_, key: str, text: str) -> Iterator[Problem]:
    try:
        expr = parse(text)
    except ExprError as error:
        yield source.problem(path, f"'{key}' is not an expression: {error.message}", error.hint, "promql/syntax")
        return
    if key == "indicator":
        kind = value_type(expr)
        if kind is not ValueType.VECTOR:
            hint = "write an expression whose value is 1 while the service works and 0 while it does not"
            yield source.problem(path, f"'indicator' gives {_GIVES[kind]}", hint, "promql/type")
        return
    if not isinstance(expr, VectorSelector) or not takes_a_range(text):
        message = f"'{key}' must be a plain selector of counters"
        hint = 'write it without functions, as in requests_total{code!~"5.."}: the rules put rate() around it'
        yield source.problem(path, message, hint, "promql/type")


def _planned(source: Source, path: Path_, planned: Planned) -> Iterator[Problem]:
    try:
        ZoneInfo(planned.location)
    except (KeyError, OSError, ValueError):  # not found, not readable, or no name at all
        hint = "write a name such as Asia/Shanghai; if it is one, install the package tzdata"
        message = f"this machine knows no time zone {quoted(planned.location)}"
        yield source.problem((*path, "location"), message, hint, "config/value")
    for number, window in enumerate(planned.dated):
        where = (*path, "dated", number)
        try:
            start, end = datetime.fromisoformat(window.start), datetime.fromisoformat(window.end)
        except ValueError as error:
            yield source.problem(where, f"there is no such date: {error}", "write one of the calendar", "config/value")
            continue
        if start >= end:
            message = f"the window ends ({window.end}) before it has begun ({window.start})"
            yield source.problem((*where, "end"), message, "write a later end", "config/range")


def calendars(slos: tuple[Slo, ...]) -> Mapping[str, Calendar]:
    """The calendar of each objective that has one, by its name. Of a checked configuration only."""
    return {slo.name: _calendar(slo.planned) for slo in slos if slo.planned is not None}


def _calendar(planned: Planned) -> Calendar:
    weekly = (
        WeeklyWindow(
            frozenset(list(type(day)).index(day) for day in window.weekdays),
            _minutes(window.start_time),
            _minutes(window.end_time),
        )
        for window in planned.weekly
    )
    dated = (
        DatedWindow(datetime.fromisoformat(window.start), datetime.fromisoformat(window.end))
        for window in planned.dated
    )
    return Calendar(ZoneInfo(planned.location), tuple(weekly), tuple(dated))


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return min(MINUTES, int(hours) * 60 + int(minutes))
