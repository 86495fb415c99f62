"""Types of options that more than one kind of target has, and what a check of options says."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

OptionPath = tuple[str | int, ...]
"""The way to an option from the top of its section: keys and positions."""
Reveal = Callable[[str], str]
"""Gives the secret of a credential by name, or raises an exception whose text says what is wrong with it."""


class CredentialRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A secret by reference: ``{credential: NAME}``; the service manager (``LoadCredential=``) or a file has it."""

    credential: str


class Octets(str):
    """Bytes where text may stand too (``!!binary``): as text in which each byte is one character (Latin-1)."""

    __slots__ = ()

    @classmethod
    def of(cls, data: bytes) -> Octets:
        return cls(data.decode("latin-1"))

    @property
    def octets(self) -> bytes:
        return self.encode("latin-1")


class Secret:
    """A secret of an option in another program's format: by reference, or (``text``) written out as that format has it.

    Its text is shown by nothing but ``text``.
    """

    __slots__ = ("reference", "text")

    def __init__(self, given: CredentialRef | str) -> None:
        self.reference = given if isinstance(given, CredentialRef) else None
        self.text = given if isinstance(given, str) else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.reference, self.text) == (other.reference, other.text)

    def __hash__(self) -> int:
        return hash((self.reference, self.text))

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})" if self.reference else "Secret(...)"


class Unsupported(msgspec.Struct, frozen=True):
    """Type of an option that the format has and Tocsin does not: whoever writes it is told so, by name.

    ``Meta(extra={"mend": ...})`` of the option says what to write instead.
    """


class OptionProblem(msgspec.Struct, frozen=True):
    """A mistake in options, or (``warning``) something that works and is worth a look.

    ``secret``: a secret is written out. That is a mistake in Tocsin's own configuration, and worth a look in the file
    of another program, whose format has it so.
    """

    path: OptionPath
    text: str
    hint: str = ""
    warning: bool = False
    secret: bool = False
