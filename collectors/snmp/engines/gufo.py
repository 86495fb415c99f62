"""gufo-snmp as a session, over a link of our own (``_gufo_link``, and why in ``_gufo_codec``).

The library matches replies by a random id that is new with every request. ``recv_get_many`` gives what the agent sent
without deciding what belongs to a walk; over SNMPv3 ``recv_get`` tells the end of the MIB from an error status. After a
report, or a second silence, the next request over SNMPv3 begins with a new discovery: the agent may have started anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from gufo.snmp._fast import GetIter, NoSuchInstance

from collectors.snmp.credentials import Community, Credential, User
from collectors.snmp.engines import _header, _refusal
from collectors.snmp.engines._gufo_codec import Client, Send, many, refresh, refreshed
from collectors.snmp.engines._gufo_link import FAILURES, Link, Reported, Silence
from collectors.snmp.engines._header import Report, Status
from collectors.snmp.engines._opaque import opaque
from collectors.snmp.engines._refusal import where
from collectors.snmp.errors import Malformed, SnmpError, TooBig
from collectors.snmp.port import Address, Engine, Row, Value

_T = TypeVar("_T")
_UPTIME = "1.3.6.1.2.1.1.3.0"
_RESTARTED = (Report.NOT_IN_TIME_WINDOW, Report.UNKNOWN_ENGINE)


class GufoSession:
    """Contract: ``port.Session``."""

    def __init__(self, address: Address, credential: Credential, timeout: float) -> None:
        self.engine: Engine | None = None
        self._address = address
        self._credential = credential
        self._timeout = timeout
        self._link: Link | None = None
        self._silences = 0
        self._wary = False
        self._v3 = isinstance(credential, User)
        self._v1 = isinstance(credential, Community) and credential.version == 1

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        asked = list(oids)
        found = await self._ask(lambda c: c.send_get_many(asked), many)
        if found or not asked:
            return dict(_rows(found))
        if self._v3:
            # Nothing of all this is there, or an error that the library hides: asking for one alone shows which.
            await self._shows(lambda c: c.send_get(asked[0]))
            return {}
        if self._status() == Status.NO_SUCH_NAME and len(asked) > 1:
            half = len(asked) // 2
            return {**await self.get(asked[:half]), **await self.get(asked[half:])}
        return {}

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        start = GetIter(oid, repetitions)
        if repetitions == 1 or self._v1:
            found = await self._ask(lambda c: c.send_get_next(start), many)
        else:
            found = await self._ask(lambda c: c.send_get_bulk(start), many)
        if not found and not self._v3:
            self._status()
        return _rows(found)

    async def ended(self, oid: str) -> bool:
        start = GetIter(oid)
        if not self._v1:
            return not await self._shows(lambda c: c.send_get_next(start))
        found = await self._ask(lambda c: c.send_get_next(start), many)
        return not found and self._status() == Status.NO_SUCH_NAME

    def close(self) -> None:
        if self._link is not None:
            self._wary = self._link.wary
            self._link.close()
            self._link = None

    async def _shows(self, send: Callable[[Client], None]) -> bool:
        """Whether the agent has a value to show for a request of one OID; Malformed when it answers with an error."""
        try:
            value = await self._ask(send, lambda c: c.recv_get())
        except NoSuchInstance:
            return False
        if value is None:
            self._status()
            raise Malformed(f"{where(self._address)} answers with an error, or with a value of type NULL")
        return True

    def _status(self) -> int:
        """The error status of the last reply. One that is no answer is raised; SNMPv3 hides all of them."""
        status = 0 if self._v3 or self._link is None else _header.status(self._link.last)
        if status not in (Status.NO_ERROR, Status.NO_SUCH_NAME):
            raise _refusal.by_status(self._address, self._credential, status)
        return status

    async def _ask(self, send: Send, receive: Callable[[Client], _T]) -> _T:
        """One request and its reply; once more after a new discovery when an agent says that it was restarted."""
        again = self._v3
        while True:
            if self._link is None:
                self._link = await self._connect()
            link = self._link
            try:
                reply = await link.ask(send, receive, self._timeout)
                self._silences = 0
                return reply
            except FAILURES as failure:
                self._silences += 1
                if self._v3 and (self._silences > 1 or not isinstance(failure, Silence)):
                    self.close()
                if again and isinstance(failure, Reported) and failure.kind in _RESTARTED:
                    again = False
                    continue
                raise self._explained(link, failure, self._timeout) from None

    async def _connect(self) -> Link:
        """A link that is ready: over SNMPv3 one that knows engine and time, and whose keys the agent has accepted."""
        user = self._credential
        try:
            link = Link(self._address, user)
        except OSError as error:
            raise _refusal.unreachable(self._address, error) from None
        link.wary = self._wary
        if isinstance(user, Community):
            return link
        try:
            await link.ask(refresh, refreshed, self._timeout)
            self.engine = link.use(user)
            if user.auth is not None:
                # So a wrong user or key is told from silence; and an agent that tells its time only to whom it knows
                # does so in a report, which the library heeds.
                await link.ask(lambda c: c.send_get_many([_UPTIME]), many, self._timeout)
        except Reported as told:
            if told.kind is not Report.NOT_IN_TIME_WINDOW:
                link.close()
                raise self._explained(link, told, self._timeout) from None
        except FAILURES as failure:
            link.close()
            raise self._explained(link, failure, self._timeout) from None
        except BaseException:
            link.close()
            raise
        return link

    def _explained(self, link: Link, failure: Exception, seconds: float) -> SnmpError:
        """The failure in words."""
        if isinstance(failure, TooBig):
            return TooBig(f"{where(self._address)} sent {failure}")
        if isinstance(failure, Reported):
            return _refusal.refused(self._address, self._credential, failure.kind)
        if not isinstance(failure, Silence):
            return _refusal.unreachable(self._address, failure)
        if link.odd:
            return _refusal.unreadable(self._address, link.odd)
        if link.known and isinstance(self._credential, User):
            return _refusal.no_reply_to_user(self._address, self._credential, seconds)
        return _refusal.no_reply(self._address, self._credential, seconds)


def _rows(found: dict[str, Value]) -> list[Row]:
    """As the port has them: a Float or Double inside of an Opaque is a number."""
    for oid, value in found.items():
        if type(value) is bytes and value[:1] == b"\x9f":
            found[oid] = opaque(value)
    return list(found.items())
