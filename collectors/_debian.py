"""Formats of Debian's package management: fields of control files (deb-control(5)), the order of versions
(deb-version(7)).
"""

from __future__ import annotations

import re


def field(stanza: bytes, name: bytes) -> bytes:
    """The one-line value of a field, empty when it is not there."""
    if stanza.startswith(name + b": "):
        start = 0
    else:
        start = stanza.find(b"\n" + name + b": ") + 1
        if not start:
            return b""
    start += len(name) + 2
    end = stanza.find(b"\n", start)
    return (stanza[start:] if end < 0 else stanza[start:end]).strip()


def version_key(version: str) -> tuple[int, tuple[object, ...], tuple[object, ...]]:
    """Keys compare as dpkg compares the versions."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch) if epoch.isascii() and epoch.isdigit() else 0, _key(upstream), _key(revision)


def _key(text: str) -> tuple[object, ...]:
    """Texts and numbers in turn. In a text ``~`` comes before its end, letters before anything else."""
    parts: list[object] = []
    for words, digits in re.findall(r"([^0-9]*)([0-9]{0,30})", text):
        parts.append((*(_order(letter) for letter in words), 0))
        parts.append(int(digits or 0))
    return tuple(parts)


def _order(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isascii() and letter.isalpha() else ord(letter) + 256
