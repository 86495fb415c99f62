"""What is expected beside what is there: only keys that are written count, and a difference is shown as a diff.

Entries of a list are matched to those that differ least, so that one wrong key shows as one changed line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.config.scalars import duration_text, to_duration
from agent.scenario.schema import Kind, Table
from rules.api import Mapping as MappingNode
from rules.api import Node, Scalar, diff
from rules.api import Sequence as SequenceNode

Wanted = Kind | Table | tuple[Kind | Table]


@dataclass(frozen=True, slots=True)
class Difference:
    """Lines of a diff, and the first line of the file that it is about."""

    line: int
    lines: tuple[str, ...]


def compare(name: str, node: Node, got: Sequence[Mapping[str, Any]], wanted: Wanted) -> Difference | None:
    """None when the list ``got`` is as ``node`` says."""
    expected, found, wrong = _list(node, got, wanted, 0)
    if not wrong:
        return None
    head = [f"{name}:"]
    return Difference(min(wrong), diff([*head, *expected], [*head, *found]))


_Shown = tuple[list[str], list[str], list[int]]
"""Lines as expected, lines as there, and the lines of the file where they part."""


def _any(node: Node, got: Any, wanted: Wanted, indent: int) -> _Shown:
    if isinstance(wanted, tuple):
        return _list(node, got, wanted, indent)
    if isinstance(wanted, Table) and isinstance(node, MappingNode):
        return _mapping(node, got, wanted.keys, indent)
    if wanted is Kind.LABELS and isinstance(node, MappingNode):
        return _mapping(node, got, dict.fromkeys((key.value for key, _ in node.items), Kind.TEXT), indent)
    raise AssertionError("the reader lets only such values through")


def _mapping(node: MappingNode, got: Mapping[str, Any], keys: Mapping[str, Wanted], indent: int) -> _Shown:
    expected: list[str] = []
    found: list[str] = []
    wrong: list[int] = []
    for key, value in sorted(node.items, key=lambda item: item[0].value):
        kind, mine, head = keys[key.value], got.get(key.value), " " * indent + key.value + ":"
        if isinstance(kind, Kind) and kind is not Kind.LABELS:
            same = _is(value, mine, kind)
            text = _written(value)
            expected += _block(head, text)
            found += _block(head, text if same else _text(mine, kind))
            wrong += [] if same else [value.line]
        else:
            more = _any(value, mine if mine is not None else {}, kind, indent + 2)
            expected += [head, *more[0]]
            found += [head, *more[1]]
            wrong += more[2]
    return expected, found, wrong


def _list(node: Node, got: Sequence[Any], wanted: Wanted, indent: int) -> _Shown:
    if not isinstance(node, SequenceNode) or not isinstance(wanted, tuple):
        raise AssertionError("the reader lets only lists through")
    pairs, rest = _paired(node.items, got, wanted[0])
    expected: list[str] = []
    found: list[str] = []
    wrong: list[int] = []
    for item, mine in pairs:
        if mine is _MISSING:
            expected += _item(_entry(item, {}, wanted[0])[0], indent)
            wrong.append(item.line)
            continue
        shown = _entry(item, mine, wanted[0])
        expected += _item(shown[0], indent)
        found += _item(shown[1], indent)
        wrong += shown[2]
    for mine in rest:
        found += _item(_brief(mine), indent)
        wrong.append(node.line)
    if not node.items:
        expected = [" " * indent + "[]"]
    if not got:
        found = [" " * indent + "[]"]
    return expected, found, wrong


_MISSING = object()
_PAIRS = 20_000
"""Pairs that are tried; longer lists are compared in order."""


def _entry(item: Node, mine: Any, wanted: Kind | Table) -> _Shown:
    if isinstance(wanted, Table) and isinstance(item, MappingNode):
        return _mapping(item, mine, wanted.keys, 0)
    if not isinstance(wanted, Kind):
        raise AssertionError("the reader lets only mappings through")
    same = mine != {} and _is(item, mine, wanted)
    text = _written(item)
    return text, (text if same else _text(mine, wanted)), [] if same else [item.line]


def _paired(
    items: Sequence[Node], got: Sequence[Any], wanted: Kind | Table
) -> tuple[list[tuple[Node, Any]], list[Any]]:
    """Each expected entry with the one of ``got`` that differs least, in order; and those that nobody expects."""
    chosen: dict[int, int] = {}
    taken: set[int] = set()
    every = ((number, place) for number in range(len(items)) for place in range(len(got)))
    if len(items) * len(got) > _PAIRS:
        every = ((number, number) for number in range(min(len(items), len(got))))
    costs = sorted(
        (len(_entry(items[number], got[place], wanted)[2]), abs(number - place), number, place)
        for number, place in every
    )
    for _, _, number, place in costs:
        if number not in chosen and place not in taken:
            chosen[number] = place
            taken.add(place)
    pairs = [(item, got[chosen[number]] if number in chosen else _MISSING) for number, item in enumerate(items)]
    return pairs, [mine for place, mine in enumerate(got) if place not in taken]


def _is(node: Node, mine: Any, kind: Kind) -> bool:
    if isinstance(node, MappingNode):  # {contains: ...}
        return all(part in str(mine) for part in _parts(node))
    if not isinstance(node, Scalar):
        return False
    if node.is_null:
        return mine is None or mine == ""
    if mine is None:
        return False
    if kind is Kind.TIME:
        return abs(int(mine) - to_duration(node.value)) < _SAME_MS
    if kind is Kind.NUMBER:
        wanted = float(node.value)
        return float(mine) == wanted or (math.isnan(wanted) and math.isnan(mine))
    return str(mine).rstrip("\n") == node.value.rstrip("\n")


_SAME_MS = 100
"""Times this close are one: what a person does comes just after the pass of that moment."""


def _parts(node: MappingNode) -> list[str]:
    ((_, value),) = node.items
    texts = value.items if isinstance(value, SequenceNode) else (value,)
    return [text.value for text in texts if isinstance(text, Scalar)]


def _written(node: Node) -> list[str]:
    if isinstance(node, MappingNode):
        return [f"... {line}" for part in _parts(node) for line in part.splitlines()]
    text = node.text if isinstance(node, Scalar) else ""
    return text.rstrip("\n").splitlines() or ["none"]


def _text(mine: Any, kind: Kind) -> list[str]:
    if mine is None or mine in ("", {}):
        return ["none"]
    if kind is Kind.TIME:
        return [duration_text(int(mine)) if mine >= 0 else f"-{duration_text(-int(mine))}"]
    if kind is Kind.NUMBER:
        return [f"{mine:.17g}" if isinstance(mine, float) else str(mine)]
    return str(mine).rstrip("\n").splitlines() or ["none"]


def _block(head: str, text: Sequence[str]) -> list[str]:
    if len(text) == 1:
        return [f"{head} {text[0]}"]
    pad = " " * (len(head) - len(head.lstrip()) + 2)
    return [head, *(pad + line for line in text)]


def _item(lines: Sequence[str], indent: int) -> list[str]:
    pad = " " * indent
    return [pad + ("- " if number == 0 else "  ") + line for number, line in enumerate(lines or ["{}"])]


def _brief(mine: Any) -> list[str]:
    """An entry that nobody expects, by what tells it from others."""
    if not isinstance(mine, Mapping):
        return str(mine).splitlines() or ["none"]
    names = ("alertname", "rule", "number", "at", "act", "ticket", "state", "priority", "title", "labels")
    lines = []
    for name in names:
        if mine.get(name) not in (None, "", {}):
            value = mine[name]
            text = duration_text(value) if name == "at" else _flat(value)
            lines.append(f"{name}: {text}")
    return lines


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {text}" for key, text in sorted(value.items())) + "}"
    return str(value)
