"""Templates: what promtool printed for the same text, load errors, and work that is bounded."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.template.evaluator import MAX_OUTPUT, Template
from rules.template.functions import Scope
from rules.template.humanize import parse_duration
from rules.template.lexer import TemplateError
from rules.template.printing import Element

GOLDEN = json.loads((Path(__file__).parent / "golden" / "templates.json").read_text())


HARD = json.loads((Path(__file__).parent / "golden" / "templates_hard.json").read_text())
"""What Debian's promtool made of each at a value of 1 (null: the expansion failed), and what it accepts."""
OTHERS = [
    Element({"__name__": "n", "i": "2", "z": "c"}, -4.5),
    Element({"__name__": "n", "i": "9", "z": "b"}, 0.0),
    Element({"__name__": "n", "i": "10", "z": "a"}, 3.0),
]


def scope(value: float = 1.0, labels: Mapping[str, str] | None = None) -> Scope:
    labels = {"__name__": "m", "i": "1"} if labels is None else labels

    def query(expr: str) -> list[Element]:
        return [Element(labels, value)] if expr == "m" else []

    return Scope(labels, value, 1_500, query, {"a": "b"}, "http://h:9090/pre")


def expand(text: str, value: float = 1.0) -> str:
    return Template.parse(text).expand(scope(value))


@pytest.mark.parametrize("name", sorted(GOLDEN["templates"]))
def test_the_text_is_what_promtool_makes_of_it(name: str) -> None:
    """The file holds what Debian's promtool printed. Of a failed expansion only that it failed is compared."""
    for case in GOLDEN["cases"]:
        got, expected = expand(GOLDEN["templates"][name], float(case["value"])), case["expected"][name]
        if expected.startswith("<error expanding template: "):
            assert got.startswith("<error expanding template: line 1: ")
        else:
            assert got == expected


def test_hard_cases_are_what_promtool_makes_of_them() -> None:
    labels = {"__name__": "m", "i": "1", "z": "b"}

    def query(expr: str) -> list[Element]:
        if expr == "err(":
            raise TemplateError("no query")
        return {"m": [Element(labels, 1.0)], "n": OTHERS, "1": [Element({}, 1.0)]}.get(expr, [])

    hard = Scope(labels, 1.0, 0, query, {"a": "b"}, "http://h:9090/pre")
    found = {text: Template.parse(text).expand(hard) for text in HARD["expanded"]}
    failed = {text: None if got.startswith("<error expanding template: ") else got for text, got in found.items()}
    assert failed == HARD["expanded"]


def accepted(text: str) -> bool:
    try:
        Template.parse(text)
    except TemplateError:
        return False
    return True


