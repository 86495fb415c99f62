"""The part of google-re2 that Tocsin uses, on Rust's regex engine (the package flpc): for machines without RE2's wheel.

Both engines take time linear in the text, whatever the pattern. Their syntax differs in details, so each pattern is
read here by RE2's rules (github.com/google/re2/wiki/Syntax) and written anew for Rust: classes of Perl are ASCII, every
other escape is a literal, counts end at 1000, a repetition cannot be repeated. ``\\C`` (one byte)
is refused, and so is a repetition right after flags such as ``(?i)``, which RE2 takes for one of what stands before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import flpc

_PERL = {"d": "0-9", "w": "0-9A-Za-z_", "s": "\\t\\n\\x0C\\r\\x20"}
_POSIX = frozenset(
    {"alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
     "xdigit"}
)  # fmt: skip
_COUNT = re.compile(r"\{([0-9]{1,9})(?:(,)([0-9]{0,9}))?\}")
_FLAGS = re.compile(r"\(\?([imsU]*(?:-[imsU]+)?)([:)])")
_NAMED = re.compile(r"\(\?P?<([^>]*)>")
_PROPERTY = re.compile(r"([pP])(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))")
_HEX = re.compile(r"x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_CONTROLS = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_MOST = 1000


class error(Exception):  # noqa: N801 - google-re2's name
    """What is wrong with a pattern; as in google-re2, bytes."""


class Options:
    """google-re2's options. Those that Tocsin does not set are as they are there by default."""

    def __init__(self) -> None:
        self.log_errors = True
        self.max_mem = 8 << 20
        self.never_capture = False
        self.dot_nl = False


def compile(pattern: str, options: Options | None = None) -> Regexp:
    """A compiled pattern; ``error`` says what is wrong with it."""
    return Regexp(pattern, options or Options())


class Match:
    """A match; groups by number or name. All is taken over at once: a match of flpc points into the text, which it does
    not keep alive.
    """

    def __init__(self, found: flpc.Match, regexp: Regexp) -> None:
        self._groups = tuple(found.group(number) for number in range(regexp.groups + 1))
        self._span: tuple[int, int] = found.span(0)
        self._names = regexp.groupindex

    def group(self, which: int | str = 0) -> str | None:
        number = self._names[which] if isinstance(which, str) else which
        if number < 0:
            raise IndexError("no such group")
        return self._groups[number]

    def groups(self) -> tuple[str | None, ...]:
        return self._groups[1:]

    def span(self) -> tuple[int, int]:
        return self._span

    def start(self) -> int:
        return self._span[0]

    def end(self) -> int:
        return self._span[1]


class Regexp:
    """What google-re2 calls ``_Regexp``, as far as Tocsin asks."""

    def __init__(self, pattern: str, options: Options) -> None:
        reader = _Reader(pattern, capture=not options.never_capture)
        text = ("(?s)" if options.dot_nl else "") + "".join(reader.parts())
        self.groups = reader.groups
        self.groupindex = reader.names
        self.programsize = len(text) * reader.repeats
        self._compiled = _compiled(text)
        self._text = text
        self._whole: flpc.Pattern | None = None
        self._seen: tuple[str, list[flpc.Match]] = "", []

    def search(self, text: str, pos: int = 0) -> Match | None:
        if pos == 0:
            found = flpc.search(self._compiled, text)
        else:  # the next of all matches: ``pos`` is where the one before ended, or a character further
            if self._seen[0] != text:
                self._seen = text, flpc.finditer(self._compiled, text)
            found = next((each for each in self._seen[1] if each.start(0) >= pos), None)
        return None if found is None else Match(found, self)

    def fullmatch(self, text: str) -> Match | None:
        if self._whole is None:
            self._whole = _compiled(rf"\A(?:{self._text})\z")
        found = flpc.search(self._whole, text)
        return None if found is None else Match(found, self)


def _compiled(text: str) -> flpc.Pattern:
    try:
        return flpc.compile(text)
    except ValueError as refused:
        last = str(refused).strip().rsplit("\n", 1)[-1].removeprefix("error: ")
        raise error(last.encode()) from None


