"""Secrets of modules: from a credential, from the file that blackbox_exporter's options name, or as written in the file
of modules. The first two are read at each use.
"""

from __future__ import annotations

from pathlib import Path

from collectors._options import Reveal, Secret
from collectors.probes._run import ProbeFailed

_LIMIT = 64 * 1024


class Secrets:
    """``base`` is where relative paths of a modules file begin."""

    def __init__(self, reveal: Reveal, base: Path) -> None:
        self._reveal = reveal
        self._base = base

    @property
    def base(self) -> Path:
        return self._base

    def get(self, option: str, secret: Secret | None, file: str = "") -> str:
        """One line of text. ProbeFailed, without the secret, when it cannot be read; '' when neither is given."""
        if secret is None and not file:
            return ""
        text = self.text(option, secret, file).strip() if secret is None else self.text(option, secret)
        if not text.isprintable() or (not text and secret is None):
            raise ProbeFailed(f"{option}: {file or 'the secret'} is empty or holds a control character")
        return text

    def text(self, option: str, secret: Secret | None, file: str = "") -> str:
        """Text of any form, such as a key."""
        if secret is None:
            return self.read(option, file).decode("utf-8", "replace")
        if secret.reference is None:
            return secret.text
        try:
            return self._reveal(secret.reference.credential)
        except Exception as error:  # noqa: BLE001 - the agent's own errors, whose text is made for people
            raise ProbeFailed(f"{option}: {error}") from None

    def read(self, option: str, file: str) -> bytes:
        try:
            with (self._base / file).open("rb") as opened:
                content = opened.read(_LIMIT + 1)
        except OSError as error:
            raise ProbeFailed(f"{option}: {file}: {error.strerror}") from None
        if len(content) > _LIMIT:
            raise ProbeFailed(f"{option}: {file} is larger than {_LIMIT} bytes")
        return content
