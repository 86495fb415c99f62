"""The functions of templates over text: patterns, host names, and text made safe for HTML, JavaScript and links."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import quote_plus

from rules.template.lexer import TemplateError


def compile_pattern(pattern: str) -> Any:
    import re2  # noqa: PLC0415 - only templates that match need it

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        detail = error.args[0] if error.args else error
        shown = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        raise TemplateError(f"bad regular expression {pattern[:200]!r}: {shown}") from error


_PER_STEP = 8
"""What a step of a pattern costs besides its groups, in groups; a step, group and character take 0.7 ns at most."""
_MOST_WORK = 50_000_000
_MOST_LOOKED_AT = 20_000_000
"""Characters: each search may read to the end of the text."""
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


def replace_all(pattern: str, replacement: str, text: str) -> str:
    """Go's ReplaceAllString: unanchored, ``$1`` and ``${name}`` in the replacement, an unknown group is empty."""
    compiled = compile_pattern(pattern)
    if compiled.programsize * (_PER_STEP + compiled.groups) * len(text) > _MOST_WORK:
        raise TemplateError(f"the pattern of reReplaceAll is too large for a text of {len(text)} characters")
    out: list[str] = []
    last = position = looked = 0
    while position <= len(text):
        looked += len(text) - position
        if looked > _MOST_LOOKED_AT:
            raise TemplateError(f"reReplaceAll finds too much in a text of {len(text)} characters")
        found = compiled.search(text, position)
        if found is None:
            break
        start, end = found.span()
        out.append(text[last:start])
        if end > last or start == 0:
            out.append(_REFERENCE.sub(lambda reference, found=found: _group(reference, found), replacement))  # type: ignore[misc]  # a lambda's default
        last = end
        position = end if end > position else position + 1
    return "".join(out) + text[last:]


def _group(reference: re.Match[str], found: Any) -> str:
    if reference[1]:
        return "$"
    name = reference[2] or reference[3]
    try:
        return found.group(int(name) if name.isdigit() else name) or ""
    except (IndexError, KeyError):
        return ""


def title(text: str) -> str:
    """strings.Title: the first letter of each word; a word is letters, digits and underscores."""
    out: list[str] = []
    previous = " "
    for char in text:
        starts = not (previous == "_" or previous.isalnum()) if previous.isascii() else previous.isspace()
        out.append(char.title() if starts and len(char.title()) == 1 else char)
        previous = char
    return "".join(out)


def _split_host_port(text: str) -> tuple[str, str] | None:
    """net.SplitHostPort; None where that reports an error (no port, or too many colons)."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        return (host, port[1:]) if bracket and port.startswith(":") and not set(port[1:] + host) & set("[]") \
            and ":" not in port[1:] else None  # fmt: skip
    host, colon, port = text.rpartition(":")
    return (host, port) if colon and ":" not in host and not set(text) & set("[]") else None


def strip_port(text: str) -> str:
    split = _split_host_port(text)
    return split[0] if split else text


def strip_domain(text: str) -> str:
    split = _split_host_port(text)
    host = split[0] if split else text
    try:
        ipaddress.ip_address(host)
    except ValueError:
        name = host.split(".")[0]
        return f"{name}:{split[1]}" if split and split[1] else name
    return text


_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"})
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


def escape_html(text: str) -> str:
    return text.translate(_HTML)


def escape_js(text: str) -> str:
    return "".join(_JS.get(char) or (char if char.isprintable() else f"\\u{ord(char):04X}") for char in text)


def graph_link(expr: str, tab: int) -> str:
    return f"/graph?g0.expr={quote_plus(expr, safe='~')}&g0.tab={tab}"
