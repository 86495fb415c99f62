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


class Unsupported(msgspec.Struct, frozen=True):
    """Type of an option that the format has and Tocsin does not: whoever writes it is told so, by name."""


class OptionProblem(msgspec.Struct, frozen=True):
    """A mistake in options, or (``warning``) something that works and is worth a look."""

    path: OptionPath
    text: str
    hint: str = ""
    warning: bool = False
