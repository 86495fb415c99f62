"""YAML with positions: traps of the format, every mistake at once, and text made to hurt."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.model import Severity
from rules.source import MAX_BYTES, Documents, Mapping, Node, Scalar, Sequence, did_you_mean, read_yaml


def plain(node: Node | None) -> object:
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.value: plain(value) for key, value in node.items}
    return None


def read(text: str | bytes) -> object:
    node, problems = read_yaml(text, "f.yml")
    assert [str(problem) for problem in problems] == []
    return plain(node)


def complaints(text: str | bytes, documents: Documents = Documents.ONE) -> list[str]:
    return [str(problem) for problem in read_yaml(text, "f.yml", documents)[1]]


@pytest.mark.parametrize("text", ["yes", "0x1000", "1e3", "1_000", "12:30", "null", "~", "2026-01-02", ".5", "010"])
def test_a_plain_scalar_stays_the_text_that_was_written(text: str) -> None:
    assert read(f"a: {text}") == {"a": text}


def test_null_is_the_empty_text_unless_it_is_quoted() -> None:
    node, _ = read_yaml("a: ~\nb: null\nc:\nd: '~'\ne: \"null\"\nf: x\n", "f.yml")
    assert isinstance(node, Mapping)
    texts = {key.value: value.text for key, value in node.items if isinstance(value, Scalar)}
    assert texts == {"a": "", "b": "", "c": "", "d": "~", "e": "null", "f": "x"}


def test_positions_count_from_one() -> None:
    node, _ = read_yaml("é: 1\nlist:\n  - x\n  - {k: 'v'}\n", "f.yml")
    assert isinstance(node, Mapping)
    items = node.get("list")
    assert isinstance(items, Sequence)
    second = items.items[1]
    assert isinstance(second, Mapping)
    value = second.get("k")
    assert (items.line, items.column) == (3, 3)
    assert value is not None
    assert (value.line, value.column) == (4, 9)


def test_merge_keys_apply_and_own_entries_win() -> None:
    text = "base: &b {a: 1, c: 2}\nmore: &m {c: 3, d: 4}\nx: {<<: *b, a: 9}\ny:\n  <<: [*b, *m]\n"
    assert read(text) == {
        "base": {"a": "1", "c": "2"},
        "more": {"c": "3", "d": "4"},
        "x": {"a": "9", "c": "2"},
        "y": {"a": "1", "c": "2", "d": "4"},
    }


def test_an_alias_stands_for_what_its_anchor_names() -> None:
    text = "a: &a one\nb: &b {c: *a}\nd: [*b, *a]\n*a : two\n"
    assert read(text) == {"a": "one", "b": {"c": "one"}, "d": [{"c": "one"}, "one"], "one": "two"}


def test_text_may_be_tagged_as_text() -> None:
    assert read("a: !!str 5\nb: !!str\n") == {"a": "5", "b": ""}
    assert complaints("a: !!str [5]\n") != []
    assert complaints("a: !!int 5\n") != []


def test_a_block_scalar_keeps_its_trailing_newline() -> None:
    assert read("a: |\n  one\n  two\nb: >-\n  x\n  y\n") == {"a": "one\ntwo\n", "b": "x y"}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\ufeff"])
def test_an_empty_file_is_no_mistake(text: str) -> None:
    assert read_yaml(text, "f.yml") == (None, [])


def test_every_mistake_is_reported_at_once_in_order() -> None:
    text = "a: 1\nb: !!python/object:os.system x\na: 2\nc: *nope\n[g]: 1\n"
    assert complaints(text) == [
        "f.yml:2:4: error: tag 'tag:yaml.org,2002:python/object:os.system' is not allowed"
        " (write the plain value) [yaml/tag]",
        "f.yml:3:1: error: key 'a' stands twice, first on line 1 (keep one of the two) [yaml/duplicate-key]",
        "f.yml:4:4: error: alias '*nope' has no anchor before it (define '&nope' first) [yaml/alias]",
        "f.yml:5:1: error: a key must be plain text (quote text that starts with { or [) [yaml/key]",
    ]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a: b: c\n", "f.yml:1:5: error: not YAML: mapping values are not allowed in this context (quote text"),
        ("\ta: 1\n", "f.yml:1:1: error: not YAML: while scanning for the next token"),
        ('x: 1\na: "open\n', "f.yml:2:4: error: not YAML: while scanning a quoted scalar"),
        ("a: [1, 2\n", "f.yml:1:4: error: not YAML: while parsing a flow sequence"),
        ("a: 1\nb\n", "f.yml:2:1: error: not YAML: while scanning a simple key"),
        (b"a: ok\nb: \xff\n", "f.yml:2:4: error: byte 0xff is not UTF-8 (save the file as UTF-8) [yaml/encoding]"),
        ("a: x\nb: \x07\n", "f.yml:2:4: error: control character U+0007 (remove it) [yaml/control]"),
        ('a: "\\a"\n', "f.yml:1:4: error: the escaped text holds a control character (remove it) [yaml/control]"),
        ("a: 1\n---\nb: 2\n", "f.yml:2:1: error: a second document starts here"),
        ("a: {<<: 1}\n", "f.yml:1:5: error: a merge key '<<' takes a mapping"),
        ("*x\n", "f.yml:1:1: error: alias '*x' has no anchor before it"),
        ("x" * (MAX_BYTES + 1), "f.yml:0:0: error: the file is larger than 1048576 bytes"),
    ],
)
def test_a_mistake_says_where_it_is_and_how_to_mend_it(text: str | bytes, start: str) -> None:
    (complaint,) = complaints(text)
    assert complaint.startswith(start)


def test_a_second_document_of_a_rule_file_is_ignored_with_a_warning() -> None:
    node, (problem,) = read_yaml("a: 1\n---\nb: 2\n", "f.yml", Documents.FIRST)
    assert plain(node) == {"a": "1"}
    assert problem.severity is Severity.WARNING


def test_aliases_cannot_multiply() -> None:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{i}: &a{i} {{x: {{<<: *a{i - 1}}}, y: {{<<: *a{i - 1}}}}}" for i in range(1, 28)]
    started = time.process_time()
    assert any("merge keys of this file add more than" in complaint for complaint in complaints("\n".join(lines)))
    assert time.process_time() - started < 1


def test_plain_aliases_cannot_multiply_either() -> None:
    lines = ["a0: &a0 [k]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 28))]
    started = time.process_time()
    (complaint,) = complaints("\n".join(lines))
    assert "aliases of this file add more than 10000 values (use fewer) [yaml/alias]" in complaint
    assert time.process_time() - started < 1


def test_aliases_count_as_the_levels_they_stand_for() -> None:
    deep = "a: &a " + "[" * 20 + "]" * 20 + "\nb: "
    assert complaints(deep + "[" * 11 + "*a" + "]" * 11) == []
    for text in ("[" * 12 + "*a" + "]" * 12, "[" * 12 + "{<<: *a}" + "]" * 12):
        assert any("nested deeper than 32 levels" in complaint for complaint in complaints(deep + text))


def test_thirty_two_levels_are_read_and_thirty_three_are_not() -> None:
    assert complaints("[" * 32 + "]" * 32) == []
    assert complaints("[" * 33 + "]" * 33) == [
        "f.yml:1:33: error: nested deeper than 32 levels (flatten it) [yaml/depth]"
    ]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[\n", "{? "])
def test_two_hundred_thousand_levels_neither_kill_nor_stall(opening: str) -> None:
    """In a child process: an overflow of the C stack would take this one along."""
    program = (
        "import sys, resource; resource.setrlimit(resource.RLIMIT_CPU, (5, 5))\n"
        "from rules.source import read_yaml\n"
        f"node, problems = read_yaml({opening!r} * 200_000, 'bomb.yml')\n"
        "print(node, [problem.check for problem in problems])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "None ['yaml/depth']\n"


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=80), st.binary(max_size=80), st.text("[]{}:-,&*!?|>'\"#%@ \nab<", max_size=80)))
def test_any_text_gives_a_node_or_problems_and_never_an_exception(text: str | bytes) -> None:
    _, problems = read_yaml(text, "f.yml")
    assert problems == sorted(problems)
    assert all(problem.line >= 0 and problem.message for problem in problems)


def test_did_you_mean_names_the_nearest_or_the_few_there_are() -> None:
    assert did_you_mean("anotations", ["annotations", "labels"]) == "did you mean 'annotations'?"
    assert did_you_mean("zzz", ["for", "expr"]) == "known: expr, for"
    assert did_you_mean("zzz", [f"choice{i}" for i in range(99)]) == ""
