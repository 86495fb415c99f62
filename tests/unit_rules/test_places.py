"""Positions inside of YAML values: the place told is the place of the character, in every style."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.places import Places
from rules.source import Mapping, Scalar, read_yaml


def value_of(text: str) -> Scalar:
    node, problems = read_yaml(text, "f.yml")
    assert not problems
    assert isinstance(node, Mapping)
    found = node.get("expr")
    assert isinstance(found, Scalar)
    return found


def char_at(text: str, line: int, column: int) -> str:
    return text.split("\n")[line - 1][column - 1 : column]


STYLES = {
    "plain": "expr: sum(up) §== 1\n",
    "plain over lines": "a: 1\nexpr: sum(up)\n   and up\n\n   §== 1\nb: 2\n",
    "single quoted": "expr: 'up{a=''b''} §== 1'\n",
    "double quoted": 'expr: "up{a=\\"b\\", c=\\x22\\u0041\\U00000042\\x22} §== 1"\n',
    "double quoted over lines": 'expr: "up\n  + \\\n   \\ up\n\n  §== 1"\n',
    "escaped line break": 'expr: "up\\n\\t  §== 1"\n',
    "literal": "expr: |\n  sum(up)\n    and up\n\n  §== 1\n",
    "literal with a comment": "expr: |-  # kept\n    up\n    §== 1\n",
    "literal with indentation": "expr: |1\n   up\n   §== 1\n",
    "folded": "expr: >\n  up\n  or\n\n    up\n  §== 1\n",
    "folded and stripped": "expr: >-\n  up\n  §== 1\n\n",
    "in a flow": "{a: 1, expr: up §== 1, b: 2}\n",
    "with an anchor": "expr: &x 'up §== 1'\n",
    "letters that are wide": "expr: 'up{a=\"日本語ä\"} §== 1'\n",
}


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_the_place_of_a_character_in_every_style(text: str) -> None:
    at = text.index("§")
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    text = text.replace("§", "")
    scalar = value_of(text)
    assert Places(text).of(scalar, scalar.value.index("==")) == (line, column)
    end = Places(text).of(scalar, len(scalar.value))
    assert char_at(text, end[0], end[1] - 1) == "1"


def test_carriage_returns_count_as_line_ends() -> None:
    text = "a: 1\r\nexpr: |\r\n  up\r\n  == 1\r\n"
    scalar = value_of(text)
    assert Places(text).of(scalar, scalar.value.index("==")) == (4, 3)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab1(){}[]'\"\\ \n:#,|>&*é日"), max_size=40), st.sampled_from(["", "'", '"', "|", ">"]))
def test_every_character_is_found_again(value: str, style: str) -> None:
    """YAML's own writer writes it; each character that is no white space must be found at its place."""
    text = yaml.dump({"expr": value}, default_style=style or None, allow_unicode=True, width=20)
    node, problems = read_yaml(text, "f.yml")
    if problems or not isinstance(node, Mapping):
        return
    scalar = node.get("expr")
    assert isinstance(scalar, Scalar)
    for offset, char in enumerate(scalar.value):
        line, column = Places(text).of(scalar, offset)
        if not char.isspace() and char_at(text, line, column) != "\\":
            assert char_at(text, line, column) == char
