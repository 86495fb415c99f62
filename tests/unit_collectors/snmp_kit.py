"""What the tests of SNMP share: engines, credentials, a walker on the loop's clock, and a scripted session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from collectors.snmp.credentials import Auth, Community, Credential, Priv, User
from collectors.snmp.engines import Choice, open_session
from collectors.snmp.errors import SnmpError
from collectors.snmp.port import Address, Row, Session, Value
from collectors.snmp.walker import Caps, Memory, Walker

AUTH_KEY = "auth-password-1"
PRIV_KEY = "priv-password-1"
PUBLIC = Community(2, "public")
ENGINES = pytest.mark.parametrize("engine", [Choice.GUFO, Choice.PYSNMP], ids=["gufo", "pysnmp"])


def user(auth: Auth | None = Auth.SHA256, priv: Priv | None = Priv.AES128, **other: str) -> User:
    """The user that ``snmpd_user`` makes for these protocols."""
    name = "-".join(["u", *(each.value for each in (auth, priv) if each)])
    given = {"name": name, "auth_key": AUTH_KEY if auth else "", "priv_key": PRIV_KEY if priv else "", **other}
    return User(auth=auth, priv=priv, **given)


def open_(
    engine: Choice, port: int, credential: Credential = PUBLIC, *, host: str = "127.0.0.1", timeout: float = 2.0
) -> Session:
    return open_session(Address(host, port), credential, timeout, engine)


def walker(session: Session, memory: Memory | None = None, *, retries: int = 3, caps: Caps | None = None) -> Walker:
    clock = asyncio.get_running_loop().time
    return Walker(session, memory or Memory(), clock, retries=retries, caps=caps or Caps())


def rows(count: int, column: str = "1.3.6.1.2.1.2.2.1.10") -> list[Row]:
    return [(f"{column}.{index}", index) for index in range(1, count + 1)]


class ScriptedSession:
    """A perfect agent over ``mib``, unless ``fault`` raises or gives other rows for a request.

    ``fault(oid, repetitions, number)`` sees every request with its number, counted from 1.
    """

    engine = None

    def __init__(self, mib: Sequence[Row], fault: Callable[[str, int, int], list[Row] | None] | None = None) -> None:
        self.mib = sorted(mib, key=lambda row: [int(arc) for arc in row[0].split(".")])
        self.fault = fault
        self.asked: list[tuple[str, int]] = []
        self.says_end = True

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        known = dict(self.mib)
        self.asked.append(("get", len(oids)))
        if self.fault is not None:
            self.fault("get", len(oids), len(self.asked))
        return {oid: known[oid] for oid in oids if oid in known}

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        self.asked.append((oid, repetitions))
        given = self.fault(oid, repetitions, len(self.asked)) if self.fault is not None else None
        return self._following(oid)[:repetitions] if given is None else given

    async def ended(self, oid: str) -> bool:
        return self.says_end and not self._following(oid)

    def close(self) -> None: ...

    def _following(self, oid: str) -> list[Row]:
        at = [int(arc) for arc in oid.split(".")]
        return [row for row in self.mib if [int(arc) for arc in row[0].split(".")] > at]


def raises(error: type[SnmpError]) -> list[Row]:
    raise error("scripted")
