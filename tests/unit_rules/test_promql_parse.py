"""Parsing: the guard before the native parser, the adapter after it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.promql.ast import (
    Aggregate,
    At,
    AtKind,
    Binary,
    Call,
    Card,
    Matcher,
    Matching,
    MatchOp,
    MatrixSelector,
    Negate,
    Number,
    Subquery,
    ValueType,
    VectorSelector,
)
from rules.promql.compile import compile_expr
from rules.promql.errors import ExprError
from rules.promql.guard import MAX_BYTES, MAX_OPERATORS
from rules.promql.parse import parse, value_type


def selector(name: str, **options: object) -> VectorSelector:
    return VectorSelector((Matcher(MatchOp.EQ, "__name__", name),), **options)  # type: ignore[arg-type] # test sugar


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", selector("x")),
        ("((x))", selector("x")),
        ("+x", selector("x")),
        ("-2 ^ 2", Negate(Binary("^", Number(2), Number(2), None))),
        ("-3", Number(-3)),
        ("-(3)", Number(-3)),
        ("5m", Number(300)),
        ("x offset -1m30s", selector("x", offset=-90_000)),
        ("x @ 1.5", selector("x", at=At(AtKind.TIME, 1500))),
        ("x @ start() offset 1ms", selector("x", offset=1, at=At(AtKind.START))),
        ("x[1h30m] @ end()", MatrixSelector(selector("x", at=At(AtKind.END)), 5_400_000)),
        ("x[5m:]", Subquery(selector("x"), 300_000, None)),
        ("x[5m:10s] offset 1d", Subquery(selector("x"), 300_000, 10_000, offset=86_400_000)),
        ("rate(x[5m])", Call("rate", (MatrixSelector(selector("x"), 300_000),))),
        ("sum(x)", Aggregate("sum", selector("x"), None, grouped=False, without=False, labels=())),
        ("topk by (a, b) (3, x)", Aggregate("topk", selector("x"), Number(3), True, False, ("a", "b"))),
        ("sum(x) without (a)", Aggregate("sum", selector("x"), None, True, True, ("a",))),
        (
            'x{a=~`\\d"\\n`, b="`"} # `',
            VectorSelector(
                (
                    Matcher(MatchOp.EQ, "__name__", "x"),
                    Matcher(MatchOp.RE, "a", '\\d"\\n'),
                    Matcher(MatchOp.EQ, "b", "`"),
                )
            ),
        ),
        ("x > 1", Binary(">", selector("x"), Number(1), None)),
        ("x == bool y", Binary("==", selector("x"), selector("y"), Matching(Card.ONE_TO_ONE, False, ()), True)),
        (
            "x / on (a) group_left (b) y",
            Binary("/", selector("x"), selector("y"), Matching(Card.MANY_TO_ONE, True, ("a",), ("b",))),
        ),
        (
            "x and ignoring (a) y",
            Binary("and", selector("x"), selector("y"), Matching(Card.MANY_TO_MANY, False, ("a",))),
        ),
        ("1 > bool 2", Binary(">", Number(1), Number(2), None, True)),
        (
            '{"a.b", "c d"!~"e"}',
            VectorSelector((Matcher(MatchOp.EQ, "__name__", "a.b"), Matcher(MatchOp.NRE, "c d", "e"))),
        ),
        ("x # a comment (((((", selector("x")),
    ],
)
def test_text_becomes_values(text: str, expected: object) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1", ValueType.SCALAR),
        ("-time()", ValueType.SCALAR),
        ("scalar(x) + 1", ValueType.SCALAR),
        ("scalar(x) + x", ValueType.VECTOR),
        ("-x", ValueType.VECTOR),
        ("x[5m]", ValueType.MATRIX),
        ("vector(1)[5m:]", ValueType.MATRIX),
        ('"a"', ValueType.STRING),
        ("vector(1)", ValueType.VECTOR),
    ],
)
def test_type_of_an_expression(text: str, kind: ValueType) -> None:
    assert value_type(parse(text)) is kind


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "no expression found", "write a PromQL expression"),
        ("rat(x[5m])", "there is no function 'rat'", "did you mean rate?"),
        ("x @ -Inf", "timestamp out of bounds", ""),
        ("x @ -1e12", "timestamp out of bounds", "start() or end()"),
        ('x{a="1" or b="2"}', "'or' between label matchers", "regex matcher"),
        ("x + fill(0) y", "fill modifiers are experimental", "'or'"),
        ("info(x)", "function info is experimental in Prometheus", "group_left"),
        ("info(x, {a='b'})", "function info is experimental in Prometheus", "group_left"),
        ("start()", "function start is experimental", "time()"),
        ("x > step()", "function step is experimental", "seconds"),
        ("limit_ratio(0.5, x)", "aggregation limit_ratio is experimental", "topk"),
        ("limitk(2, x)", "aggregation limitk is experimental", "topk"),
        ("mad_over_time(x[5m])", "function mad_over_time is experimental", "stddev_over_time"),
        ("first_over_time(x[5m])", "function first_over_time is experimental", "offset"),
        ("sort_by_label(x, 'a')", "function sort_by_label is experimental", "sort"),
        ("max_of(1, 2)", "function max_of is experimental", "clamp_min"),
        ("histogram_avg(x)", "function histogram_avg is for native histograms", "_sum and _count"),
        ("rate(x[5m] smoothed)", "modifiers anchored and smoothed are experimental", "leave them out"),
        ("x anchored", "modifiers anchored and smoothed are experimental", "leave them out"),
        ("rate(x[5m * 2])", "durations that are computed are experimental", "10m"),
        ("x offset -(1m + 2m)", "durations that are computed are experimental", "10m"),
        ("x </ 5", "operators </ and >/ for native histograms are experimental", "histogram_fraction"),
        (r'x{a="\xff"}', r'"\xff" is not valid UTF-8', "no value of a label"),
        (r'x{a="\\\377"}', r"is not valid UTF-8", "no value of a label"),
        (r'count_values("a\xc5z", x)', r'invalid label name "a\xc5z"', "UTF-8"),
        (r'x{a="\xc3\q"}', r"unknown escape '\q'", "backslash"),
        ("x[5000y]", "out of range", "100 years"),
        ("x offset 101y", "out of range", "100 years"),
        ("x[999999999999y]", "out of range", "100 years"),
        ("x[5m:99999999999999999999s]", "out of range", "100 years"),
        ("x = 1", "'=' does not compare", "compare with =="),
        ('x{a="="} = 1', "'=' does not compare", "compare with =="),
        ("x >", "right-hand side of '>' is missing", "works on"),
        ("x > 1 bool", "'bool' follows no comparison", "right after the comparison"),
        ('x{a="1" b="2"}', "expected ',' or '}'", "other=~"),
        ("x + group_left y", "needs on(...) or ignoring(...)", "operator"),
        ("sum x", "expected an operator", "sum(...)"),
        ('x{a=~"a("}', "illegal regex", "RE2"),
        (r'x{a=~"\\Qa\\E("}', "illegal regex", "RE2"),
        (r'x{a=~"\\C"}', "illegal regex", "RE2"),
        (r'{a=~"\\Q\\E"}', "match every series", "name a metric"),
        (r'{a!~"\\Qx\\E"}', "match every series", "name a metric"),
        ("x[1e30]", "out of range", "100 years"),
        ("x[5m:1e30]", "out of range", "100 years"),
        ("x[99999999999999999999999]", "out of range", "100 years"),
        ("x offset -1e+30", "out of range", "100 years"),
        ("x offset NaN", "out of range", "100 years"),
        ("x offset # a comment hides it from the guard\n 1e30", "the parser cannot read this", "simply"),
        ("x @ 1e12", "timestamp out of bounds", "seconds since 1970"),
        ("x @ 1e30", "timestamp out of bounds", "seconds since 1970"),
        ("1 + on(a) x", "a scalar has none", ""),
        ("rate(x)", "must be a range vector", ""),
        ("1 == 2", "needs bool", ""),
        ("{}", "no matcher demands a value", ""),
        ("(" * 65 + "x" + ")" * 65, "nested deeper than 64", "recording rules"),
        ("x" + "+x" * 401, "more than 250 operators", "recording rules"),
        ("-" * 401 + "x", "more than 250 operators", ""),
        ("x" + "[5m:]" * 401, "more than 250 operators", ""),
        ("x" + " unless x" * 401, "more than 250 operators", ""),
        ("0x1e" + "-0x1e" * 401, "more than 250 operators", ""),
        (f'x{{a="{"y" * MAX_BYTES}"}}', "longer than 16384 bytes", ""),
        ("é" * (MAX_BYTES // 2 + 1), "longer than 16384 bytes", ""),
    ],
)
def test_refused_with_reason_and_mend(text: str, message: str, hint: str) -> None:
    with pytest.raises(ExprError) as caught:
        parse(text)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        'x{a="((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("}',
        "x{a='" + "+-" * 300 + "'}",
        "x{a=`" + "[" * 300 + "`}",
        r'x{a="\\x41", b="\"[[["}',
        r'x{a="\\xff"}',
        "x " + "# (((( + - * /\n" * 100,
        "x offset -5m",
        "x" + "+x" * MAX_OPERATORS,
        "(" * 64 + "x" + ")" * 64,
    ],
)
def test_strings_comments_and_the_limits_themselves_pass(text: str) -> None:
    compile_expr(parse(text))


def test_experimental_functions_only_when_asked() -> None:
    assert parse("mad_over_time(x[5m])", experimental=True)
    with pytest.raises(ExprError):
        parse("info(x)", experimental=True)


@pytest.mark.parametrize(
    "text", ['x{a=~"b(?=c)"}', r'x{a=~"(a)\\1"}', 'x{a=~"("}', 'label_replace(x, "a", "", "b", "(")']
)
def test_regex_that_is_not_re2_is_refused_when_loaded(text: str) -> None:
    with pytest.raises(ExprError, match=r"regular expression|regex"):
        compile_expr(parse(text))


def test_empty_target_label_is_refused_when_loaded() -> None:
    with pytest.raises(ExprError, match="invalid destination label name"):
        compile_expr(parse('label_replace(x, "", "$1", "a", "(.*)")'))
    with pytest.raises(ExprError, match="invalid label name "):
        compile_expr(parse('count_values("", x)'))


@pytest.mark.parametrize("text", ["(" * 200_000, "-" * 200_000 + "1", "x" + "[1m:]" * 50_000, "1" + "+1" * 200_000])
def test_depth_ends_in_an_error_and_not_in_the_process(text: str) -> None:
    program = (
        "import sys\n"
        "from rules.promql.errors import ExprError\n"
        "from rules.promql.parse import parse\n"
        "try:\n    parse(sys.stdin.read())\n"
        "except ExprError as error:\n    print('refused:', error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("refused: expression is longer than")


def test_the_deepest_text_let_through_fits_a_thread_of_one_mebibyte() -> None:
    program = (
        "import threading\n"
        "from rules.promql.guard import MAX_OPERATORS as N\n"
        "from rules.promql.compile import compile_expr\n"
        "from rules.promql.parse import parse\n"
        "from rules.series import SeriesWindow\n"
        "texts = ['x' + '+x' * N, '-' * N + 'x', '(' * 64 + 'x' + ')' * 64,\n"
        "         'abs(' * 64 + 'x' + ')' * 64, 'x^' * N + 'x', 'max_over_time(x' + '[1m:])' * 1]\n"
        "def work():\n"
        "    for text in texts:\n"
        "        compile_expr(parse(text)).instant(SeriesWindow(), 0)\n"
        "    print('fits')\n"
        "threading.stack_size(1 << 20)\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "fits\n", done.stderr


def test_a_caller_deep_in_its_stack_gets_a_named_error() -> None:
    def deep(left: int) -> None:
        if left:
            deep(left - 1)
        else:
            compile_expr(parse("x" + "+x" * MAX_OPERATORS))

    with pytest.raises(ExprError, match="nested too deeply"):
        deep(sys.getrecursionlimit() - 300)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="xab01.:{}[]()=~!<>+-*/%^\"'`\\,@ #\n\xff\u4e2deEmsoffby", max_size=60))
def test_any_text_is_an_expression_or_a_named_error(text: str) -> None:
    with contextlib.suppress(ExprError):
        compile_expr(parse(text))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("x > 1_000 + 0x_1F + 1_0.5_0e0_1", "x > 1000 + 31 + 105"),
        (r'x{a="\xc3\xa9\n\"", b="\303\251"}', 'x{a="é\\n\\"",b="é"}'),
        (r"x{a='\xc3\xa9\''}", """x{a="é'"}"""),
        ("anchored + on (smoothed) smoothed", '{"anchored"} + on ("smoothed") {"smoothed"}'),
        ("anchored{} / smoothed{a='1'} + x{anchored='2'}", '{"anchored"} / {"smoothed", a="1"} + x{anchored="2"}'),
        ("anchored != 5 or clamp(x, 1, 2) == smoothed", '{"anchored"} != 5 or clamp(x, 1, 2) == {"smoothed"}'),
        ("sum by (anchored, a) (x) > smoothed", 'sum by ("anchored", a) (x) > {"smoothed"}'),
        ("x{anchored='a_1'} # 1_000 is a comment", "x{anchored='a_1'}"),
        ("x offset 0 + max_over_time(y[5m:1m] offset -0s) + offset - 0", "x + max_over_time(y[5m:1m]) + (offset) - 0"),
        ("x and offset - 0", "x and (offset) - 0"),
    ],
)
def test_what_the_library_cannot_read_is_respelled(text: str, same: str) -> None:
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    ("text", "time"),
    [("x @ -1", -1_000), ("x @ - 1.5", -1_500), ("x @ -1m40s", -100_000), ("x @ -0x10", -16_000), ("x @ 1.25", 1_250)],
)
def test_times_before_1970(text: str, time: int) -> None:
    parsed = parse(text)
    assert isinstance(parsed, VectorSelector)
    assert parsed.at is not None
    assert parsed.at.time == time


def test_what_promtool_takes_is_taken_and_nothing_else() -> None:
    """The file holds the verdicts of Debian's promtool, and what Prometheus 3 sees otherwise."""
    known = json.loads((Path(__file__).parent / "golden" / "expressions.json").read_text(encoding="utf-8"))
    good = known["accepted"] + known["accepted_since_3"]
    bad = known["refused"] + known["renamed_since_3"] + known["refused_at_evaluation_only"]
    assert len(good) + len(bad) > 380
    assert [text for text in good + bad if _compiles(text)] == good


def _compiles(text: str) -> bool:
    try:
        compile_expr(parse(text))
    except ExprError:
        return False
    return True
