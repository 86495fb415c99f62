"""``/api/v1/rules``: the filters and the pages of Prometheus's HTTP API. Source: prometheus.io, HTTP API v1, rules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from agent.http.parameters import BadParameter, Parameters
from rules.api import Matcher, SeriesMatcher, VectorSelector, parse

Group = Mapping[str, Any]
_KINDS = {"": None, "alert": "alerting", "record": "recording"}


def chosen_rules(groups: Sequence[Group], parameters: Parameters) -> Mapping[str, Any]:
    """The ``data`` of the answer: of all groups what the request asks for, page by page."""
    groups, token = _page(groups, parameters)
    kind = _kind(parameters)
    without_alerts = _is_set(parameters, "exclude_alerts")
    tests = [SeriesMatcher(matchers) for matchers in selectors(parameters.all("match[]"))]
    files, names, chosen = (parameters.all(f"{name}[]") for name in ("file", "rule_name", "rule_group"))
    found = []
    for group in groups:
        if (files and group["file"] not in files) or (chosen and group["name"] not in chosen):
            continue
        rules = [
            {**rule, "alerts": []} if without_alerts and "alerts" in rule else rule
            for rule in group["rules"]
            if kind in (None, rule["type"]) and (not names or rule["name"] in names) and _matches(rule, tests)
        ]
        if rules:
            found.append({**group, "rules": rules})
    return {"groups": found, "groupNextToken": token} if token else {"groups": found}


def selectors(texts: Sequence[str]) -> list[tuple[Matcher, ...]]:
    """The matchers of each ``match[]``."""
    found = []
    for text in texts:
        expr = parse(text)
        if not isinstance(expr, VectorSelector):
            raise BadParameter(f'match[] is {text[:80]!r}; write a selector such as up or {{job="node"}}')
        found.append(expr.matchers)
    return found


def _kind(parameters: Parameters) -> str | None:
    wanted = parameters.optional("type")
    if wanted not in _KINDS:
        raise BadParameter(f"type is {wanted[:20]!r}; write alert or record")
    return _KINDS[wanted]


def _is_set(parameters: Parameters, name: str) -> bool:
    text = parameters.optional(name).lower()
    if text not in {"", "0", "1", "t", "f", "true", "false"}:
        raise BadParameter(f"{name} is {text[:20]!r}; write true or false")
    return text in {"1", "t", "true"}


def _matches(rule: Mapping[str, Any], tests: Sequence[SeriesMatcher]) -> bool:
    """By the labels the rule was written with, as in the reference."""
    labels = tuple(sorted(rule.get("labels", {}).items()))
    return not tests or any(test.matches("", labels) for test in tests)


def _page(groups: Sequence[Group], parameters: Parameters) -> tuple[Sequence[Group], str]:
    """``group_limit`` groups from ``group_next_token`` on, and the token of the page after them."""
    limit, token = parameters.number("group_limit", 0), parameters.optional("group_next_token")
    if not limit:
        if token or parameters.optional("group_limit"):
            raise BadParameter("group_limit must be a number of at least 1; it is needed for pages")
        return groups, ""
    tokens = [_token(group) for group in groups]
    if token and token not in tokens:
        raise BadParameter(f"group_next_token {token[:40]!r} is not known; the rules have changed, begin anew")
    begin = tokens.index(token) if token else 0
    end = begin + limit
    return groups[begin:end], tokens[end] if end < len(tokens) else ""


def _token(group: Group) -> str:
    return hashlib.sha1(f"{group['file']};{group['name']}".encode(), usedforsecurity=False).hexdigest()
