"""Include and exclude patterns over names (devices, mount points, units), with the verdicts remembered.

Patterns are RE2 (github.com/google/re2/wiki/Syntax): what people copy from node_exporter's flags means the same here,
and matching is linear, so that a local user who chooses a process's command line cannot stall the agent with it. The
patterns we ship mean the same to Python's own engine and are linear there too, so an agent that runs with them need not
hold RE2 in memory (2.5 MB).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from collectors._model import Notice

_REMEMBERED = 4096
"""Verdicts kept; names come and go (containers' interfaces), so the memory of them is bounded."""
_PATTERN_LIMIT = 4096


def compile_pattern(option: str, pattern: str, *, whole: bool = False, shipped: str = "") -> Callable[[str], bool]:
    """A function that says whether ``pattern`` occurs in a text, or is the ``whole`` of it.

    ``shipped`` is our own default of the option. ValueError naming ``option`` when the pattern is not RE2.
    """
    if pattern == shipped:
        ours = re.compile(pattern, re.ASCII)
        return lambda text: (ours.fullmatch(text) if whole else ours.search(text)) is not None
    import re2  # noqa: PLC0415 - a C++ extension: loaded only by an agent that has a pattern

    if len(pattern) > _PATTERN_LIMIT:
        raise ValueError(f"{option}: the pattern is longer than {_PATTERN_LIMIT} characters")
    settings = re2.Options()
    settings.log_errors = False
    settings.max_mem = 8 << 20
    try:
        search = re2.compile(pattern, settings).search
        if whole:
            search = re2.compile(f"^(?:{pattern})$", settings).search
    except re2.error as error:
        reason = error.args[0] if error.args else "not understood"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{option}: {pattern!r} is not a valid RE2 regular expression: {text}") from error
    return lambda text: search(text.encode("utf-8", "replace").decode("utf-8")) is not None


class NameFilter:
    """Says which names to keep: those that match ``include`` (when given) and do not match ``exclude``."""

    __slots__ = ("_chosen", "_exclude", "_include", "_verdicts")

    def __init__(
        self, include: Callable[[str], bool] | None, exclude: Callable[[str], bool] | None, chosen: str = ""
    ) -> None:
        """``chosen`` names the options with a pattern that is not ours, empty when there are none."""
        self._include = include
        self._exclude = exclude
        self._chosen = chosen
        self._verdicts: dict[str, bool] = {}

    @classmethod
    def of(
        cls, name: str, *, include: str = "", exclude: str = "", whole: bool = False, shipped: str = ""
    ) -> NameFilter:
        """From the options ``<name>_include`` and ``<name>_exclude``; an empty pattern is none."""
        options = {f"{name}_include": include, f"{name}_exclude": exclude}
        keep, leave = (
            compile_pattern(option, pattern, whole=whole, shipped=shipped) if pattern else None
            for option, pattern in options.items()
        )
        return cls(keep, leave, " and ".join(key for key, pattern in options.items() if pattern not in ("", shipped)))

    @classmethod
    def ignoring(cls, option: str, pattern: str, *, shipped: str) -> NameFilter:
        """From one option that says what is left out; an empty pattern leaves nothing out."""
        exclude = compile_pattern(option, pattern, shipped=shipped) if pattern else None
        return cls(None, exclude, "" if pattern == shipped else option)

    @classmethod
    def choosing(cls, option: str, pattern: str, *, shipped: str) -> NameFilter:
        """From one option that says what is told."""
        include = compile_pattern(option, pattern, shipped=shipped)
        return cls(include, None, "" if pattern == shipped else option)

    def all_left_out(self, what: str) -> Iterator[Notice]:
        """A notice when a pattern somebody chose leaves nothing of all the names there are; ``what`` is their noun."""
        if self._chosen and self._verdicts and not any(self._verdicts.values()):
            names = sorted(self._verdicts)
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield Notice(
                f"{self._chosen} leaves out every {what} there is: {', '.join(names[:3])}{more}"
                " (mend the pattern, or turn the collector off)"
            )

    def keeps(self, name: str) -> bool:
        verdict = self._verdicts.get(name)
        if verdict is None:
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            verdict = (self._include is None or self._include(name)) and not (self._exclude and self._exclude(name))
            self._verdicts[name] = verdict
        return verdict
