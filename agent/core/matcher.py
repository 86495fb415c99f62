"""Label matchers as Alertmanager writes them: ``name="value"``, ``!=``, ``=~``, ``!~``.

A name that is not made of letters, digits and ``_`` stands in quotes: ``"service.name"="shop"``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

import msgspec

Predicate = Callable[[str], bool]
CompileRegex = Callable[[str], Predicate]
"""Makes a test for "the whole value matches" of a pattern; raises ValueError with the mistake. The caller lends it, so
that the core needs no regular expression library (and never meets one that takes exponential time)."""


class MatchOp(Enum):
    """How a label's value is compared. A label that is missing counts as empty."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


class MatcherError(ValueError):
    """A matcher that cannot be read; the text says what is wrong and what to write."""


class Matcher(msgspec.Struct, frozen=True):
    """A matcher as written: ``value`` without its quotes and escapes."""

    label: str
    op: MatchOp
    value: str

    def __str__(self) -> str:
        label = self.label if _PLAIN.fullmatch(self.label) else _quote(self.label)
        return f"{label}{self.op.value}{_quote(self.value)}"


class LabelTest(msgspec.Struct, frozen=True):
    """A matcher made ready to run."""

    matcher: Matcher
    test: Predicate

    def __call__(self, labels: Mapping[str, str]) -> bool:
        return self.test(labels.get(self.matcher.label, ""))


_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SHAPE = re.compile(
    r"""\s*(?:([a-zA-Z_][a-zA-Z0-9_]*)|("(?:[^"\\]|\\["\\n])+"))\s*(=~|!~|!=|=)\s*(.*?)\s*""", re.DOTALL
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\n])*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)")


def parse_matcher(text: str) -> Matcher:
    """Read one matcher; raises MatcherError. Quotes are optional where the value has none itself."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise MatcherError(f'{text!r} is not a matcher; write for example severity="critical" or mountpoint=~"/data.*"')
    plain, quoted_label, op, value = shape.groups()
    label = plain or _unquote(quoted_label)
    if '"' in value:
        quoted = _QUOTED.fullmatch(value)
        if quoted is None:
            raise MatcherError(
                f'in {text!r} the quotes do not fit: put the whole value in double quotes; inside write \\" \\\\ \\n'
            )
        value = _unquote(value)
    return Matcher(label, MatchOp(op), value)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unquote(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text[1:-1])


def compile_matcher(matcher: Matcher, compile_regex: CompileRegex) -> LabelTest:
    """Make it ready; raises MatcherError when its regular expression is wrong."""
    value = matcher.value
    if matcher.op is MatchOp.EQUAL:
        return LabelTest(matcher, lambda found: found == value)
    if matcher.op is MatchOp.NOT_EQUAL:
        return LabelTest(matcher, lambda found: found != value)
    try:
        matches = compile_regex(value)
    except ValueError as error:
        raise MatcherError(f"{matcher}: the regular expression is wrong: {error}") from error
    if matcher.op is MatchOp.REGEX:
        return LabelTest(matcher, matches)
    return LabelTest(matcher, lambda found: not matches(found))


def compile_all(texts: Iterable[str], compile_regex: CompileRegex) -> tuple[LabelTest, ...]:
    """Parse and compile a list of matchers."""
    return tuple(compile_matcher(parse_matcher(text), compile_regex) for text in texts)


def all_match(tests: Iterable[LabelTest], labels: Mapping[str, str]) -> bool:
    """True when every matcher matches; an empty list matches everything."""
    return all(test(labels) for test in tests)
