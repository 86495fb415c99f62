"""Blocking calls on daemon threads: one after another on one thread, moving on to a fresh one when a call sticks.

In the steady state one thread does everything and sleeps in between. A call that has run longer than ``patience`` keeps
its thread, and another thread carries on with the rest, so nothing waits behind it. A call that passes ``deadline`` is
given up; its thread is abandoned until the call returns. Threads are daemonic: one that hangs in the kernel does not
keep the process from ending.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue


class Call:
    """One call. Written by the worker that runs it, read by anybody once ``finished`` is true."""

    __slots__ = ("error", "finished", "seconds", "started", "work")

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.started: float | None = None
        self.seconds = 0.0
        self.error: BaseException | None = None
        self.finished = False

    def run(self, monotonic: Callable[[], float]) -> None:
        self.started = started = monotonic()
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001 - kept for the caller; whatever it is, this thread must live on
            self.error = error
        self.seconds = monotonic() - started
        self.finished = True


class _Task:
    """What a worker is asked to do: drain ``pending``, then tell the caller."""

    __slots__ = ("pending", "wake")

    def __init__(self, pending: deque[Call], wake: Callable[[], None]) -> None:
        self.pending = pending
        self.wake = wake


class Workers:
    """At most ``limit`` daemon threads, one of them kept idle between batches."""

    def __init__(self, name: str, limit: int, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self._name = name
        self._limit = limit
        self._lock = threading.Lock()
        self._idle: SimpleQueue[_Task | None] | None = None
        self._alive = 0

    @property
    def alive(self) -> int:
        """Threads that exist, working, stuck or idle."""
        return self._alive

    def drain(self, pending: deque[Call], wake: Callable[[], None]) -> bool:
        """Let one more thread empty ``pending`` and then call ``wake``; False when all threads are busy, or when the
        system gives no more of them: that is tried again with the next batch.
        """
        task = _Task(pending, wake)
        with self._lock:
            inbox, self._idle = self._idle, None
            if inbox is None:
                if self._alive >= self._limit:
                    return False
                inbox = SimpleQueue()
                try:
                    threading.Thread(target=self._work, args=(inbox,), name=self._name, daemon=True).start()
                except RuntimeError:
                    return False
                self._alive += 1
        inbox.put(task)
        return True

    def close(self) -> None:
        """Let the idle thread end. Busy ones end when their call returns."""
        with self._lock:
            inbox, self._idle = self._idle, None
            self._limit = 0
        if inbox is not None:
            inbox.put(None)

    def _work(self, inbox: SimpleQueue[_Task | None]) -> None:
        while (task := inbox.get()) is not None:
            while task.pending:
                try:
                    call = task.pending.popleft()
                except IndexError:  # another worker of the batch was faster
                    break
                call.run(self.monotonic)
            with self._lock:
                stay = self._idle is None and self._limit > 0
                if stay:
                    self._idle = inbox
                else:
                    self._alive -= 1
            task.wake()
            if not stay:
                return


class Batch:
    """The calls of one pass. Ask ``step`` and wait that long or until woken, until it answers None."""

    def __init__(
        self, workers: Workers, calls: Iterable[Call], wake: Callable[[], None], *, patience: float, deadline: float
    ) -> None:
        self._workers = workers
        self._calls = list(calls)
        self._pending = deque(self._calls)
        self._wake = wake
        self._patience = patience
        self._deadline = deadline
        self._handed_over: float | None = None
        self.dropped: list[Call] = []
        """Calls that never ran and never will, because every thread hangs and there are no more."""

    def step(self) -> float | None:
        """Hand over when somebody is slow; seconds until this must be asked again, or None when nothing is awaited.

        None means that every call is finished, past the deadline, or in ``dropped``.
        """
        now = self._workers.monotonic()
        unfinished = [call for call in self._calls if not call.finished]
        running = [now - call.started for call in unfinished if call.started is not None]
        awaited = [elapsed for elapsed in running if elapsed < self._deadline]
        next_deadline = self._deadline - max(awaited, default=0.0)
        if not self._pending:
            if len(running) < len(unfinished):
                return 0.001  # just taken from the queue, about to start
            return next_deadline if awaited else None
        since = running if self._handed_over is None else [*running, now - self._handed_over]
        if min(since, default=self._patience) < self._patience:
            return max(self._patience - min(since), 0.001)
        if self._workers.drain(self._pending, self._wake):
            self._handed_over = now
            return self._patience
        if awaited:
            return next_deadline
        self._drop()
        return None

    def _drop(self) -> None:
        while self._pending:
            try:
                call = self._pending.popleft()
            except IndexError:  # a thread came back just now and took it
                return
            call.finished = True  # nobody waits for it, and the next batch may try again
            self.dropped.append(call)
