"""An expression in the layout of the reference's ``format_query``: lines of at most 100 characters, indented by two."""

from __future__ import annotations

import promql_parser as native

from rules.promql.parse import parse
from rules.promql.spelling import respell


def prettify(text: str) -> str:
    """``text`` laid out anew; ``ExprError`` when it is no expression."""
    parse(text)
    laid_out: str = native.parse(respell(text)).prettify()
    return laid_out
