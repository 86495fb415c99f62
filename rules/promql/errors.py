"""What can go wrong with an expression.

::

    ExprError   the text is not an expression we evaluate (said when a file is loaded)
    EvalError   the evaluation of a good expression failed (said as rule health; never means "no result")
"""

from __future__ import annotations


class ExprError(ValueError):
    """The text is not an expression we evaluate. ``message`` says what is wrong and ``hint`` how to mend it.

    ``at`` is the offset in the text, in characters, of what is wrong; None when that is not known.
    """

    def __init__(self, message: str, hint: str = "", at: int | None = None) -> None:
        place = "" if at is None else f" at character {at + 1}"
        super().__init__(f"{message}{place} ({hint})" if hint else message + place)
        self.message = message
        self.hint = hint
        self.at = at


class EvalError(Exception):
    """An evaluation failed; the text is Prometheus's own where Prometheus fails too."""
