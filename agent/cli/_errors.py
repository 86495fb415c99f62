"""How a command ends when it cannot do what it was asked."""

from __future__ import annotations

import os

FINDINGS = 1
USAGE = 2
NO_INPUT = os.EX_NOINPUT
UNAVAILABLE = os.EX_UNAVAILABLE
NO_OUTPUT = os.EX_CANTCREAT
BUSY = os.EX_TEMPFAIL
PROTOCOL = os.EX_PROTOCOL
NO_PERMISSION = os.EX_NOPERM
CONFIG = os.EX_CONFIG


class CommandError(Exception):
    """Printed to standard error as ``tocsin COMMAND: text``; ``status`` is the exit status (sysexits.h)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
