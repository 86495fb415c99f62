"""Text is made inert and cut where a person would cut it."""

from __future__ import annotations

import unicodedata

import pytest
from fakes.hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from integrations._text import clean, clean_line, cut, cut_bytes

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=[]), max_size=80)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_becomes_inert(text: str) -> None:
    shown = clean(text)
    shown.encode()
    assert not any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" for char in shown)
    assert "\n" not in clean_line(text)


@given(ANY_TEXT)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert clean_line(clean_line(text)) == clean_line(text)


def test_ordinary_text_is_untouched() -> None:
    text = "Ein Satz, 一句话, עברית, 😀👩‍👩‍👧; <b>'\"\\{{x}}\n\tnext line"
    assert clean(text) == text


@given(ANY_TEXT, st.integers(0, 90))
def test_cut_keeps_a_beginning(text: str, limit: int) -> None:
    kept = cut(text, limit)
    assert len(kept) <= limit
    assert kept == text or (kept[-1:] in ("…", "") and text.startswith(kept[:-1]))


@given(ANY_TEXT.map(clean), st.integers(0, 200))
def test_cut_bytes_keeps_a_beginning(text: str, limit: int) -> None:
    kept = cut_bytes(text, limit)
    assert len(kept.encode()) <= limit
    assert kept == text or (kept[-1:] in ("…", "") and text.startswith(kept[:-1]))


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("abcdef", 1, "…"), ("abcdef", 0, ""),
        ("ae\u0301\u0323x", 4, "a…"), ("a👩‍👩‍👧b", 4, "a…"), ("a\u2764\ufe0fb", 3, "a…"), ("a👍🏽b", 3, "a…"),
    ],
)  # fmt: skip
def test_characters_are_not_torn(text: str, limit: int, kept: str) -> None:
    assert cut(text, limit) == kept


def test_bytes_are_counted_in_utf_8() -> None:
    assert cut_bytes("éééé", 8) == "éééé"
    assert cut_bytes("éééé", 7) == "éé…"
    assert cut_bytes("éééé", 2) == ""