class _Reader:
    """Reads a pattern by RE2's rules; ``parts`` gives it anew for Rust, and the fields fill meanwhile."""

    def __init__(self, pattern: str, *, capture: bool) -> None:
        self.groups = 0
        self.names: dict[str, int] = {}
        self.repeats = 1
        self._pattern = pattern
        self._capture = capture
        self._at = 0

    def parts(self) -> Iterator[str]:
        repeated = False
        while (at := self._at) < len(self._pattern):
            char = self._pattern[at]
            count = _COUNT.match(self._pattern, at) if char == "{" else None
            if char in "*+?" or count is not None:
                operator = count[0] if count is not None else char
                if repeated:
                    raise error(f"bad repetition operator: {operator}".encode())
                self._at += len(operator)
                if count is not None:
                    self._check(count)
                if self._pattern.startswith("?", self._at):
                    operator += "?"
                    self._at += 1
                yield operator
                repeated = True
                continue
            repeated = False
            yield from self._one(char)

    def _check(self, count: re.Match[str]) -> None:
        low, high = int(count[1]), int(count[3] or count[1])
        if max(low, high) > _MOST or high < low:
            raise error(f"invalid repetition size: {count[0]}".encode())
        self.repeats *= max(high, 1)

    def _one(self, char: str) -> Iterator[str]:
        if char == "\\":
            yield from self._escape(assertions=True)
        elif char == "[":
            yield from self._class()
        elif char == "(":
            yield self._group()
        else:
            self._at += 1
            yield char if char in "^$.|)" else _literal(ord(char))

    def _group(self) -> str:
        if flags := _FLAGS.match(self._pattern, self._at):
            self._at = flags.end()
            return "" if flags[0] == "(?)" else flags[0]
        named = _NAMED.match(self._pattern, self._at)
        if named is None and self._pattern.startswith("(?", self._at):
            raise error(f"invalid perl operator: {self._pattern[self._at : self._at + 3]}".encode())
        self._at = named.end() if named else self._at + 1
        if not self._capture:
            return "(?:"
        self.groups += 1
        if named:
            if not re.fullmatch(r"\w+", named[1]):
                raise error(f"invalid named capture group: {named[0]}".encode())
            self.names.setdefault(named[1], self.groups)
        return "("

    def _escape(self, *, assertions: bool) -> Iterator[str]:
        """What stands behind a backslash."""
        rest = self._pattern[self._at + 1 : self._at + 80]
        if rest.startswith("Q") and assertions:
            inner, _, _ = self._pattern[self._at + 2 :].partition("\\E")
            self._at = min(self._at + 4 + len(inner), len(self._pattern))
            yield from (_literal(ord(char)) for char in inner)
            return
        char = rest[:1]
        if char.lower() in _PERL and char:
            self._at += 2
            yield _perl(char)
        elif assertions and char in ("A", "z", "b", "B"):
            self._at += 2
            yield f"\\{char}" if char in "Az" else f"(?-u:\\{char})"
        elif named := _PROPERTY.match(rest):
            self._at += 1 + named.end()
            negative = (named[1] == "P") is not bool(named[2])
            yield (f"\\{'P' if negative else 'p'}{{{named[3] or named[4]}}}")
        else:
            yield _literal(self._code(rest))

    def _code(self, rest: str) -> int:
        """The character that an escape stands for."""
        char = rest[:1]
        if found := _HEX.match(rest):
            self._at += 1 + found.end()
            code = int(found[1] or found[2], 16)
            if code <= 0x10FFFF:
                return code
        elif found := _OCTAL.match(rest):
            self._at += 1 + found.end()
            return int(found[0], 8)
        elif char in _CONTROLS and char:
            self._at += 2
            return _CONTROLS[char]
        elif char and char.isascii() and not char.isalnum():
            self._at += 2
            return ord(char)
        raise error(f"invalid escape sequence: \\{char}".encode() if char else b"trailing \\")

    def _class(self) -> Iterator[str]:
        start = self._at
        self._at += 1
        yield "["
        if self._pattern.startswith("^", self._at):
            self._at += 1
            yield "^"
        first = True
        while first or not self._pattern.startswith("]", self._at):
            if self._at >= len(self._pattern):
                raise error(f"missing ]: {self._pattern[start:]}".encode())
            first = False
            yield from self._item()
        self._at += 1
        yield "]"

    def _item(self) -> Iterator[str]:
        """A class within the brackets, or a character or range of them."""
        posix = re.compile(r"\[:(\^?)([a-z]+):\]").match(self._pattern, self._at)
        if posix is not None:
            if posix[2] not in _POSIX:
                raise error(f"invalid character class range: {posix[0]}".encode())
            self._at = posix.end()
            yield posix[0]
            return
        rest = self._pattern[self._at + 1 : self._at + 80]
        if self._pattern[self._at] == "\\" and (rest[:1] in set("dDwWsS") or _PROPERTY.match(rest)):
            yield from self._escape(assertions=False)
            return
        begin = self._at
        low = high = self._char()
        if self._pattern.startswith("-", self._at) and self._pattern[self._at + 1 : self._at + 2] not in ("]", ""):
            self._at += 1
            high = self._char()
            if high < low:
                raise error(f"invalid character class range: {self._pattern[begin : self._at]}".encode())
        yield _literal(low) if high == low else f"{_literal(low)}-{_literal(high)}"

    def _char(self) -> int:
        char = self._pattern[self._at]
        if char == "\\":
            return self._code(self._pattern[self._at + 1 : self._at + 80])
        self._at += 1
        return ord(char)


def _perl(letter: str) -> str:
    return f"[{'^' if letter.isupper() else ''}{_PERL[letter.lower()]}]"


def _literal(code: int) -> str:
    char = chr(code)
    return char if char.isalnum() or char in "_ ," else f"\\x{{{code:X}}}"
