"""What can go wrong with an expression.

::

    ExprError   the text is not an expression we evaluate (said when a file is loaded)
    EvalError   the evaluation of a good expression failed (said as rule health; never means "no result")
"""

from __future__ import annotations


class ExprError(ValueError):
    """The text is not an expression we evaluate. ``message`` says what is wrong and ``hint`` how to mend it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


class EvalError(Exception):
    """An evaluation failed; the text is Prometheus's own where Prometheus fails too."""
