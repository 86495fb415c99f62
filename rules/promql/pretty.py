"""An expression in the layout of the reference's ``format_query``: lines of at most 100 characters, indented by two."""

from __future__ import annotations

import promql_parser as native

from rules.promql.errors import ExprError
from rules.promql.parse import parse
from rules.promql.spelling import respell


def prettify(text: str) -> str:
    """``text`` laid out anew; ``ExprError`` when it is no expression.

    The library loses quotes of names, backslashes of strings and colons of subqueries. What would mean something else
    than before is given back in one line, without its comments.
    """
    expr = parse(text)
    try:
        laid_out: str = native.parse(respell(text)).prettify()
        if parse(laid_out) == expr:
            return laid_out
    except (ExprError, ValueError):  # also a regex that only RE2 reads
        pass
    from rules.explain import show  # noqa: PLC0415 - hardly ever needed

    return show(expr)
