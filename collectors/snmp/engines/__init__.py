"""The two engines behind the port, and which of them asks a device. Each is imported only when it is chosen."""

from __future__ import annotations

from enum import Enum
from functools import cache
from importlib.util import find_spec

from collectors.snmp.credentials import Credential, User
from collectors.snmp.port import Address, Session


class Choice(Enum):
    """The option ``engine``. ``auto``: gufo-snmp where it is installed and can do what the credential asks for."""

    AUTO = "auto"
    GUFO = "gufo"
    PYSNMP = "pysnmp"


def choose(choice: Choice, credential: Credential) -> Choice:
    """GUFO or PYSNMP; ValueError when the one that was asked for cannot do it."""
    if choice is Choice.PYSNMP:
        return choice
    context = isinstance(credential, User) and credential.context != ""
    if choice is Choice.AUTO:
        return Choice.GUFO if _gufo_is_there() and not context else Choice.PYSNMP
    if context:
        raise ValueError("gufo-snmp knows no context names; write engine: auto, or pysnmp")
    if not _gufo_is_there():
        raise ValueError("gufo-snmp is not installed (it has no wheel for this machine); write engine: auto, or pysnmp")
    return choice


def open_session(address: Address, credential: Credential, timeout: float, choice: Choice = Choice.AUTO) -> Session:
    """A session; sends nothing yet. ``timeout`` is seconds for one request. ValueError as ``choose``."""
    if choose(choice, credential) is Choice.GUFO:
        from collectors.snmp.engines.gufo import GufoSession  # noqa: PLC0415 - each only where it is used

        return GufoSession(address, credential, timeout)
    from collectors.snmp.engines.pysnmp import PysnmpSession  # noqa: PLC0415

    return PysnmpSession(address, credential, timeout)


def open_for_recording(address: Address, credential: Credential, timeout: float, tags: dict[str, int]) -> Session:
    """A session that puts the BER tag of each value that comes into ``tags``, by OID; slow."""
    from collectors.snmp.engines.pysnmp import PysnmpSession  # noqa: PLC0415 - each only where it is used

    return PysnmpSession(address, credential, timeout, tags)


@cache
def _gufo_is_there() -> bool:
    return find_spec("gufo") is not None and find_spec("gufo.snmp") is not None