def test_what_promtool_accepts_is_accepted_and_nothing_else() -> None:
    texts = HARD["accepted"] + HARD["refused"]
    assert [text for text in texts if accepted(text)] == HARD["accepted"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{{ (toDuration 5400.5).Minutes }} {{ (toDuration 90).String }} {{ (toDuration 1.5).Milliseconds }}",
            "90.00833333333334 1m30s 1500",
        ),
        ("{{ range $i := 3 }}{{ $i }}{{ end }} {{ with 0 }}a{{ else with 5 }}{{ . }}{{ end }}", "012 5"),
        ("{{ now }}", "1.5"),
        ("{{ toDuration 90.5 }} {{ toDuration 0.0015 }} {{ toDuration 3600 }}", "1m30.5s 1.5ms 1h0m0s"),
        ("{{ externalURL }} {{ pathPrefix }}", "http://h:9090/pre /pre"),
        ("{{ urlQueryEscape `a b&c` }}", "a+b%26c"),
        ("a {{- /* gone */ -}} b", "ab"),
        ("{{ range 3 }}{{ . }}{{ break }}{{ end }}", "0"),
        ("{{ with $x := 5 }}{{ $x }}{{ end }}", "5"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ $x }}{{ end }}{{ $x }}", "32"),
        ("{{ if true }}\n{{- else }}x{{ end }}\t{{- 'a' -}}\n.", "97."),
        ("{{ reReplaceAll `(?P<x>b)` `<${x}$$$9>` `abc` }}", "a<b$>c"),
        ("{{ stripPort `a:b:c` }} {{ stripDomain `[::1]:9` }} {{ stripDomain `h.example` }}", "a:b:c [::1]:9 h"),
    ],
)
def test_more_functions_and_syntax(text: str, expected: str) -> None:
    assert expand(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("{{ nope }}", 'function "nope" not defined', 1),
        ("a\n{{ $nope }}", 'undefined variable "$nope"', 2),
        ("{{ if true }}x", "{{if}} has no {{end}}", 1),
        ("{{ end }}", "unexpected {{end}}", 1),
        ("{{ $labels.x", "unclosed action: a {{ has no }}", 1),
        ("{{ }}", "missing value for command", 1),
        ("{{ 1 | 2 }}", "non executable command in pipeline stage 2", 1),
        ("{{ (1 }}", "unclosed left paren", 1),
        ("{{ 1) }}", "unexpected right paren", 1),
        ('{{ "a }}', "unterminated quoted string", 1),
        ("{{ `a }}", "unterminated raw quoted string", 1),
        ('{{ "\\d" }}', r"unknown escape '\d' in a string", 1),
        ("{{ 1x }}", "bad number '1x'", 1),
        ("{{/* no end }}", "a comment must end with */ right before the closing }}", 1),
        ("{{ break }}", "{{break}} outside {{range}}", 1),
        ("{{ if 1 }}{{ else }}{{ else }}{{ end }}", "{{if}} has a second {{else}}", 1),
        ('{{ define "x" }}{{ $labels }}{{ end }}', 'undefined variable "$labels"', 1),
        ("{{ $x, $y := 1 }}", 'undefined variable "$x"', 1),
        ("{{ 'ab' }}", "a character constant holds exactly one character", 1),
        ("{{ & }}", "unexpected character '&' in an action", 1),
        ("{{ " + "(" * 100 + "1" + ")" * 100 + " }}", "nested deeper than 40 levels", 1),
        ("{{ if 1 }}" * 100, "nested deeper than 40 levels", 1),
        ("x" * 70_000 + "{{ 1 }}", "the template is longer than 65536 characters", 0),
    ],
)
def test_what_go_refuses_at_load_is_refused_at_load(text: str, message: str, line: int) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(text)
    at = caught.value.at
    assert (caught.value.message, 0 if at is None else text.count("\n", 0, at) + 1) == (message, line)


@pytest.mark.parametrize(
    "text",
    [
        '{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}',
        "{{ range 1000000000 }}x{{ end }}",
        '{{ $x := "xxxxxxxxxx" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}',
        "{{ printf `%999999999d` 1 }}",
        "{{ range 60 }}{{ query `m` }}{{ end }}",
    ],
)
def test_work_and_output_are_bounded(text: str) -> None:
    started = time.process_time()
    assert expand(text).startswith("<error expanding template: ")
    assert time.process_time() - started < 0.5


def test_plain_text_costs_nothing_and_queries_are_known_at_load() -> None:
    assert Template.parse("CPU is busy").static == "CPU is busy"
    template = Template.parse('{{ query "up" | first | value }}{{ with "x > 1" | query }}{{ end }}{{ printf "no" }}')
    assert (template.queries, template.pure) == (("up", "x > 1"), False)
    assert Template.parse("{{ $value }}").pure


ALPHABET = ["{{", "}}", "-", " ", "if", "end", "else", "range", "with", "$x", ":=", "=", ".a", ".", "|", "(", ")", "1",
            '"s"', "`r`", "printf", "$labels", "len", "query", "\n", "define", ",", "print", "nil"]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(ALPHABET), max_size=25), st.booleans())
def test_any_text_is_refused_at_load_or_expands_to_bounded_text(words: list[str], spaced: bool) -> None:
    try:
        template = Template.parse((" " if spaced else "").join(words))
    except TemplateError:
        return
    assert len(template.expand(scope())) <= MAX_OUTPUT + 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("1h30m", 5_400_000), ("1y", 31_536_000_000), ("5ms", 5), ("1m1h", None), ("1.5h", None), ("", None),
     ("-1m", None), ("5", None), ("99999999999999y", None)],
)  # fmt: skip
def test_durations(text: str, expected: int | None) -> None:
    assert parse_duration(text) == expected
