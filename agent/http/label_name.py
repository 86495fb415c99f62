"""Names of labels in paths, where a name of any UTF-8 is escaped: ``U__service_2e_name`` is ``service.name``.

Source: prometheus.io, "Escaping schemes", values encoding: behind ``U__`` two underscores are one, and a code point in
hexadecimal stands between two underscores.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"__|_([0-9a-fA-F]{1,6})_")
_PREFIX = "U__"


def unescape_label(text: str) -> str:
    """The name; a text that is no correct escape is a name itself, as in the reference."""
    if not text.startswith(_PREFIX):
        return text
    name, position = [], len(_PREFIX)
    while position < len(text):
        if text[position] != "_":
            name.append(text[position])
            position += 1
            continue
        found = _ESCAPE.match(text, position)
        code = int(found[1], 16) if found is not None and found[1] else ord("_")
        if found is None or code > 0x10FFFF or 0xD800 <= code < 0xE000:
            return text
        name.append(chr(code))
        position = found.end()
    return "".join(name)
