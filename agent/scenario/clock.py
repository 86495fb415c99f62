"""Virtual time: an event loop that jumps to the next timer instead of waiting, and an executor without threads."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
START_MS = 1_700_000_000_000


class _Jump(selectors.DefaultSelector):
    """Instead of waiting, moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("every task waits for something that will never happen")
            self.clock += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """``start_ms`` is what ``now_ms`` begins with, in milliseconds since the epoch. Has no threads."""

    def __init__(self, start_ms: int = START_MS) -> None:
        self._jump = _Jump()
        self._start_ms = start_ms
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.clock

    def elapsed_ms(self) -> int:
        return round(self._jump.clock * 1000)

    def now_ms(self) -> int:
        """The timeline of this loop: milliseconds since the epoch."""
        return self._start_ms + self.elapsed_ms()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """At once and in this thread: a clock that jumps would run away while another thread works."""
        return asyncio.wrap_future((executor or Inline()).submit(func, *args), loop=self)


class Inline(Executor):
    """Runs the work at once, in the caller's thread."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - that is what an executor does
            future.set_exception(error)
        return future


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]], start_ms: int = START_MS) -> T:
    """Run ``main(loop)`` to its end under virtual time."""
    loop = VirtualLoop(start_ms)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop))
