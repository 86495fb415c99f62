"""Secrets of modules: from a credential, or from the file that blackbox_exporter's options name. Read at each use."""

from __future__ import annotations

from pathlib import Path

from collectors._options import CredentialRef, Reveal
from collectors.probes._run import ProbeFailed

_LIMIT = 64 * 1024


class Secrets:
    """``base`` is where relative paths of a modules file begin."""

    def __init__(self, reveal: Reveal, base: Path) -> None:
        self._reveal = reveal
        self._base = base

    def get(self, option: str, reference: CredentialRef | None, file: str) -> str:
        """ProbeFailed, without the secret, when it cannot be read."""
        if reference is not None:
            try:
                return self._reveal(reference.credential)
            except Exception as error:  # noqa: BLE001 - the agent's own errors, whose text is made for people
                raise ProbeFailed(f"{option}: {error}") from None
        text = self.read(option, file).decode("utf-8", "replace").strip()
        if not text or not text.isprintable():
            raise ProbeFailed(f"{option}: {file} is empty or holds a control character")
        return text

    def read(self, option: str, file: str) -> bytes:
        try:
            with (self._base / file).open("rb") as opened:
                content = opened.read(_LIMIT + 1)
        except OSError as error:
            raise ProbeFailed(f"{option}: {file}: {error.strerror}") from None
        if len(content) > _LIMIT:
            raise ProbeFailed(f"{option}: {file} is larger than {_LIMIT} bytes")
        return content
