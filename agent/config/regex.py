"""Regular expressions of the configuration: RE2's, linear in time whatever the pattern, anchored at both ends."""

from __future__ import annotations

from collections.abc import Callable

MAX_PATTERN = 4096


def compile_regex(pattern: str) -> Callable[[str], bool]:
    """A test for "the whole value matches"; a dot matches a newline too. ValueError says what is wrong."""
    import re2  # noqa: PLC0415 - many configurations have no regular expression, and it takes 10 MB

    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"it is longer than {MAX_PATTERN} characters")
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown"
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None
    return lambda value: compiled.fullmatch(value) is not None
