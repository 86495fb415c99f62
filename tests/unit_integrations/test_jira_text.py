"""Tickets as Jira's two kinds of text: golden files in both languages, and that nothing of the text is ever markup.

A golden file is written anew by deleting it and running the test, which then fails once.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fakes.fake_jira import adf_text, nodes, wiki_text
from fakes.hostile import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations._adf import from_adf, to_adf
from integrations._text import clean
from integrations._wiki import to_wiki
from integrations.api import parse_footer

GOLDEN = Path(__file__).parent / "golden"
KEY = "toc-0123456789abcdef0123456789abcdef"
FOOTER = f'Tocsin-Id: {KEY} episode 3\nTocsin-Ci: ["prod","5d0f"]\nTocsin-Facts: {{"rule":"{{noformat}}|x"}}'
TEXT = st.text(st.sampled_from("ab1 \n-_*+#?!|^~{}[]()\\&;:/@<>h.é中x") | st.characters(codec="utf-8"), max_size=80)
MARKUP = re.compile(r"\\.|&#\d+;|&amp;|https?://[A-Za-z0-9._~:/?#@&=+%,;-]*[A-Za-z0-9/]|^\* ", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["adf.json", "wiki.txt"])
def test_a_ticket_looks_as_it_should(language: str, kind: str) -> None:
    text = (GOLDEN / f"jira.{language}.txt").read_text(encoding="utf-8").rstrip()
    if kind == "adf.json":
        shown = json.dumps(to_adf(text, FOOTER), ensure_ascii=False, indent=1)
    else:
        shown = to_wiki(text, FOOTER)
    path = GOLDEN / f"jira.{language}.{kind}"
    if not path.exists():
        path.write_text(shown + "\n", encoding="utf-8")
        pytest.fail(f"{path.name} was written; look at it")
    assert shown + "\n" == path.read_text(encoding="utf-8")


def test_the_footer_survives_both() -> None:
    for text in (adf_text(to_adf("x", FOOTER)), to_wiki("x", FOOTER), to_wiki("x", FOOTER).replace("\n", "\r\n")):
        footer = parse_footer(text)
        assert footer is not None
        assert (footer.correlation_id, footer.episode, footer.facts) == (KEY, 3, {"rule": "{noformat}|x"})
    assert to_wiki("{noformat} x", FOOTER).count("{noformat}") == 2


def test_lists_and_links() -> None:
    document = to_adf("Affected:\n- one\n- see https://example.net/a_b?c=1.\nthen")
    assert [block["type"] for block in document["content"]] == ["paragraph", "bulletList", "paragraph"]
    (link,) = [node for node in nodes(document) if node.get("marks")]
    assert link["text"] == link["marks"][0]["attrs"]["href"] == "https://example.net/a_b?c=1"
    assert to_wiki("- see https://example.net/a_b?c=1. [x]") == "* see https://example.net/a_b?c=1. \\[x\\]"


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("h1. big", "&#104;1. big"), ("bq. said", "&#98;q. said"), ("----", "\\-\\-\\-\\-"),
        ("[~admin]", "\\[\\~admin\\]"),
        ("{code}", "\\{code\\}"), ("!a.png!", "\\!a.png\\!"), ("C:\\new", "C:&#92;new"), ("&#123;", "&amp;#123;"),
        ("a & b", "a & b"), ("web-1_x", "web-1_x"), ("-gone-", "\\-gone\\-"), ("# one", "\\# one"), ("a #1", "a #1"),
        ("??x??", "\\?\\?x\\?\\?"), ("a? b", "a? b"), ("(!) :) ;)", "\\(\\!) \\:) \\;)"), ("|a||b|", "\\|a\\|\\|b\\|"),
        ("* x", "\\* x"), ("(value 3)", "(value 3)"),
    ],
)  # fmt: skip
def test_markup_is_escaped_only_where_it_is_markup(text: str, markup: str) -> None:
    assert to_wiki(text) == markup


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_wiki_markup_reads_as_the_text(text: str) -> None:
    text = clean(text)
    markup = to_wiki(text)
    assert wiki_text(markup) == text
    assert not set(MARKUP.sub("", markup)) & set("{}[]*^~!|\\")


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_a_document_holds_the_text_and_no_empty_node(text: str) -> None:
    text = clean(text)
    document = to_adf(text)
    assert all(node["text"] for node in nodes(document) if node["type"] == "text")
    assert all(node["content"] for node in nodes(document)[1:] if node["type"] not in ("text", "hardBreak"))
    wanted = [re.sub("^- ", "", line).strip() for line in text.split("\n")]
    found = from_adf(document).split("\n")
    assert [line for line in wanted if line] == [line.strip() for line in found if line.strip()]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    text = clean(text)
    assert wiki_text(to_wiki(text)) == text
    kinds = {"doc", "paragraph", "text", "hardBreak", "bulletList", "listItem"}
    assert {node["type"] for node in nodes(to_adf(text))} <= kinds
    for node in nodes(to_adf(text)):
        for mark in node.get("marks", ()):
            assert mark["attrs"]["href"] == node["text"]
            assert node["text"].startswith(("https://", "http://"))


@pytest.mark.parametrize(
    "odd", [None, 5, "x", [], {}, {"content": 5}, {"type": "paragraph", "content": [5, {"text": 5, "content": "x"}]}]
)
def test_what_is_no_document_has_no_text(odd: object) -> None:
    assert from_adf(odd) == ""


def test_what_people_write_is_read() -> None:
    mention = {"type": "mention", "attrs": {"id": "5b", "text": "@ann"}}
    card = {"type": "inlineCard", "attrs": {"url": "https://example.net"}}
    cell = {
        "type": "tableCell",
        "content": [{"type": "paragraph", "content": [mention, {"type": "text", "text": " x"}]}],
    }
    table = {"type": "table", "content": [{"type": "tableRow", "content": [cell, cell]}]}
    document = {"type": "doc", "content": [table, {"type": "paragraph", "content": [card]}]}
    assert from_adf(document) == "@ann x@ann x\nhttps://example.net"


def test_a_bottomless_document_is_cut() -> None:
    node: dict[str, object] = {"type": "paragraph", "content": [{"type": "text", "text": "deep"}]}
    for _ in range(400):
        node = {"type": "panel", "content": [node]}
    assert from_adf(node) == ""
