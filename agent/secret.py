"""Credentials by name, read anew at each use so that a rotated one is picked up without a restart.

A name is looked for in ``$CREDENTIALS_DIRECTORY`` (systemd's ``LoadCredential=``, systemd.exec(5)), as it is and as
``tocsin_NAME``: that is what systemd calls the file NAME of a directory that the unit loads as a whole
(``LoadCredential=tocsin:DIRECTORY``). Then in the ``credentials_directory`` of the configuration, which must be closed
to group and others. No message holds the secret.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from integrations.api import Secret, Unauthorised

MAX_BYTES = 64 * 1024
LOADED_AS = "tocsin_"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,254}", re.ASCII)


class Credentials:
    """Serves ``integrations.api.Ports.credential``: a name in, a ``Secret`` out, or ``Unauthorised`` with the mend."""

    def __init__(self, directory: Path | None, environ: Mapping[str, str] = os.environ) -> None:
        given = environ.get("CREDENTIALS_DIRECTORY", "")
        self._provided = Path(given) if given else None
        self._own = directory

    def __call__(self, name: str) -> Secret:
        if not valid_name(name):
            raise Unauthorised(f"'{name[:64]!a}' is no credential name; use letters, digits, '_', '-', '.', '@'")
        if self._provided is not None:
            for known_as in (name, LOADED_AS + name):
                if valid_name(known_as) and (self._provided / known_as).is_file():
                    return _read(self._provided / known_as, name)
        if self._own is None:
            raise Unauthorised(
                f"credential '{name}' is not provided; put a file {name} into the directory the service loads, or "
                f"add LoadCredential={name}:/path/of/the/secret to the service, and restart it; or set "
                "credentials_directory in the configuration"
            )
        if (mend := open_to_others(self._own)) or (mend := open_to_others(self._own / name)):
            raise Unauthorised(f"credential '{name}' is refused: {mend}")
        return _read(self._own / name, name)


def valid_name(name: str) -> bool:
    """Whether a credential can have this name: one path component that systemd takes as a credential id."""
    return _NAME.fullmatch(name) is not None


def open_to_others(path: Path) -> str:
    """What is wrong with the mode of a file or directory that must be its owner's alone, with the mend, or ''."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return f"{path} does not exist; create it"
    except OSError as error:
        return f"{path}: {error.strerror}; let the agent's user read it"
    if stat.S_IMODE(mode) & 0o077:
        wanted = "0700" if stat.S_ISDIR(mode) else "0600"
        return f"{path} has mode {stat.S_IMODE(mode):04o}, open to group or others; run: chmod {wanted} {path}"
    return ""


def _read(path: Path, name: str) -> Secret:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unauthorised(f"credential '{name}': {path}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise Unauthorised(f"credential '{name}': {path} is larger than {MAX_BYTES} bytes")
    # Not by catching UnicodeDecodeError: it holds the bytes, and a traceback of ours would hold it.
    text = content.decode("utf-8", "surrogateescape")
    if not text.isascii() and any("\udc80" <= char <= "\udcff" for char in text):
        raise Unauthorised(f"credential '{name}': {path} is not UTF-8 text")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise Unauthorised(f"credential '{name}': {path} is empty")
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        # It would end up in a header, where a newline is an injection, and the HTTP library's error would quote it.
        raise Unauthorised(f"credential '{name}': {path} holds a control character")
    return Secret(text)
