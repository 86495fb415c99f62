"""Numbers out of text: ``regex_extracts``, as snmp_exporter has them (RE2, over the whole text, Go's ``$1``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from collectors.snmp.profile import Extract

_REFERENCE = re.compile(r"\$(?:\$|\{([0-9A-Za-z_]+)\}|([0-9A-Za-z_]+))", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_MEMORY = 8 << 20

Found = Iterable[tuple[str, None, float]]


def extractor(extracts: Mapping[str, Iterable[Extract]]) -> Callable[[str], Found]:
    """From a text to what follows the metric's name, and the number. ValueError when a pattern is not RE2."""
    compiled = [(suffix, [(pattern(each.regex), each.value) for each in several])
                for suffix, several in extracts.items()]  # fmt: skip

    def extract(text: str) -> Found:
        for suffix, several in compiled:
            for expression, template in several:
                number = _number(expression.fullmatch(text), template)
                if number is not None:
                    yield suffix, None, number
                    break

    return extract


def pattern(regex: str) -> Any:
    """A compiled RE2 expression; ValueError saying what is wrong with it."""
    import re2  # noqa: PLC0415 - a C++ extension: only for profiles that extract something

    settings = re2.Options()
    settings.log_errors = False
    settings.max_mem = _MEMORY
    try:
        return re2.compile(regex, settings)
    except re2.error as error:
        reason = error.args[0] if error.args else "not understood"
        shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{regex[:80]!r} is not a valid RE2 regular expression: {shown}") from error


def missing_group(expression: Any, template: str) -> str:
    """The first group in a template that the expression does not have; empty when it has all."""
    for reference in _REFERENCE.finditer(template):
        name = reference[1] or reference[2] or "0"
        if name not in expression.groupindex and not (name.isdecimal() and int(name) <= expression.groups):
            return name
    return ""


def _number(found: Any, template: str) -> float | None:
    if found is None:
        return None
    written = _REFERENCE.sub(lambda reference: _group(found, reference), template)
    return float(written) if _NUMBER.fullmatch(written) else None


def _group(found: Any, reference: re.Match[str]) -> str:
    """What ``$1``, ``${1}``, ``$name`` stand for; a group that is not there is empty, and ``$$`` is one ``$``."""
    name = reference[1] or reference[2]
    if name is None:
        return "$"
    try:
        return found.group(int(name) if name.isdecimal() else name) or ""
    except (IndexError, KeyError):
        return ""
