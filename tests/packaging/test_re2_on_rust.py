"""The stand-in for google-re2 on devices gives the same verdicts as google-re2."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.template.texts import replace_all

pytest.importorskip("flpc", reason="flpc is not installed (make .venv/.dev)")
SOURCE = Path(__file__).parents[2] / "deploy/devices/re2_on_rust/re2.py"


def stand_in() -> ModuleType:
    spec = importlib.util.spec_from_file_location("re2_on_rust", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OURS = stand_in()
TEXTS = (
    '', 'a', 'ab', 'aab', 'abc', 'ABC', 'eth0', 'eth0.100', '/var/lib/docker/overlay2/x', 'foo bar\nbaz', '[x]',
    'a-b', 'a{,5}', 'é', 'İ', 'K', 'ſ', '١', 'x_1 y', '<a>', 'a&&b', 'a~b', '日本', 'k', '\t \x0b', 'a.b+c', '1.5e3',
    'loop12', 'PING :token', 'SSH-2.0-OpenSSH_9', 'aaaaaaaaaa', '{', '\\', ']', '^$', '\x00',
)  # fmt: skip
PATTERNS = (
    'a', '^a', 'a$', '^(?:a|ab)$', '(a)(b)?(c)?', '(?P<x>a)(?P<y>b)?', '(?<x>a)b', '[[]', '[]a]', '[^]a]', '\\<a',
    'a{,5}', '{', 'a{2}', 'a{2,}', 'a{0,3}?', '[a&&b]', '[a~~b]', '\\pN', '\\p{Greek}|\\p{Lu}', '\\p{^Lu}', '\\PL',
    '\\Qa.b+\\E.', '\\Qa', '\\d+', '\\D', '\\w+', '\\W', '\\s', '\\S+', '[\\w-z]', '[^\\W\\d]', '[\\s\\S]', '\\bx',
    'b\\B', '\\b', '(?i)k', '(?i)\\w', '(?i)[k-l]', '(?i)ABC', '(?s).', '(?-s).', '(?s)foo.*baz', '(?m)^baz$',
    '(?m)bar$', '(?U)a+', '(?U)a+?', 'a*?', 'a+?b', '(?s-i:a.)', '\\x41|\\x{e9}', '\\101', '\\07', '\\a\\f\\v', '\\ ',
    '\\_', '\\-', '[\\]]', '[a-]', '[-a]', '[a-b-c]', '[+--]', '[[:alpha:]]+', '[[:^alpha:]]', '[[:word:]-]', '^*',
    '(|a)*', '()', 'a||b', '\\A\\z', '^(eth|veth|lo)[0-9.]*$', '日', '[日-本]', '^/(sys|proc|var/lib/docker/.+)($|/)',
    '(a|b|)+c', 'x*', '^:[^ ]+ 001', '([0-9.]+)e([0-9]+)', '(?i:é)', '[^é]', ']', '}', '(a', 'a)', 'a**', 'a++',
    'a{2}{3}', 'a*??', '*a', 'a|*', 'a{1001}', 'a{3,2}', '(a{1000}){1000}', '\\8', '\\1', '\\é', '\\Z', '\\G',
    '(?=a)', '(?<=a)b', '(?P=x)', '(?#c)', '(?x)a b', '[a-\\d]', '[b-a]', '[a', '[]', '[^]', '[[:foo:]]', '\\',
    '(?P<x>a)(?P<x>b)', '(?P<>a)', '\\p{Foo}', '(?i', '(?', '(?)', '\\x{110000}', '\\xg', '(?z)',
)  # fmt: skip


def verdict(engine: Any, pattern: str, *, dot_nl: bool, texts: tuple[str, ...] = TEXTS) -> object:
    """What an engine makes of a pattern: refused, or where it matches in each text."""
    options = engine.Options()
    options.log_errors = False
    options.dot_nl = dot_nl
    try:
        compiled = engine.compile(pattern, options)
    except engine.error as refused:
        return "refused" if isinstance(refused.args[0], bytes) else refused
    told = [compiled.groups, dict(compiled.groupindex)]
    for text in texts:
        for found in (compiled.search(text), compiled.fullmatch(text)):
            told.append(None if found is None else (found.span(), found.group(0), found.groups()))
    return told


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_same_verdicts(pattern: str) -> None:
    for dot_nl in (False, True):
        assert verdict(OURS, pattern, dot_nl=dot_nl) == verdict(re2, pattern, dot_nl=dot_nl)


PIECES = (
    'a', 'b', '.', '^', '$', '(', ')', '(?:', '|', '*', '+', '?', '{2}', '{0,2}', '[ab]', '[^a]', '\\d', '\\w', '\\b',
    '\\.', '-', 'é', '[', ']', '(?i:', '\\s', '{', '}', 'x{1,}',
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text("abéx0 \n.-", max_size=8))
def test_the_same_verdicts_for_what_nobody_wrote(pattern: str, text: str) -> None:
    assert verdict(OURS, pattern, dot_nl=False, texts=(text,)) == verdict(re2, pattern, dot_nl=False, texts=(text,))


def test_replacing_goes_from_match_to_match_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    def replaced() -> list[str]:
        texts = ("", "aab aé", "x1y22", "日本a\nb")
        return [
            replace_all(pattern, "<$1${0}>", text)
            for pattern in ("a*", "(a|b)", r"\d+", "", r"\b", "(?m)^|$")
            for text in texts
        ]

    theirs = replaced()
    monkeypatch.setitem(sys.modules, "re2", OURS)
    assert replaced() == theirs


def test_a_group_by_its_name_and_one_that_is_not_there() -> None:
    found = OURS.compile("(?P<x>a)(b)?").search("za")
    assert (found.group("x"), found.group(2), found.start(), found.end()) == ("a", None, 1, 2)
    with pytest.raises(IndexError):
        found.group(3)
    with pytest.raises(KeyError):
        found.group("y")


def test_a_match_outlives_its_text() -> None:
    """A match of flpc reads memory that is not its own any more once the text is gone."""
    found = [OURS.compile("(b+)").search("a" * 100 + f"b{number}" * 100) for number in range(100)]
    churn = ["x" * size for size in range(100, 1_000)]
    assert [each.group(1) for each in found] == ["b"] * 100
    del churn


def test_no_pattern_stalls_it() -> None:
    compiled = OURS.compile("(a|aa)+$x|(?:a*)*b|(a{1,50}){1,20}c")
    began = time.process_time()
    assert compiled.search("a" * 100_000) is None
    assert time.process_time() - began < 2
