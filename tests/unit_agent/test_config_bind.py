from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from agent.config.bind import INVALID, bind
from agent.config.schema import Config
from agent.config.words import locate, quoted
from integrations.api import CredentialRef
from rules.api import read_yaml


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wait: Annotated[int, Meta(ge=1000, extra={"unit": "ms"})] = 1000
    number: Annotated[int, Meta(ge=1, le=5)] | None = None


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user: str
    password: CredentialRef | None = None


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] = msgspec.field(default_factory=dict)
    colour: Colour = Colour.RED
    choice: Literal["a", "b"] = "a"
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    pair: tuple[int, str] = (0, "")
    either: int | str | tuple[str, ...] | None = None
    login: Login | None = None
    tags: frozenset[str] = frozenset()
    loose: Any = None
    short: Annotated[str, Meta(max_length=3)] = ""
    keyed: dict[Colour, int] = msgspec.field(default_factory=dict)


def bound(text: str) -> tuple[Any, list[str]]:
    node, problems = read_yaml(text, "f.yaml")
    assert not problems
    value, mistakes = bind(node, Outer, "f.yaml")
    return value, [f"{m.line}:{m.column} {m.message} ({m.hint})" for m in mistakes]


def test_everything_at_once() -> None:
    value, mistakes = bound(
        "inner: {wait: 5s, number: 3}\nmany:\n  - {}\n  - {wait: 2m}\nnamed: {x: {number: ~}}\n"
        "colour: blue\nchoice: b\n"
        "share: 0.25\npair: [7, seven]\neither: [p, q]\nlogin: {user: u, password: {credential: c}}\ntags: [t, t]\n"
        "loose: {a: [1, 2]}\nkeyed: {red: 1}\n"
    )
    assert not mistakes
    assert value == Outer(
        inner=Inner(5000, 3), many=(Inner(), Inner(120_000)), named={"x": Inner()}, colour=Colour.BLUE, choice="b",
        share=0.25, pair=(7, "seven"), either=("p", "q"), login=Login("u", CredentialRef("c")), tags=frozenset({"t"}),
        loose={"a": ["1", "2"]}, keyed={Colour.RED: 1},
    )  # fmt: skip


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("five", "five"), ("~", None), ('"5"', 5), ("[a]", ("a",))])
def test_unions_by_kind(text: str, value: object) -> None:
    found, mistakes = bound(f"either: {text}\n")
    assert not mistakes
    assert found.either == value


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("share: 1", "1:8 'share' must be more than 0 and less than 1, found '1' ()"),
        ("pair: [1]", "1:7 'pair' must be a list of 2 values, found 1 ()"),
        ("pair: [x, y]", "1:8 'pair[0]' must be a whole number, found 'x' (write digits only, such as 5)"),
        ("either: {a: b}", "1:9 'either' must be a whole number or text or a list of text, found a mapping ()"),
        ("many: [{wait: 1ms}]", "1:15 'many[0].wait' must be at least 1s, found '1ms' ()"),
        ("named: {x: [1]}", "1:12 'named.x' must be a mapping, found a list (write 'key: value' lines)"),
        ("login: {password: {credential: c}}", "1:8 'login' has no 'user' (add 'user: ...')"),
        ("short: long", "1:8 'short' must have at most 3 characters, found 4 ()"),
        ("colour: bleu", "1:9 'colour' must be one of red, blue, found 'bleu' (did you mean 'blue'?)"),
        ("keyed: {green: 1}", "1:9 the key 'green' of keyed must be one of red, blue, found 'green' ()"),
    ],
)
def test_mistakes(text: str, mistake: str) -> None:
    value, mistakes = bound(text)
    assert value is INVALID
    assert mistakes == [mistake]


def test_every_mistake_is_found() -> None:
    _, mistakes = bound("inner: {wait: 1, number: 9}\ncolour: x\nshare: y\nnope: 1\nmany: [{a: 1}, {wait: z}]\n")
    assert len(mistakes) == 7


@pytest.mark.parametrize(
    "text",
    ["login: {user: u, password: hunter2}", "login: {user: u, password: [hunter2]}",
     "login: {user: u, password: {hunter2: x}, extra: hunter2}", "login: {user: u, password: {credential: [hunter2]}}"],
)  # fmt: skip
def test_what_stands_where_a_credential_belongs_is_never_quoted(text: str) -> None:
    value, mistakes = bound(text)
    assert value is INVALID
    assert "hunter2" not in " ".join(mistakes).replace("unknown key 'hunter2'", "")


def test_quoted_is_short_one_line_and_without_login() -> None:
    assert quoted("https://user:hunter2@example.net/x") == "'https://***@example.net/x'"
    assert quoted("a\nb\x1b[31m") == "'a?b?[31m'"
    assert len(quoted("x" * 1000)) < 50


def test_locate_falls_back_to_what_is_written() -> None:
    node, _ = read_yaml("a:\n  b: [1, 2]\n", "f")
    assert locate(node, ("a", "b", 1)) == (2, 10)
    assert locate(node, ("a", "c", "d")) == (2, 3)
    assert locate(None, ("a",)) == (0, 0)


_KEYS = st.sampled_from(
    ["identity", "collect", "host", "route", "routes", "matchers", "receivers", "name", "interval", "x"]
)
_LEAVES = st.sampled_from(["", "~", "1", "15s", "on", "true", '"{{"', "a=b", "127.0.0.1:1", "-1", "[]", "{}"])


def _flow(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(children, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
    maps = st.dictionaries(_KEYS, children, max_size=4).map(
        lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
    )
    return lists | maps


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_KEYS, st.recursive(_LEAVES, _flow, max_leaves=12), max_size=6))
def test_no_document_raises(sections: dict[str, str]) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in sections.items())
    node, problems = read_yaml(text, "f.yaml")
    if problems:
        return
    value, mistakes = bind(node, Config, "f.yaml")
    assert (value is INVALID) == bool(mistakes)
    assert all(mistake.line >= 1 for mistake in mistakes) or not sections
