"""The receiver of notifications as a part of the agent: one for the life of the process.

What was counted, the sockets and the SNMP engine outlive a reload, which only brings other ``Settings``. It measures as
a collector does; a socket that cannot be had is asked for again with every collection.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from collectors._model import CollectorError, Notice, Sample
from collectors._notifications import TrapStation
from collectors._options import Reveal
from collectors.snmp.credentials import CredentialOptions, User, resolve
from collectors.snmp.profile import Trap
from collectors.snmp.traps import engine, files, report
from collectors.snmp.traps.door import Door, bind
from collectors.snmp.traps.ledger import Kept
from collectors.snmp.traps.limits import Limits
from collectors.snmp.traps.meaning import Meanings
from collectors.snmp.traps.options import Sources, TrapOptions, address_of
from collectors.snmp.traps.polls import Polls
from collectors.snmp.traps.receiver import REMEMBERED, Memory, Receiver
from collectors.snmp.traps.report import METRICS
from collectors.snmp.traps.senders import Senders, Watched
from collectors.snmp.traps.usm import Usm

__all__ = ["METRICS", "Settings", "Station", "TrapCollector"]

_LOOK_UP = 300.0
"""Seconds between two look-ups of the targets that are given by name."""
_WRITE = 120.0
"""Seconds between two writings of what is to be kept, while something changes."""
_MOST_KEPT = 32 << 20


class Settings(msgspec.Struct, frozen=True):
    """One configuration without a mistake. ``traps``: all that have a name. ``nudge`` has a target polled, by its name.

    Secrets are read when they are needed, and again when they were no good.
    """

    options: TrapOptions
    credentials: Mapping[str, CredentialOptions]
    reveal: Reveal
    watched: tuple[Watched, ...]
    traps: tuple[Trap, ...]
    nudge: Callable[[str], object]
    engines: Callable[[], Mapping[bytes, str]] = dict
    """The targets' engines as far as polling knows them: many devices send from another address than they answer at."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``files.TRAPS`` holds. ``lately`` are digests (hex) with the Unix time at which they came."""

    counted: list[Kept]
    lately: dict[str, float]


class TrapCollector:
    """The station as the frame of collectors sees it: closing the frame at a reload does not close the station."""

    honor_labels = True

    def __init__(self, station: TrapStation) -> None:
        self.collect = station.collect


