"""YAML text as nodes that know where they stand; every mistake becomes a ``Problem``, all of them at once.

The dialect is small on purpose (it is what Prometheus rule files and our own configuration use): mappings with plain
keys, sequences, scalars. A plain scalar stays the text that was written (``yes``, ``0x10``, ``1e3``, ``12:30``), the
reader of a field converts it. An alias stands for the node of its anchor; what all of them add together is bounded.

Hostile text is bounded before the parser sees it (size, encoding, control characters) and while it is read: events are
pulled one at a time, so nesting beyond the limit stops the read before any tree exists, and nothing here recurses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import msgspec
import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from rules.model import Problem, Severity

if TYPE_CHECKING:
    from rules.places import Places

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_MERGED = 10_000
"""Nodes that all merge keys and aliases of a file may add together: what an alias bomb would need is far above."""
MAX_PROBLEMS = 100

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_TEXT_TAG = "tag:yaml.org,2002:str"
_BINARY_TAG = "tag:yaml.org,2002:binary"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER: type[yaml.CSafeLoader | yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Documents(Enum):
    """What a second document in one file is."""

    ONE = "one"
    """A mistake."""
    FIRST = "first"
    """Ignored with a warning, as Prometheus does with rule files."""


class Scalar(msgspec.Struct, frozen=True):
    """Text as written. ``plain`` is False when it was quoted or a block, where ``~`` and ``null`` are ordinary text.

    ``binary``: it is bytes in base64 (``!!binary``), which a reader must ask for.
    """

    value: str
    line: int
    column: int
    plain: bool = True
    binary: bool = False

    @property
    def is_null(self) -> bool:
        return self.plain and self.value in _NULLS

    @property
    def text(self) -> str:
        """The value of a field of text: null is the empty text."""
        return "" if self.is_null else self.value


class Sequence(msgspec.Struct, frozen=True):
    items: tuple[Node, ...]
    line: int
    column: int


class Mapping(msgspec.Struct, frozen=True):
    """Entries in file order, keys unique, merge keys already applied (an own entry wins over a merged one)."""

    items: tuple[tuple[Scalar, Node], ...]
    line: int
    column: int

    def get(self, key: str) -> Node | None:
        return next((value for name, value in self.items if name.value == key), None)


Node = Scalar | Sequence | Mapping


def read_yaml(
    text: str | bytes, file: str, documents: Documents = Documents.ONE, *, binary: bool = False
) -> tuple[Node | None, list[Problem]]:
    """The first document of a file, and all that is wrong with it, ordered by position.

    ``binary`` lets values be ``!!binary``, for formats of other programs that have them.

    The node is None for an empty file, and whenever what was found makes the rest meaningless (too large, not UTF-8,
    broken syntax). A file with any problem of severity ERROR is not to be used; its node serves to find more mistakes.
    """
    problems: list[Problem] = []
    decoded = _prescan(text, file, problems)
    if decoded is None:
        return None, problems
    builder = _Builder(file, documents, problems, binary)
    try:
        for event in _events(decoded):
            if not builder.take(event):
                break
    except yaml.YAMLError as error:
        from rules.slips_yaml import syntax_problem  # noqa: PLC0415 - only a mistake needs it

        problems.append(syntax_problem(error, file, decoded))
        return None, sorted(problems)
    return (None if builder.broken else builder.root), sorted(problems)


def places_in(text: str) -> Places:
    """From characters of values to places in this text, which may begin with a byte order mark."""
    from rules.places import Places  # noqa: PLC0415 - only a message needs it

    return Places(text.removeprefix("\ufeff"))


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A hint for a word that is none of ``choices``: the nearest one, or else all of them when they are few."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    known = sorted(set(choices))
    near = get_close_matches(word[:64], known, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(known)}" if 0 < len(known) <= 24 else ""


def _events(text: str) -> Iterator[Event]:
    loader = _LOADER(text)
    try:
        while (event := loader.get_event()) is not None:
            yield event
    finally:
        loader.dispose()


def _prescan(raw: str | bytes, file: str, problems: list[Problem]) -> str | None:
    """The text, when it is small enough, UTF-8, and free of control characters; all without the YAML parser."""
    if len(raw) > MAX_BYTES:
        hint = "split it into several files"
        problems.append(Problem(file, 0, 0, f"the file is larger than {MAX_BYTES} bytes", hint, "yaml/size"))
        return None
    if isinstance(raw, str):
        text = raw
    else:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line, column = _position(raw[: error.start].decode("utf-8", "replace"))
            message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
            problems.append(Problem(file, line, column, message, "save the file as UTF-8", "yaml/encoding"))
            return None
    text = text.removeprefix("\ufeff")
    for number, found in enumerate(_CONTROL.finditer(text)):
        if number == MAX_PROBLEMS:
            break
        line, column = _position(text[: found.start()])
        message = f"control character U+{ord(found[0]):04X}"
        problems.append(Problem(file, line, column, message, "remove it", "yaml/control"))
    return None if problems else text


def _position(before: str) -> tuple[int, int]:
    """Line and column, from 1, of the character that follows the text ``before``."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


