"""The index at the end of an OID, taken apart: which numbers are whose, and how they read (RFC 2578, section 7.7)."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.snmp.profile import Index, Syntax
from collectors.snmp.syntaxes import COMBINED, text

_LENGTH_LIMIT = 128
"""Numbers in an OID (RFC 2578, 7.1.3): an index that claims to be longer is not one."""
_SIZES = {Syntax.PHYS_ADDRESS_48: 6, Syntax.INET_ADDRESS_IPV4: 4, Syntax.INET_ADDRESS_IPV6: 16}


class BadIndexError(ValueError):
    """The numbers after a column are not an index of its table."""


def parts(suffix: str, indexes: Sequence[Index]) -> list[tuple[str, str]]:
    """For each index its text and its own numbers, dotted. Zeros that are missing at the end are put there.

    Some routers leave such zeros out. BadIndexError when the suffix is longer than the table's index, or holds a
    number that is no byte where bytes belong.
    """
    try:
        rest = [int(number) for number in suffix.split(".")]
    except ValueError:
        raise BadIndexError("nothing follows the column") from None
    found: list[tuple[str, str]] = []
    for index in indexes:
        shown, used, rest = _part(rest, index.type, index)
        found.append((shown, ".".join(map(str, used))))
    if rest:
        raise BadIndexError("it is longer than the index of its table")
    return found


def _part(numbers: list[int], syntax: Syntax, index: Index) -> tuple[str, list[int], list[int]]:
    """The text of one index, the numbers it took, and those that are left."""
    kinds = COMBINED.get(syntax)
    if kinds is not None:
        return _combined(numbers, syntax, kinds, index)
    if syntax in (Syntax.GAUGE, Syntax.COUNTER):
        used, rest = _split(numbers, 1)
        return index.enum.get(used[0]) or str(used[0]), used, rest
    size = _SIZES.get(syntax) or index.size
    used, rest = [], numbers
    if index.implied:
        size = len(numbers)
    elif not size:
        used, rest = _split(numbers, 1)
        size = used[0]
    content, rest = _split(rest, size)
    if syntax is Syntax.OBJECT_IDENTIFIER:
        return ".".join(map(str, content)), [*used, *content], rest
    return text(_bytes(content), syntax), [*used, *content], rest


def _combined(
    numbers: list[int], syntax: Syntax, kinds: dict[int, Syntax], index: Index
) -> tuple[str, list[int], list[int]]:
    """A type, a length (unless it is missing) and then what these say; of a type without a form, all of it in bytes."""
    head, rest = _split(numbers, 1 if syntax is Syntax.INET_ADDRESS_MISSING_SIZE else 2)
    kind = kinds.get(head[0])
    if kind is not None:
        shown, used, rest = _part(rest, kind, index)
        return shown, [*head, *used], rest
    size = len(numbers) if len(head) == 1 else 2 + head[1]
    used, rest = _split(numbers, size)
    return text(_bytes(used), Syntax.OCTET_STRING), used, rest


def _split(numbers: list[int], count: int) -> tuple[list[int], list[int]]:
    if count > _LENGTH_LIMIT:
        raise BadIndexError(f"a part of it claims to be {count} numbers long")
    head = numbers[:count]
    return head + [0] * (count - len(head)), numbers[count:]


def _bytes(numbers: list[int]) -> bytes:
    try:
        return bytes(numbers)
    except ValueError:
        raise BadIndexError("it holds numbers that are no bytes where text or an address belongs") from None
