"""From a place in a rule to line and column in its file.

Rules keep only where they begin: what runs all day should not carry the positions of each key. They are read again
here, from the same text, for the files in which something was found.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from agent.config.lints._model import Place, Rule
from agent.config.lints._tokens import Offsets
from rules.api import Documents, Mapping, Node, Scalar, Sequence, read_yaml

_ESCAPES = {"x": 4, "u": 6, "U": 10}
"""Length of an escape in double quotes by its letter; all others are two characters long."""


class Places:
    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text.removeprefix("\ufeff")

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

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self._text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def _inside(self, scalar: Scalar, offset: int) -> tuple[int, int]:
        """Where the character ``offset`` of a value stands, whatever the style it is written in.

        What is not blank comes in the same order in the value and in the file; only escapes differ in length.
        """
        count = sum(not char.isspace() for char in scalar.value[:offset])
        text, at = self._text, self._starts[scalar.line - 1] + scalar.column - 1
        style = text[at : at + 1]
        if style in ("|", ">"):
            at = text.find("\n", at) + 1
        elif style in ("'", '"'):
            at += 1
        while at < len(text):
            length, blank = _character(text, at, style)
            if not blank:
                if not count:
                    line = bisect_right(self._starts, at)
                    return line, at - self._starts[line - 1] + 1
                count -= 1
            at += length
        return scalar.line, scalar.column


def _character(text: str, at: int, style: str) -> tuple[int, bool]:
    """How many characters of the file make the next one of the value, and whether that is blank."""
    char = text[at]
    if style == '"' and char == "\\":
        letter = text[at + 1 : at + 2]
        return _ESCAPES.get(letter, 2), letter in ("n", "t", "r", " ", "\n", "_", "N", "L", "P", "v", "f")
    if style == "'" and char == "'":
        return 2, False
    return 1, char.isspace()


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