@dataclass(slots=True)
class _Open:
    """A collection being read. ``key`` is the key whose value comes next; a sequence never has one."""

    event: MappingStartEvent | SequenceStartEvent
    items: list[Node] = field(default_factory=list)
    entries: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)
    merges: list[Mapping] = field(default_factory=list)
    key: Scalar | None = None
    skip_value: bool = False


class _Builder:
    """Builds nodes from events. ``take`` returns False to end the read; ``broken`` says that the tree is not whole."""

    def __init__(self, file: str, documents: Documents, problems: list[Problem], binary: bool) -> None:
        self._binary = binary
        self.root: Node | None = None
        self.broken = False
        self._file = file
        self._documents = documents
        self._problems = problems
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._merged = 0
        self._seen_document = False

    def take(self, event: Event) -> bool:
        match event:
            case DocumentStartEvent():
                return self._start_document(event)
            case DocumentEndEvent():
                self._seen_document = True
            case MappingStartEvent() | SequenceStartEvent():
                self._check_tag(event, event.tag)
                if len(self._stack) >= MAX_DEPTH:
                    self._problem(event, f"nested deeper than {MAX_DEPTH} levels", "flatten it", "yaml/depth")
                    self.broken = True
                    return False
                self._stack.append(_Open(event))
            case SequenceEndEvent() | MappingEndEvent():
                self._close(self._stack.pop())
            case AliasEvent():
                self._alias(event)
            case ScalarEvent():
                text = event.tag == _TEXT_TAG
                binary = self._binary and event.tag == _BINARY_TAG
                if not text and not binary:
                    self._check_tag(event, event.tag)
                line, column = _mark(event)
                node = Scalar(event.value, line, column, not event.style and not text and not binary, binary)
                if _CONTROL.search(event.value):
                    self._problem(event, "the escaped text holds a control character", "remove it", "yaml/control")
                self._add(node, event, event.anchor)
            case _:
                pass  # start and end of the stream carry nothing
        self.broken = self.broken or len(self._problems) >= MAX_PROBLEMS
        return not self.broken

    def _start_document(self, event: Event) -> bool:
        if not self._seen_document:
            return True
        if self._documents is Documents.ONE:
            self._problem(event, "a second document starts here", "keep one document in a file", "yaml/documents")
        else:
            message = "a second document starts here; only the first one counts"
            line, column = _mark(event)
            hint = "move it to a file of its own"
            self._problems.append(Problem(self._file, line, column, message, hint, "yaml/documents", Severity.WARNING))
        return False

    def _check_tag(self, event: Event, tag: str | None) -> None:
        if tag is not None and tag != "!":
            self._problem(event, f"tag '{tag[:80]}' is not allowed", "write the plain value", "yaml/tag")

    def _alias(self, event: AliasEvent) -> None:
        target = self._anchors.get(event.anchor or "")
        if target is None:
            message = f"alias '*{event.anchor}' has no anchor before it"
            self._problem(event, message, f"define '&{event.anchor}' first", "yaml/alias")
        elif len(self._stack) + _depth(target) > MAX_DEPTH:
            self._problem(event, f"nested deeper than {MAX_DEPTH} levels", "flatten it", "yaml/depth")
            target = None
        elif not self._below_merge_key() and not self._adds(target):
            self._problem(event, f"aliases of this file add more than {MAX_MERGED} values", "use fewer", "yaml/alias")
            self.broken = True
            return
        line, column = _mark(event)
        self._add(target or Scalar("", line, column), event, None)

    def _below_merge_key(self) -> bool:
        """True for ``<<: HERE`` and for ``<<: [HERE]``."""
        mappings = [opened for opened in self._stack[-2:] if isinstance(opened.event, MappingStartEvent)]
        return bool(mappings) and _is_merge(mappings[-1].key)

    def _close(self, opened: _Open) -> None:
        line, column = _mark(opened.event)
        if isinstance(opened.event, SequenceStartEvent):
            self._add(Sequence(tuple(opened.items), line, column), opened.event, opened.event.anchor)
            return
        entries = opened.entries
        for merge in opened.merges:
            for key, value in merge.items:
                entries.setdefault(key.value, (key, value))
        self._add(Mapping(tuple(entries.values()), line, column), opened.event, opened.event.anchor)

    def _add(self, node: Node, event: Event, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if isinstance(parent.event, SequenceStartEvent):
            parent.items.append(node)
        elif parent.key is None:
            self._begin_entry(parent, node, event)
        else:
            key, parent.key = parent.key, None
            if _is_merge(key):
                self._merge(parent, key, node)
            elif not parent.skip_value:
                parent.entries[key.value] = (key, node)
            parent.skip_value = False

    def _begin_entry(self, parent: _Open, node: Node, event: Event) -> None:
        if not isinstance(node, Scalar):
            self._problem(event, "a key must be plain text", "quote text that starts with { or [", "yaml/key")
            parent.key, parent.skip_value = Scalar("", node.line, node.column, plain=False), True
            return
        parent.key = node
        earlier = parent.entries.get(node.value)
        if earlier is not None:
            message = f"key '{node.value[:80]}' stands twice, first on line {earlier[0].line}"
            self._problem(event, message, "keep one of the two", "yaml/duplicate-key")
            parent.skip_value = True

    def _merge(self, parent: _Open, key: Scalar, node: Node) -> None:
        sources = node.items if isinstance(node, Sequence) else (node,)
        for source in sources:
            if not isinstance(source, Mapping):
                message = "a merge key '<<' takes a mapping or a list of mappings"
                self._problems.append(Problem(self._file, key.line, key.column, message, "", "yaml/merge"))
                return
            if self._merged >= MAX_MERGED:  # and was said
                return
            if not self._adds(source):
                message = f"merge keys of this file add more than {MAX_MERGED} values"
                self._problems.append(Problem(self._file, key.line, key.column, message, "merge less", "yaml/merge"))
                return
            parent.merges.append(source)

    def _adds(self, node: Node) -> bool:
        """Whether the file may hold this node once more."""
        self._merged += _size(node, MAX_MERGED - self._merged)
        return self._merged < MAX_MERGED

    def _problem(self, event: Event, message: str, hint: str, check: str) -> None:
        line, column = _mark(event)
        self._problems.append(Problem(self._file, line, column, message, hint, check))


def _mark(event: Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


def _is_merge(key: Scalar | None) -> bool:
    return key is not None and key.plain and key.value == "<<"


def _depth(node: Node) -> int:
    """How many levels a node has: 0 for a scalar. No node has more than ``MAX_DEPTH``."""
    levels, nodes = 0, [node]
    while collections := [each for each in nodes if not isinstance(each, Scalar)]:
        levels += 1
        # By identity: an alias makes one node stand in many places.
        nodes = list({id(child): child for parent in collections for child in _children(parent)}.values())
    return levels


def _children(node: Node) -> Iterable[Node]:
    match node:
        case Sequence(items):
            return items
        case Mapping(entries):
            return [value for _, value in entries]
        case _:
            return ()


def _size(node: Node, limit: int) -> int:
    """How many nodes hang below, counted no further than ``limit``."""
    count = 0
    waiting = [node]
    while waiting and count < limit:
        current = waiting.pop()
        count += 1
        waiting.extend(_children(current))
    return count
