"""The routing tree: which receivers an alert goes to, and how it is grouped there.

Alertmanager's rules: the root matches everything; children are tried in order; the first that matches takes the alert,
unless it says ``continue``; an alert that no child takes stays with the node itself. A node inherits what it does not
say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from agent.core.matcher import CompileRegex, LabelTest, all_match, compile_all
from agent.core.policy import DEFAULT_GROUP_BY, DEFAULT_GROUP_INTERVAL, DEFAULT_GROUP_WAIT, Receiver, Route


class RouteError(ValueError):
    """A tree that cannot work; the text says where and how to mend it."""


class Match(msgspec.Struct, frozen=True):
    """One place an alert goes to. ``path`` names the nodes from the root, each with its matchers, for ``explain``."""

    receiver: str
    backend: str
    group_by: tuple[str, ...]
    group_wait: int
    group_interval: int
    path: tuple[str, ...]


class Node(msgspec.Struct, frozen=True):
    """A node with everything inherited."""

    match: Match
    tests: tuple[LabelTest, ...]
    goes_on: bool
    children: tuple[Node, ...]


def build_tree(route: Route, receivers: tuple[Receiver, ...], compile_regex: CompileRegex) -> Node:
    """Resolve inheritance and receivers, and compile the matchers; raises RouteError or MatcherError."""
    if route.matchers:
        raise RouteError(
            "the root of `route` takes every alert, so it cannot have matchers; move them to a child in `routes`"
        )
    if route.receiver is None:
        raise RouteError("the root of `route` needs a `receiver`: it takes what no child takes")
    integrations = {receiver.name: receiver.integration for receiver in receivers}
    above = Match("", "", DEFAULT_GROUP_BY, DEFAULT_GROUP_WAIT, DEFAULT_GROUP_INTERVAL, ())
    return _node(route, "route", above, integrations, compile_regex)


def route(tree: Node, labels: Mapping[str, str]) -> tuple[Match, ...]:
    """Every place an alert with these labels goes to, in tree order; never empty."""
    return tuple(_walk(tree, labels))


def _node(route: Route, where: str, above: Match, integrations: Mapping[str, str], compile_regex: CompileRegex) -> Node:
    receiver = above.receiver if route.receiver is None else route.receiver
    if receiver not in integrations:
        known = ", ".join(sorted(integrations)) or "none"
        raise RouteError(f"{where}: no receiver is called {receiver!r}; `receivers` has: {known}")
    tests = compile_all(route.matchers, compile_regex)
    conditions = ", ".join(str(test.matcher) for test in tests)
    match = Match(
        receiver=receiver,
        backend=integrations[receiver],
        group_by=above.group_by if route.group_by is None else route.group_by,
        group_wait=above.group_wait if route.group_wait is None else route.group_wait,
        group_interval=above.group_interval if route.group_interval is None else route.group_interval,
        path=(*above.path, f"{where}{{{conditions}}}"),
    )
    children = tuple(
        _node(child, f"routes[{number}]", match, integrations, compile_regex)
        for number, child in enumerate(route.routes)
    )
    return Node(match, tests, route.continue_, children)


def _walk(node: Node, labels: Mapping[str, str]) -> Iterator[Match]:
    taken = False
    for child in node.children:
        if all_match(child.tests, labels):
            taken = True
            yield from _walk(child, labels)
            if not child.goes_on:
                break
    if not taken:
        yield node.match
