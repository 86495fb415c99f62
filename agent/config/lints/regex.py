"""A regular expression that is none, or that says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import label_matchers
from rules.api import MatchOp

_SPECIAL = re.compile(r"[.*+?()\[\]{}|^$\\]")
_ANCHOR = re.compile(r"(?:^|(?<=\|))\^|(?<!\\)\$(?=\||$)")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PLAIN = {MatchOp.RE: "=", MatchOp.NRE: "!="}


def check(rule: RuleContext) -> Iterator[Finding]:
    for read in rule.reads:
        for matcher in label_matchers(read.selector):
            if matcher.op not in _PLAIN:
                continue
            label = matcher.name if _IDENTIFIER.fullmatch(matcher.name) else f'"{matcher.name}"'
            place, written = at(read.selector, matcher), f'{label}{matcher.op.value}"{matcher.value}"'
            if matcher.op is MatchOp.RE and matcher.value in (".*", "^.*$", "(.*)"):
                yield Finding(place, f"{written} takes everything, also series without this label", "remove it")
            elif matcher.op is MatchOp.NRE and matcher.value in (".*", "^.*$", "(.*)"):
                yield Finding(place, f"{written} takes nothing", f'write {label}="" for series without it')
            elif matcher.value and not _SPECIAL.search(matcher.value):
                plain = f'{label}{_PLAIN[matcher.op]}"{matcher.value}"'
                yield Finding(place, f"{written} is a regular expression for plain text", f"write {plain}")
            elif matcher.value.startswith("^") or re.search(r"(?<!\\)\$$", matcher.value):
                bare = _ANCHOR.sub("", matcher.value)
                message = f"{written} has anchors that are always there: the whole value is matched"
                yield Finding(place, message, f'write "{bare}"')
