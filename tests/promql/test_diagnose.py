"""Where an expression is wrong: found near the damage, never claimed of what the parser takes, and fast."""

from __future__ import annotations

import random
import time

import pytest
from expressions import Expressions
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.promql.diagnose import diagnose
from rules.promql.errors import ExprError
from rules.promql.guard import MAX_BYTES, MAX_DEPTH, MAX_OPERATORS, check_text
from rules.promql.parse import parse
from rules.promql.tokens import TokenKind, tokens

NOISE = (
    "(", ")", "[", "]", "{", "}", ",", "=", "==", "=~", "=>", "&&", "!", "+", "-", "*", "^", "@", ":", '"', "'", "1",
    "5m", "5x", "0", "1.5h", "x", "by", "on", "bool", "offset", "and", "group_left", "sum", "rate", "nope(", '"text"',
    "start()", "#", "$", "%", ".", "\\", "é",
)  # fmt: skip


def refused(text: str) -> ExprError | None:
    try:
        parse(text)
    except ExprError as error:
        return error
    return None


def damaged(rng: random.Random, text: str) -> tuple[str, int]:
    """``text`` with one token deleted, inserted or replaced, and where the token behind the damage ends."""
    found = tokens(text)[:-1]
    number = rng.randrange(len(found))
    token = found[number]
    new = rng.choice(("", f" {rng.choice(NOISE)} ", f"{token.text} {rng.choice(NOISE)} "))
    head = text[: token.start] + new
    behind = tokens(text[token.end :])[0]
    return head + text[token.end :], len(head) + behind.end


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_expression_is_found_near_its_damage(seed: int) -> None:
    rng = random.Random(seed)
    expressions = Expressions(seed)
    near = refusals = 0
    for _ in range(400):
        text, behind = damaged(rng, expressions.vector())
        error = refused(text) if text.strip() else None
        if error is None and text.strip():
            assert diagnose(text) is None, text
        if error is None:
            continue
        refusals += 1
        assert error.at is not None, (text, str(error))
        assert 0 <= error.at <= len(text)
        near += error.at <= behind
    assert refusals > 250
    assert near > 0.85 * refusals


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000))
def test_nothing_is_claimed_of_what_the_parser_takes(seed: int) -> None:
    text = Expressions(seed).vector(4)
    assert refused(text) is None
    assert diagnose(text) is None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(NOISE), max_size=12).map(" ".join) | st.text(max_size=30))
def test_any_text_gets_an_answer_and_both_agree(text: str) -> None:
    try:
        check_text(text)
    except ExprError:
        return
    error, found = refused(text), diagnose(text)
    assert error is not None or found is None, text


@pytest.mark.parametrize(
    "text",
    [
        "(" * MAX_DEPTH,
        "x" + " + x" * (MAX_OPERATORS - 1) + " +",
        "x" + " ^ x" * (MAX_OPERATORS - 1) + " ^",
        "-" * MAX_OPERATORS,
        "x{" + 'a="b",' * (MAX_BYTES // 6 - 1),
        '"' + "\\n" * (MAX_BYTES // 2 - 2),
        'x{a=~"' + "(a*)*" * 3_000 + '("}',
        "1" * (MAX_BYTES - 2) + "x",
        "sum by (" + "a," * (MAX_BYTES // 2 - 10),
        "abs(" * (MAX_DEPTH - 1) + "nope(x" + ")" * MAX_DEPTH,
        "nope(1) + " * (MAX_OPERATORS // 2) + "x",
        "'" * (MAX_BYTES - 2),
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_the_worst_texts_let_through_are_answered_at_once(text: str) -> None:
    check_text(text)
    began = time.thread_time()
    found = diagnose(text)
    spent = time.thread_time() - began
    assert found is not None
    assert spent < 0.2  # a tenth of that on an idle machine


def test_a_word_of_each_kind_is_placed_exactly() -> None:
    assert [token.kind for token in tokens('a 1 "b" + $ "c')] == [
        TokenKind.WORD, TokenKind.NUMBER, TokenKind.STRING, TokenKind.SIGN, TokenKind.WRONG, TokenKind.OPEN_STRING,
        TokenKind.END,
    ]  # fmt: skip
