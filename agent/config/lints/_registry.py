"""Which checks there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module

from agent.config.lint_names import PREFIX, lint_names
from agent.config.lints._model import Finding, RuleContext

Check = Callable[[RuleContext], Iterator[Finding]]
SILENCE = "silence"
"""The name of what is said about silences themselves; it cannot be silenced."""


@cache
def checks() -> dict[str, Check]:
    """Every check by its name, in order of names."""
    return {name: import_module(f"{__package__}.{name.replace('-', '_')}").check for name in lint_names()}


def page(check: str) -> str:
    """The page of a finding by the name of its check (``lint/window``), as a path in this project; else empty."""
    return f"docs/lints/{check.removeprefix(PREFIX)}.md" if check.startswith(PREFIX) else ""
