"""Plain text as an Atlassian Document (ADF, version 1), and an Atlassian Document as plain text.

Lines that begin with ``- `` become a bullet list and ``http(s)://`` addresses links; a blank line ends a paragraph.
Nothing else in the text means anything: every character arrives as text, whatever it looks like.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

Node = dict[str, Any]

_LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#@&=+%,;-]*[A-Za-z0-9/]")
_BULLET = "- "
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")
_DEEPEST = 50
"""Levels of nodes that are read; what people write has a handful."""
_LINES = ("paragraph", "heading", "codeBlock", "mediaSingle", "rule", "tableRow")


def to_adf(text: str, footer: str = "") -> Node:
    """The document; ``footer`` stands in a code block at its end, where nothing is wrapped or made pretty."""
    content: list[Node] = []
    for part in filter(str.strip, _BLANK_LINES.split(text)):
        for bullets, lines in groupby(part.split("\n"), key=lambda line: line.startswith(_BULLET)):
            content.append((_bullets if bullets else _paragraph)(list(lines)))
    if footer:
        content.append({"type": "codeBlock", "content": [{"type": "text", "text": footer}]})
    return {"type": "doc", "version": 1, "content": content}


def from_adf(document: object) -> str:
    """The text of a document or of a part of one; whatever is not understood is left out."""
    return "\n".join(_lines(document, 0))


def _paragraph(lines: list[str]) -> Node:
    content: list[Node] = []
    for line in lines:
        if content:
            content.append({"type": "hardBreak"})
        content += _inline(line)
    return {"type": "paragraph", "content": content}


def _bullets(lines: list[str]) -> Node:
    items = [{"type": "listItem", "content": [_paragraph([line[len(_BULLET) :] or " "])]} for line in lines]
    return {"type": "bulletList", "content": items}


def _inline(line: str) -> list[Node]:
    """Text nodes, none of them empty: Jira refuses a document with an empty one."""
    nodes: list[Node] = []
    at = 0
    for match in _LINK.finditer(line):
        if match.start() > at:
            nodes.append({"type": "text", "text": line[at : match.start()]})
        link = {"type": "link", "attrs": {"href": match[0]}}
        nodes.append({"type": "text", "text": match[0], "marks": [link]})
        at = match.end()
    if at < len(line):
        nodes.append({"type": "text", "text": line[at:]})
    return nodes


def _lines(node: object, depth: int) -> list[str]:
    """The lines of a block, of which inline nodes are never a whole one."""
    if not isinstance(node, dict) or depth > _DEEPEST:
        return []
    children = node.get("content")
    children = children if isinstance(children, list) else []
    if node.get("type") in _LINES:
        return "".join(_inline_text(child, depth + 1) for child in children).split("\n")
    return [line for child in children for line in _lines(child, depth + 1)]


def _inline_text(node: object, depth: int) -> str:
    if not isinstance(node, dict) or depth > _DEEPEST:
        return ""
    if node.get("type") == "hardBreak":
        return "\n"
    attributes = node.get("attrs")
    text = node.get("text") or (attributes.get("text") or attributes.get("url") if isinstance(attributes, dict) else "")
    if isinstance(text, str) and text:
        return text
    children = node.get("content")
    return "".join(_inline_text(child, depth + 1) for child in children) if isinstance(children, list) else ""
