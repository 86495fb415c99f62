"""What a check is given and what it gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.config.lints._walk import Read, reads
from agent.config.lints._world import World
from rules.api import AlertingRule, Expr, Group, Matcher, RecordingRule, RuleFile, nodes

Rule = AlertingRule | RecordingRule


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is: a key of the rule (``("labels", "severity")``), and for its expression which part of it.

    A key that is not written stands for the one above it, and in the end for the rule.
    """

    key: tuple[str, ...]
    node: Expr | None = None
    matcher: Matcher | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. ``message`` says what is wrong, ``hint`` how to mend it; both are parts of one line."""

    place: Place
    message: str
    hint: str


class RuleContext:
    """One rule, where it stands, and what else there is."""

    def __init__(self, rule: Rule, group: Group, file: RuleFile, world: World) -> None:
        self.rule = rule
        self.group = group
        self.file = file
        self.world = world

    @property
    def alert(self) -> AlertingRule | None:
        return self.rule if isinstance(self.rule, AlertingRule) else None

    @cached_property
    def nodes(self) -> tuple[Expr, ...]:
        """Every part of the expression, outer parts first."""
        return tuple(nodes(self.rule.expr))

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        """Every selector with the window it is read over."""
        return tuple(reads(self.rule.expr))

    def static_labels(self) -> Iterator[tuple[str, str]]:
        """The labels of an alert that are plain text."""
        if isinstance(self.rule, AlertingRule):
            yield from ((name, template.static) for name, template in self.rule.labels if template.static is not None)


def at(node: Expr, matcher: Matcher | None = None) -> Place:
    """A part of the expression."""
    return Place(("expr",), node, matcher)


def at_key(*key: str) -> Place:
    return Place(key)
