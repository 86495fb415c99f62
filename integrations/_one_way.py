"""An integration for a backend that takes messages and cannot be asked: the book remembers, a channel sends.

The book is written before and after it, so that a crash at any moment leaves either
nothing or a message in doubt (``_sent_record`` says what then follows).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from integrations import _sent_record as sent
from integrations._sent_book import SentBook
from integrations._sent_record import Kind, Message, Record
from integrations.api import (
    Capabilities,
    Finding,
    InDoubt,
    IntegrationError,
    Ports,
    Ref,
    Rejected,
    Remote,
    Ticket,
    TicketState,
)


class Channel(Protocol):
    """How one product takes a message. Raises the errors of the contract."""

    folds: bool
    """Whether a fault is one alert there whatever its episode: then a twin is nothing that could be told."""

    async def post(self, message: Message) -> Ref | None:
        """Send it once; the number and the page of the ticket, where the product names them."""
        ...

    async def arrived(self, message: Message) -> Ref | None:
        """Whether an opening in doubt arrived; None where it did not, or where the product cannot be asked."""
        ...

    async def look(self) -> Sequence[Finding]:
        """What can be told without sending a message."""
        ...

    async def aclose(self) -> None: ...


class OneWay:
    """The integration around a channel."""

    def __init__(self, name: str, channel: Channel, capabilities: Capabilities, ports: Ports) -> None:
        self.name = name
        self.capabilities = msgspec.structs.replace(capabilities, readable=False)
        self._channel = channel
        self._book = SentBook(name, ports.database)
        self._now: Callable[[], int] = ports.now

    async def find(self, correlation_id: str) -> Sequence[Remote]:
        if not correlation_id:
            raise Rejected(f"{self.name}: a search without a correlation id was asked for; it would match every ticket")
        remotes = []
        for record in await self._book.of_fault(correlation_id):
            known = record if record.state is not None else await self._arrived(record)
            if known is not None:
                remotes.append(known.remote())
        return remotes

    async def list_open(self, environment: str, ci_id: str) -> Sequence[Remote]:
        records = [record for record in await self._book.open_now() if record.state is TicketState.OPEN]
        return [r.remote() for r in records if (r.ticket.environment, r.ticket.ci_id) == (environment, ci_id)]

    async def read(self, ref: Ref) -> Remote | None:
        record = await self._book.line(ref)
        return record.remote() if record is not None and record.state is not None else None

    async def create(self, ticket: Ticket) -> Remote:
        if not ticket.correlation_id:
            raise Rejected(f"{self.name}: a ticket without a correlation id cannot be opened")
        record = await self._book.begin(ticket, self._now())
        if record.state is not None:
            return record.remote()
        return (await self._send(record, self._opening(record))).remote()

    async def apply(self, ticket: Ticket, remote: Remote) -> Remote:
        record = await self._known(remote.ref)
        if record.ticket.correlation_id != ticket.correlation_id:
            raise Rejected(
                f"{self.name}: ticket {remote.ref.id} carries {record.ticket.correlation_id}, not"
                f" {ticket.correlation_id}; it was left alone"
            )
        limits = self.capabilities
        after = record
        while message := sent.following(after, ticket, idempotent=limits.idempotent, notes=limits.note_limit > 0):
            after = await self._send(after, message)
        if limits.refresh and after is record and record.state is TicketState.OPEN:
            await self._channel.post(sent.refreshing(record))
        return after.remote()

    async def retire_twin(self, twin: Remote, keep: Remote) -> Remote:
        if twin.ref.id == keep.ref.id or twin.correlation_id != keep.correlation_id:
            raise Rejected(f"{self.name}: tickets {twin.ref.id} and {keep.ref.id} are not twins; both were left alone")
        record = await self._known(twin.ref)
        if record.state is TicketState.RESOLVED:
            return record.remote()
        if self._channel.folds:
            over = msgspec.structs.replace(record, state=TicketState.RESOLVED, updated_at=self._now())
            return (await self._book.put(over)).remote()
        ticket = msgspec.structs.replace(
            record.ticket,
            state=TicketState.RESOLVED,
            resolution_text=f"The same fault is open as {keep.ref.number or keep.ref.id}; please work there.",
        )
        message = sent.following(record, ticket, idempotent=self.capabilities.idempotent, notes=False)
        return (record if message is None else await self._send(record, message)).remote()

    async def doctor(self) -> Sequence[Finding]:
        try:
            return await self._channel.look()
        except IntegrationError as error:
            return [Finding(check="reach", ok=False, detail=str(error), fix="mend what the text names, run this again")]

    async def aclose(self) -> None:
        await self._channel.aclose()

    async def _known(self, ref: Ref) -> Record:
        record = await self._book.line(ref)
        if record is None or record.state is None:
            raise Rejected(f"{self.name}: ticket {ref.id} is not in the book of what was sent; nothing was sent for it")
        return record

    async def _arrived(self, record: Record) -> Record | None:
        """The line of an opening in doubt, settled; None when nothing shows that it arrived."""
        ref = await self._channel.arrived(self._opening(record)) if record.claimed is Kind.OPENED else None
        return None if ref is None else await self._book.put(sent.settle(record, ref.number, ref.url, self._now()))

    def _opening(self, record: Record) -> Message:
        return sent.opening(record, idempotent=self.capabilities.idempotent)

    async def _send(self, record: Record, message: Message) -> Record:
        claimed = await self._book.put(sent.claim(record, message, self._now()))
        try:
            ref = await self._channel.post(message)
        except InDoubt as error:
            raise InDoubt(f"{error}; {self._what_follows(message.kind)}") from error
        except IntegrationError:
            await self._book.put(record)  # provably not done: the claim before it stands
            raise
        number, url = (ref.number, ref.url) if ref is not None else ("", "")
        return await self._book.put(sent.settle(claimed, number, url, self._now()))

    def _what_follows(self, kind: Kind) -> str:
        if self.capabilities.idempotent:
            return "it is sent again under the same key, which shows it once"
        if kind is Kind.NOTED:
            return "these notes are not sent again, because nothing would show that they are the same"
        return "it is sent again, and says that it may be a repetition"