class Station:
    """``state`` is the state directory, ``passed`` the sockets of the service manager. ``clock`` gives seconds that do
    not stand still while the machine sleeps, ``wall`` those of the calendar.
    """

    def __init__(
        self, state: Path, passed: Sequence[socket.socket] = (), *,
        clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        wall: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.memory = Memory()
        self._state = state
        self._passed = tuple(passed)
        self._clock = clock
        self._wall = wall
        self._offset = wall() - clock()
        self._engine: tuple[engine.OwnEngine, engine.Peers] | None = None
        self._keeping_trouble = self._trouble = ""
        self._settings: Settings | None = None
        self._receiver: Receiver | None = None
        self._doors: list[Door] = []
        self._drops = 0
        """Of doors that are closed."""
        self._polls_made = 0
        self._timer: asyncio.TimerHandle | None = None
        self._looked_up = self._written = -_LOOK_UP
        self._looking: asyncio.Task[None] | None = None

    def apply(self, settings: Settings | None) -> None:
        """Go on with another configuration; None: listen no more. The socket stays where its address does."""
        before, self._settings = self._settings, settings
        if settings is None or before is None or settings.options.listen != before.options.listen:
            self._close()
        if settings is None:
            self._set(None)
        elif self._engine is not None:
            self._trouble = self._renew(settings, *self._engine)

    async def collect(self) -> Iterable[Sample | Notice]:
        """What was notified, and how it went. Starts what has to be started first."""
        settings = self._settings
        if settings is None:
            return ()
        now = self._clock()
        if self._engine is None:
            self._engine = await asyncio.to_thread(self._begin, now)
        if self._receiver is None or self._trouble:
            self._trouble = self._renew(settings, *self._engine)
        receiver = self._receiver
        if receiver is None:
            raise CollectorError(self._trouble)
        self.memory.engines.update(settings.engines())
        why = "" if self._doors else self._open(settings)
        if receiver.senders.host_names and now - self._looked_up >= _LOOK_UP and self._looking is None:
            self._looked_up = now
            self._looking = asyncio.create_task(self._look_up(receiver.senders))
        if (self._engine[1].moved or self.memory.ledger.changed) and now - self._written >= _WRITE:
            self._written = now
            await self._write()
        return self._given(receiver, now, why or self._trouble)

    async def aclose(self) -> None:
        """Listen no more, for good."""
        self._close()
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()
        if self._engine is not None and (self._engine[1].heard or self.memory.ledger.changed):
            await self._write()

    def _renew(self, settings: Settings, own: engine.OwnEngine, peers: engine.Peers) -> str:
        """Receive by these settings from now on; why that cannot be, or nothing. Then those before go on."""
        options, reveal = settings.options, settings.reveal
        try:
            users = [resolve(settings.credentials[name], reveal) for name in options.users]
            communities = [reveal(each.credential).encode() for each in options.communities]
            if b"" in communities:
                raise ValueError(f"the credential {options.communities[communities.index(b'')].credential!a} is empty")
        except Exception as error:  # noqa: BLE001 - what is wrong with a secret is said by whoever keeps it
            return f"notifications are not taken as configured: {error}"
        self.memory.ledger.keep_only({target.labels for target in settings.watched})
        self._set(Receiver(
            self.memory,
            communities,
            Usm(own, [user for user in users if isinstance(user, User)], peers),
            Senders(settings.watched, self.memory.engines, self.memory.addresses),
            Meanings(settings.traps),
            Limits(options.limit_per_source, options.limit, self._clock()),
            Polls(),
            options.sources is Sources.TARGETS,
        ))  # fmt: skip
        return ""

    def _set(self, receiver: Receiver | None) -> None:
        if self._receiver is not None:
            self._polls_made += self._receiver.polls.made
        self._receiver = receiver
        self._looked_up = -_LOOK_UP

    def _open(self, settings: Settings) -> str:
        """Begin to listen; why that cannot be, or nothing."""
        address = address_of(settings.options.listen)
        if address is None:
            if not self._passed:
                return (
                    "no socket was passed by the service manager: enable the unit tocsin-traps.socket and restart the"
                    " agent, or give an address with collect.snmp.traps.listen"
                )
            self._doors = [Door(sock, self._receive) for sock in self._passed]
            return ""
        host, port = address
        try:
            self._doors = [Door(bind(host, port), self._receive)]
        except PermissionError:
            return (
                f"UDP port {port} needs a right that the agent does not have: use listen: systemd, or a port above 1023"
            )
        except OSError as error:
            return f"UDP {host} port {port} cannot be listened on: {error.strerror}"
        return ""

    def _close(self) -> None:
        for door in self._doors:
            self._drops += door.drops
            sock = door.stop()
            if sock not in self._passed:
                sock.close()
        self._doors = []

    def _receive(self, data: bytes, address: str) -> bytes | None:
        receiver = self._receiver
        if receiver is None:
            return None
        now = self._clock()
        answer = receiver.receive(data, address, now)
        self._poll_in(receiver.polls.wait(now))
        return answer

    def _poll_in(self, wait: float | None) -> None:
        """See to it that what is due in ``wait`` seconds is polled then."""
        if wait is None:
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + wait:
                return
            self._timer.cancel()
        self._timer = loop.call_later(wait, self._poll)

    def _poll(self) -> None:
        """Have polled what is due, and come back for the rest."""
        self._timer = None
        receiver, settings = self._receiver, self._settings
        if receiver is None or settings is None:
            return
        now = self._clock()
        for name in receiver.polls.take(now):
            settings.nudge(name)
        self._poll_in(receiver.polls.wait(now))

    async def _look_up(self, senders: Senders) -> None:
        loop = asyncio.get_running_loop()
        found: dict[str, list[str]] = {}
        try:
            for host in senders.host_names:
                try:
                    answers = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
                except OSError:  # the poller says it, with the target's name
                    continue
                found[host] = [str(answer[4][0]) for answer in answers]
            senders.resolved(found)
        finally:
            self._looking = None

    def _begin(self, now: float) -> tuple[engine.OwnEngine, engine.Peers]:
        """Read what the last process kept, and write down that this one has begun."""
        own, peers, self._keeping_trouble = engine.start(self._state / files.ENGINE, now, self._at_wall)
        path = self._state / files.TRAPS
        try:
            if path.stat().st_size <= _MOST_KEPT:
                kept = msgspec.json.decode(path.read_bytes(), type=_File)
                self.memory.seen.update(
                    (bytes.fromhex(digest), min(now, at - self._offset)) for digest, at in kept.lately.items()
                )
                self.memory.ledger.restore(kept.counted, self._at_wall)
        except FileNotFoundError:
            pass  # the first start
        except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
            self._keeping_trouble = f"{path} cannot be used, so traps are counted anew: {error}"
        return own, peers

    async def _write(self) -> None:
        if self._engine is None:
            return
        now = self._clock()
        lately = {digest.hex(): self._at_wall(at) for digest, at in self.memory.seen.items() if now - at <= REMEMBERED}
        kept = _File(self.memory.ledger.kept(self._at_wall), lately)
        try:
            await asyncio.to_thread(engine.write, self._state / files.ENGINE, *self._engine, self._at_wall)
            await asyncio.to_thread(files.replace, self._state / files.TRAPS, msgspec.json.encode(kept))
        except OSError as error:
            self._keeping_trouble = f"{self._state} cannot be written: {os.strerror(error.errno or 0)}"
        else:
            self._keeping_trouble = ""

    def _at_wall(self, at: float) -> float:
        """A moment of our clock as Unix time."""
        return at + self._offset

    def _given(self, receiver: Receiver, now: float, why: str) -> Iterator[Sample | Notice]:
        if abs(self._wall() - now - self._offset) > 1:  # somebody set the clock: times move with it
            self._offset = self._wall() - now
        yield from self.memory.ledger.samples(self._at_wall)
        drops = self._drops + sum(door.drops for door in self._doors)
        yield from report.samples(self.memory.counts, drops, self._polls_made + receiver.polls.made)
        yield from map(Notice, report.notices(self.memory, receiver.limits, now))
        if self._keeping_trouble:
            yield Notice(self._keeping_trouble)
        if why:
            raise CollectorError(why)
