"""A rule as ``tocsin explain --rule`` shows it: when it fires, what takes its alerts back, and what it reads now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rules.api import (
    AlertingRule,
    Recordings,
    RuleFile,
    SeriesWindow,
    Vector,
    api_value,
    compile_expr,
    explain_rule,
    parse,
    read_texts,
    recordings_of,
    recovery_text,
)

SHOWN = 5
"""Series of a selector whose values are shown."""


def rules_named(name: str, files: Iterable[RuleFile]) -> list[tuple[str, AlertingRule]]:
    """The alert rules of this name, each with its file: two grades of one fault are two rules of one name."""
    return [(file.file, rule) for file in files for rule in file.alerts if rule.name == name]


def explained(
    rules: Sequence[tuple[str, AlertingRule]],
    files: Iterable[RuleFile] = (),
    series: SeriesWindow | None = None,
    now: int = 0,
) -> Mapping[str, Any]:
    """The rules of one name: ``lines`` for people, and the same for programs.

    ``files`` are all that are in force, for what they record. Without ``series`` nobody knows what the rules read now.
    """
    made = recordings_of(rule for file in files for rule in file.rules)
    each = [_explained(file, rule, made, series, now) for file, rule in rules]
    lines: list[str] = []
    for one in each:
        lines += [*([""] if lines else []), *one.pop("lines")]
    return {"rule": rules[0][1].name, "rules": each, "lines": lines}


def _explained(
    file: str, rule: AlertingRule, made: Recordings, series: SeriesWindow | None, now: int
) -> dict[str, Any]:
    lines = [f"{rule.name} ({file}:{rule.line})", f"fires when: {rule.text}", *explain_rule(rule, made)]
    plain = {"file": file, "line": rule.line, "recovery": recovery_text(rule.expr, made)}
    if series is None:
        return {**plain, "lines": lines}
    reads = [_reads(text, series, now) for text in read_texts(rule.expr)]
    lines += ["what it reads, and what is there now:", *(line for each in reads for line in _lines(each))]
    return {**plain, "reads": reads, "lines": lines}


def _reads(selector: str, series: SeriesWindow, now: int) -> Mapping[str, Any]:
    found = compile_expr(parse(selector)).instant(series, now)
    elements = found.elements if isinstance(found, Vector) else ()
    shown = [{"labels": dict(each.labels), "value": api_value(each.value)} for each in elements[:SHOWN]]
    return {"selector": selector, "series": len(elements), "values": shown}


def _lines(read: Mapping[str, Any]) -> Sequence[str]:
    count = read["series"]
    lines = [f"  {read['selector']}: {f'{count} series' if count else 'nothing'}"]
    for each in read["values"]:
        labels = ", ".join(f'{name}="{value}"' for name, value in sorted(each["labels"].items()))
        lines.append(f"    {each['value']}  {{{labels}}}")
    return [*lines, "    ..."] if count > len(read["values"]) else lines
