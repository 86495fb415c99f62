"""Names of metrics and labels as text. Any UTF-8 is one; PromQL wants quotes around what is no identifier."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from rules.template.printing import quote

_PLAIN_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PLAIN_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def quoted_name(label: str) -> str:
    """The name of a label as matchers and groupings write it."""
    return label if _PLAIN_LABEL.fullmatch(label) else quote(label)


def selector_text(name: str, matchers: Iterable[str]) -> str:
    """A selector of ready-made matchers: ``up{job="node"}``, ``{"http.requests", job="node"}``."""
    plain = not name or _PLAIN_METRIC.fullmatch(name)
    body = ", ".join(matchers if plain else (quote(name), *matchers))
    if not plain:
        return f"{{{body}}}"
    return f"{name}{{{body}}}" if body or not name else name
