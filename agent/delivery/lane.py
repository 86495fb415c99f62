"""One backend as delivery sees it: the adapter, its gate and counters, and every failure in one of four words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import structlog

from agent.core.outbox import OutboxRow
from agent.delivery.events import DeliveryStats, RemoteSeen
from agent.delivery.gate import Call, Gate
from integrations.api import InDoubt, Integration, NotSent, Rejected, Remote, Unauthorised

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger("tocsin.delivery")


class Lane:
    """Shared by the worker, the poller and the audit of one backend.

    ``busy`` are the correlation ids that one of them has in hand; nobody else touches their rows.
    """

    def __init__(
        self, name: str, integration: Integration, gate: Gate, *, now: Callable[[], int], random: Callable[[], float],
        on_remote: Callable[[RemoteSeen], None], deadline: float,
    ) -> None:  # fmt: skip
        self.name = name
        self.integration = integration
        self.gate = gate
        self.now = now
        self.random = random
        self.stats = DeliveryStats()
        self.busy: set[str] = set()
        self.wake = asyncio.Event()
        self.recovered = False
        self._deadline = deadline
        self._on_remote = on_remote
        self._last_seen: dict[str, Remote | None] = {}
        self._said: set[str] = set()

    async def look(self, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """A call that changes nothing. Raises NotSent, Rejected or Unauthorised: a lost answer is simply no answer."""
        try:
            return await self._call(Call.READ, method, *args, **kwargs)
        except InDoubt as error:
            raise NotSent(str(error)) from error

    def seen(self, row: OutboxRow, remote: Remote | None) -> None:
        """Tell the agent, if this is news."""
        if row.incident in self._last_seen and self._last_seen[row.incident] == remote:
            return
        self._last_seen[row.incident] = remote
        if row.finished:
            del self._last_seen[row.incident]
        self._on_remote(RemoteSeen(row.incident, self.name, remote))

    async def write(self, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """A call that changes something. Raises NotSent, InDoubt, Rejected or Unauthorised, nothing else."""
        return await self._call(Call.WRITE, method, *args, **kwargs)

    async def _call(self, call: Call, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            async with asyncio.timeout(self._deadline):
                result = await method(*args, **kwargs)
        except NotSent as error:
            self._failed(str(error), error.retry_after)
            raise
        except InDoubt as error:
            self._failed(str(error), None)
            raise
        except Rejected:
            self._answered(call)
            raise
        except Unauthorised as error:
            self.stats.unauthorised += 1
            if self.gate.refused(self.now(), str(error), call, jitter=self.random()):
                log.error("backend_refuses_credential", backend=self.name, error=str(error))
            raise
        except TimeoutError as error:
            text = f"{self.name} gave no answer within {self._deadline:g} s"
            self._failed(text, None)
            raise InDoubt(text) from error
        except Exception as error:
            # An adapter broke its contract. What it did before that is unknown.
            self.stats.unexpected += 1
            text = f"{type(error).__name__}: {error}"
            log.error("adapter_failed", backend=self.name, error=text, exc_info=self._first_of(error))
            self._failed(text, None)
            raise InDoubt(text) from error
        self._answered(call)
        return result

    def _answered(self, call: Call) -> None:
        if call is Call.READ and not self.integration.capabilities.readable:
            return  # our own book answered, which says nothing about the backend
        if self.gate.answered(self.now(), call):
            self.recovered = True
            self.wake.set()
            log.info("backend_up", backend=self.name)

    def _failed(self, reason: str, retry_after: float | None) -> None:
        if self.gate.failed(self.now(), reason, retry_after=retry_after, jitter=self.random()):
            log.warning("backend_down", backend=self.name, error=reason, not_before=self.gate.not_before)

    def _first_of(self, error: Exception) -> bool:
        kind = f"{type(error).__name__}:{error.__traceback__.tb_lineno if error.__traceback__ else 0}"
        first = kind not in self._said
        self._said.add(kind)
        return first
