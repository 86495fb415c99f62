r"""Plain text as Jira's wiki markup (Data Center), in which nothing of the text is markup.

Source: the notation guide of the wiki renderer. A backslash before a character takes its meaning away; two backslashes
are a line break, so a backslash itself is written as a character reference. Addresses stay as they are and become
links.
"""

from __future__ import annotations

import re

_LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#@&=+%,;-]*[A-Za-z0-9/]")
_BULLET = "- "

_MARKUP = re.compile(
    r"(?P<backslash>\\)"
    r"|(?P<reference>&(?=#?\w{1,12};))"
    r"|[{}\[\]*^~!|]"
    r"|(?<![A-Za-z0-9])[-_+]|[-_+](?![A-Za-z0-9])"  # within a word they are what they look like
    r"|\?(?=\?)|(?<=\?)\?"
    r"|[:;](?=[()DPp])|\((?=[xyni!/?*+\-]|on\)|off\)|flag)"  # little pictures
    r"|#+(?=\s|$)"  # a numbered list
)
_HEADING = re.compile(r"^(\s*)(h[1-6]|bq)\.(?=\s)")
_MACRO = "{noformat}"


def to_wiki(text: str, footer: str = "") -> str:
    """The markup; ``footer`` stands in a ``noformat`` block at its end, where it keeps its exact characters."""
    parts = ["\n".join(_line(line) for line in text.split("\n"))]
    if footer:
        # Only a fact can hold the word, and in a JSON text a brace may be written as an escape.
        parts.append(f"{_MACRO}\n{footer.replace(_MACRO, _MACRO.replace('{', chr(92) + 'u007b'))}\n{_MACRO}")
    return "\n\n".join(part for part in parts if part)


def _line(line: str) -> str:
    bullet, rest = ("* ", line[len(_BULLET) :]) if line.startswith(_BULLET) else ("", line)
    out, at = [], 0
    for match in _LINK.finditer(rest):
        out += [_plain(rest[at : match.start()]), match[0]]
        at = match.end()
    out.append(_plain(rest[at:]))
    return bullet + _HEADING.sub(lambda found: f"{found[1]}&#{ord(found[2][0])};{found[2][1:]}.", "".join(out))


def _plain(text: str) -> str:
    return _MARKUP.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    if match["backslash"]:
        return "&#92;"
    if match["reference"]:
        return "&amp;"
    return "".join("\\" + char for char in match[0])
