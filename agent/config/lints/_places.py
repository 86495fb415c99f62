"""From a place in a rule to line and column in its file.

Rules keep only where they begin: what runs all day should not carry the positions of each key. They are read again
here, from the same text, for the files in which something was found.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from agent.config.lints._model import Place, Rule
from agent.config.lints._offsets import Offsets
from rules.api import Documents, Mapping, Node, Scalar, Sequence, places_in, read_yaml


class Places:
    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text

    @cached_property
    def _inside(self) -> Callable[[Scalar, int], tuple[int, int]]:
        """Where a character of a value stands."""
        return places_in(self._text).of

    def locate(self, rule: Rule, place: Place) -> tuple[int, int]:
        """Line and column, from 1."""
        found = self._rules.get((rule.line, rule.column))
        if found is None:
            return rule.line, rule.column
        mapping, group = found
        key, value = _entry(mapping, place.key)
        if key is None and place.key[:1] == ("labels",):
            key, value = _entry(group, place.key)  # the labels of the group count for each of its rules
        if key is None:
            return rule.line, rule.column
        if place.node is None or not isinstance(value, Scalar):
            return key.line, key.column
        return self._inside(value, Offsets(rule.text, rule.expr).of(place.node, place.matcher))

    @cached_property
    def _rules(self) -> dict[tuple[int, int], tuple[Mapping, Mapping]]:
        """Each rule with its group, by where it begins."""
        root, _ = read_yaml(self._text, self._file, Documents.FIRST)
        groups = root.get("groups") if isinstance(root, Mapping) else None
        found: dict[tuple[int, int], tuple[Mapping, Mapping]] = {}
        for group in groups.items if isinstance(groups, Sequence) else ():
            rules = group.get("rules") if isinstance(group, Mapping) else None
            for rule in rules.items if isinstance(rules, Sequence) else ():
                if isinstance(rule, Mapping) and isinstance(group, Mapping):
                    found[(rule.line, rule.column)] = (rule, group)
        return found


def _entry(mapping: Mapping, path: tuple[str, ...]) -> tuple[Scalar | None, Node | None]:
    """The key at the end of a path, or the last one on the way that is written, with its value."""
    found: tuple[Scalar | None, Node | None] = (None, None)
    node: Node | None = mapping
    for step in path:
        items = node.items if isinstance(node, Mapping) else ()
        entry = next(((key, value) for key, value in items if key.value == step), None)
        if entry is None:
            break
        found = entry
        node = entry[1]
    return found
