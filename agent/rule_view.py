"""A rule as ``tocsin explain --rule`` shows it: when it fires, what takes its alerts back, and what it reads now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rules.api import (
    AlertingRule,
    SeriesWindow,
    Vector,
    api_value,
    compile_expr,
    explain_rule,
    parse,
    read_texts,
    recovery_text,
)

SHOWN = 5
"""Series of a selector whose values are shown."""


def explained(file: str, rule: AlertingRule, series: SeriesWindow | None = None, now: int = 0) -> Mapping[str, Any]:
    """``lines`` for people, and the same for programs. Without ``series`` nobody knows what the rule reads now."""
    lines = [f"{rule.name} ({file}:{rule.line})", f"fires when: {rule.text}", *explain_rule(rule)]
    plain = {"rule": rule.name, "file": file, "line": rule.line, "recovery": recovery_text(rule.expr)}
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
