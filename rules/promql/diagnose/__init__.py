"""Where an expression is wrong, and how to mend it: a second reading of what the parser library refused.

The library says what it dislikes, often in the words of its grammar, and never where. This reads the same grammar from
the left by recursive descent (``expression.py``), up to the first token that cannot stand where it stands; when all
can, it looks at types (``operands.py``). It decides nothing: it is asked only after a refusal, and where it finds
nothing the library's message stays. Give it only texts that passed the guard, which bounds depth and length.
"""

from __future__ import annotations

from rules.promql.diagnose.expression import ExpressionReader
from rules.promql.diagnose.operands import Typing
from rules.promql.errors import ExprError


def diagnose(text: str, *, experimental: bool = False) -> ExprError | None:
    """The first mistake in ``text``, with its offset; None when this finds none. ``experimental`` as for ``parse``."""
    reader = ExpressionReader(text, Typing(experimental))
    try:
        reader.whole()
    except ExprError as error:
        return error
    except RecursionError:  # the caller stood deep in its own stack already
        return None
    return reader.typing.first
