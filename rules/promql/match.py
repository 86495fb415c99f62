"""Label matchers as predicates. Regular expressions are RE2's, anchored at both ends, and their dot matches newline."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from rules.model import Labels
from rules.promql.ast import Matcher, MatchOp
from rules.promql.errors import ExprError

Predicate = Callable[[str], bool]

_SIMPLE: Final = re.compile(r"((?:[\w/ :,@%=~#&<>-]|\\\.)*)(\.[*+])?", re.ASCII)
"""One alternative that needs no regex engine: literal text, perhaps with ``.*`` or ``.+`` behind it."""

_ESCAPED: Final = re.compile(r"\\Q.*?\\E|\\.", re.DOTALL)


def compile_regex(pattern: str, *, captures: bool = True) -> Any:
    """An RE2 pattern whose ``fullmatch`` follows PromQL; ``ExprError`` when RE2 refuses it.

    Without ``captures`` a match takes time linear in the text, whatever the pattern.
    """
    import re2  # noqa: PLC0415 - 2.4 MB that only rules with a real regular expression need

    options = re2.Options()
    options.log_errors = False
    options.never_capture = not captures
    if any(match[0] == r"\C" for match in _ESCAPED.finditer(pattern)):  # Go's RE2 has no single bytes
        raise ExprError(f"illegal regular expression {pattern!r}: invalid escape sequence: \\C", "use RE2 syntax")
    try:
        return re2.compile(f"(?s:{pattern})", options=options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error.args[0])
        raise ExprError(f"illegal regular expression {pattern!r}: {reason}", "use RE2 syntax") from None


def regex_predicate(pattern: str) -> Predicate:
    """Whole-value match of ``pattern``; plain alternatives and prefixes need no regex engine."""
    simple = [_SIMPLE.fullmatch(alternative) for alternative in pattern.split("|")]
    found = [match for match in simple if match is not None]
    if len(found) < len(simple):
        matches = compile_regex(pattern, captures=False).fullmatch
        return lambda value: matches(value) is not None
    whole = frozenset(match[1].replace("\\.", ".") for match in found if not match[2])
    heads = tuple(match[1].replace("\\.", ".") for match in found if match[2] == ".*")
    # What ``.+`` stands for must not be empty: the value is longer than the head.
    longer = tuple(match[1].replace("\\.", ".") for match in found if match[2] == ".+")
    if not heads and not longer:
        return whole.__contains__

    def matches_simple(value: str) -> bool:
        return (
            value in whole
            or value.startswith(heads)
            or any(len(value) > len(head) and value.startswith(head) for head in longer)
        )

    return matches_simple


def _is_simple(pattern: str) -> bool:
    return all(map(_SIMPLE.fullmatch, pattern.split("|")))


def _predicate(matcher: Matcher) -> Predicate:
    wanted = matcher.value
    match matcher.op:
        case MatchOp.EQ:
            return wanted.__eq__
        case MatchOp.NE:
            return wanted.__ne__
        case MatchOp.RE:
            return regex_predicate(wanted)
        case MatchOp.NRE:
            holds = regex_predicate(wanted)
            return lambda value: not holds(value)


_REGEX: Final = 500
"""A question to a regex engine, in elements worked on."""


class SeriesMatcher:
    """A selector's matchers, compiled. ``name`` is the metric name when one is demanded, for lookup by index, and so is
    ``equal``: labels that must have one value, which is not empty.
    """

    __slots__ = ("_tests", "equal", "name", "slow")

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        self.name: str | None = None
        self.slow = False
        """Whether a regex engine is asked about each series."""
        self._tests: list[tuple[str, Predicate]] = []
        self.equal: list[tuple[str, str]] = []
        for matcher in matchers:
            if matcher.name == "__name__" and matcher.op is MatchOp.EQ and self.name is None:
                self.name = matcher.value
            else:
                self._tests.append((matcher.name, _predicate(matcher)))
                if matcher.op is MatchOp.EQ and matcher.value and matcher.name != "__name__":
                    self.equal.append((matcher.name, matcher.value))
                self.slow |= matcher.op in (MatchOp.RE, MatchOp.NRE) and not _is_simple(matcher.value)

    def matches(self, name: str, labels: Labels) -> bool:
        if self.name is not None and name != self.name:
            return False
        if not self._tests:
            return True
        values = dict(labels)
        values["__name__"] = name
        # A plain loop: a selector over ten thousand series asks here ten thousand times.
        for label, test in self._tests:  # noqa: SIM110
            if not test(values.get(label, "")):
                return False
        return True


class TimedMatcher(SeriesMatcher):
    """The same matcher with an eye on the clock: over thousands of series a nasty regex may take seconds."""

    __slots__ = ("_tick",)

    def __init__(self, matcher: SeriesMatcher, tick: Callable[[int], None]) -> None:
        self.name, self.slow, self.equal, self._tests = matcher.name, matcher.slow, matcher.equal, matcher._tests
        self._tick = tick

    def matches(self, name: str, labels: Labels) -> bool:
        self._tick(_REGEX)
        return super().matches(name, labels)
