"""When a backend may be called: rate limit, breaker, and the pause after a refused credential, in one place.

The workers ask the gate before they pick a row up, so a backend that is down for three days costs one attempt every few
minutes and no write to the store, whatever waits for it. Every outcome of every call is told to the gate.

    UP -> DOWN           after three failures in a row, or at once when the server names a time (Retry-After)
    UP -> UNAUTHORISED   at once
    any -> UP            at the first answer; the caller then makes due what was waiting

An account that may read but not write is UNAUTHORISED until a write succeeds: each write is preceded by a search that
does answer, and would make a recovery, a refusal and a full round of retries of it every few seconds.
"""

from __future__ import annotations

from enum import Enum

from agent.core.outbox import RETRY_AFTER_CAP_MS, backoff_ms

TRIP = 3


class GateState(Enum):
    UP = "up"
    DOWN = "down"
    UNAUTHORISED = "unauthorised"


class Call(Enum):
    READ = "read"
    WRITE = "write"


class Gate:
    """Times are timeline milliseconds. ``rate`` is calls per second, ``burst`` how many may come at once."""

    def __init__(self, rate: float, burst: int) -> None:
        self.state = GateState.UP
        self.known = False
        """Whether ``state`` is more than the assumption of a process that has not heard of the backend yet."""
        self.not_before = 0
        self.since = 0
        self.last_error = ""
        self._failures = 0
        self._refused: Call | None = None
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at: int | None = None

    def ready_at(self, now: int) -> int:
        """The earliest time for the next attempt."""
        self._fill(now)
        missing = max(0.0, 1.0 - self._tokens)
        return max(self.not_before, now + -int(-missing * 1000 // self._rate))

    def closed(self, now: int) -> bool:
        """True during a pause. After it, one call at a time finds out whether the backend is back."""
        return now < self.not_before

    def take(self, now: int) -> bool:
        """Take the right to one attempt, if there is one now."""
        if self.ready_at(now) > now:
            return False
        self._tokens -= 1.0
        return True

    def answered(self, now: int, call: Call) -> bool:
        """The backend answered, were it with a refusal of this one ticket. True when it was down before."""
        if self._refused is Call.WRITE and call is Call.READ:
            return False
        self._refused = None
        self.known = True
        recovered = self.state is not GateState.UP
        if recovered:
            self.state, self.since, self.last_error = GateState.UP, now, ""
        self._failures = 0
        self.not_before = 0
        return recovered

    def failed(self, now: int, reason: str, *, retry_after: float | None, jitter: float) -> bool:
        """No usable answer. True when this is what took the backend down."""
        self._failures += 1
        self.last_error = reason
        if retry_after is not None:
            wait = min(RETRY_AFTER_CAP_MS, int(retry_after * 1000))
        elif self._failures >= TRIP:
            wait = backoff_ms(self._failures - TRIP + 1, jitter)
        else:
            return False
        self.not_before = max(self.not_before, now + wait)
        return self._go(GateState.DOWN, now)

    def refused(self, now: int, reason: str, call: Call, *, jitter: float) -> bool:
        """The credential was refused: pause, then try with one read anew. True when this is the first time."""
        self._refused = call
        self._failures += 1
        self.last_error = reason
        self.not_before = max(self.not_before, now + backoff_ms(self._failures, jitter))
        return self._go(GateState.UNAUTHORISED, now)

    def rebase(self, delta_ms: int) -> None:
        """The timeline was moved."""
        self.not_before += delta_ms if self.not_before else 0
        self.since += delta_ms if self.since else 0
        self._filled_at = None if self._filled_at is None else self._filled_at + delta_ms

    def _go(self, state: GateState, now: int) -> bool:
        if self.state is state:
            return False
        self.state, self.since, self.known = state, now, True
        return True

    def _fill(self, now: int) -> None:
        if self._filled_at is not None:
            gained = max(0, now - self._filled_at) / 1000 * self._rate
            self._tokens = min(float(self._burst), self._tokens + gained)
        self._filled_at = now
