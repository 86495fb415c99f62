"""SNMP engines as the USM knows them (RFC 3414 section 2.2): our own, and those that have proved who they are.

Our own has an id and a number of starts that must never go back, or what was recorded could be sent again. Of another
engine its starts and its time are remembered, for the same reason. Both are kept in a small file.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from collectors.snmp.traps.files import replace

WINDOW = 150
"""Seconds by which a message may be late (RFC 3414 section 2.2.3)."""
LAST_BOOTS = 2**31 - 1
"""An engine that reached it is to be given a new id."""
_ENTERPRISE = 32473
"""Set aside by IANA for those without a number of their own (RFC 5612); the random rest of an id makes it unique."""
_MOST_PEERS = 10_000

AtWall = Callable[[float], float]
"""A moment of our clock as Unix time, the only one that goes on between two processes."""


class Remembered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds: our id (hex) and starts; of other engines, by id (hex), starts, time, and the Unix time at
    which that was heard.
    """

    engine_id: str
    boots: int
    peers: dict[str, tuple[int, int, float]] = {}


class OwnEngine(msgspec.Struct, frozen=True):
    """Our engine since this start. ``since`` is what the clock said then."""

    id: bytes
    boots: int
    since: float

    def time(self, now: float) -> int:
        """Seconds since the start."""
        return int(now - self.since)


class Peers:
    """Engines whose messages were authentic, the one heard of last at the end: starts, time, when that was heard."""

    def __init__(self, known: Mapping[bytes, tuple[int, int, float]]) -> None:
        self._known = OrderedDict(known)
        self.moved = False
        """Whether something should be written soon: a new engine, or a new start of one."""
        self.heard = False
        """Whether there is anything to write at all."""

    def is_fresh(self, engine: bytes, boots: int, time: int, now: float) -> bool:
        """Whether an authentic message of an engine is from now, and not sent again (RFC 3414 section 3.2, 7b)."""
        held = self._known.get(engine)
        if held is None or (boots, time) > held[:2]:
            self.heard = True
            self.moved = self.moved or held is None or boots != held[0]
            self._known[engine] = held = boots, time, now
            self._known.move_to_end(engine)
            if len(self._known) > _MOST_PEERS:
                self._known.popitem(last=False)
        return boots == held[0] != LAST_BOOTS and time >= held[1] + (now - held[2]) - WINDOW

    def as_written(self, at_wall: AtWall) -> dict[str, tuple[int, int, float]]:
        """What the file shall remember: the last time that was heard, which is the earliest it can be."""
        self.moved = self.heard = False
        return {engine.hex(): (boots, time, at_wall(at)) for engine, (boots, time, at) in self._known.items()}


def start(path: Path, now: float, at_wall: AtWall) -> tuple[OwnEngine, Peers, str]:
    """Our engine with one start more, written down before it is used; and why not, where that failed.

    Where the file is no good or cannot be written, the engine has a new id: of that nobody has recorded anything.

    Other engines have grown older meanwhile, so that what was recorded before is past. Should the wall clock be wrong,
    this errs by refusing what is late; what is newer than all before is taken whatever it says.
    """
    why = ""
    try:
        held = msgspec.json.decode(path.read_bytes(), type=Remembered)
        peers = {
            bytes.fromhex(engine): (boots, time, now - max(0.0, at_wall(now) - heard))
            for engine, (boots, time, heard) in held.peers.items()
        }
        own = OwnEngine(bytes.fromhex(held.engine_id), held.boots + 1, now)
    except FileNotFoundError:
        peers, own = {}, _new_engine(now)
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        why = f"{path} cannot be used, so the SNMP engine has a new id: {error}"
        peers, own = {}, _new_engine(now)
    if not 5 <= len(own.id) <= 32 or not 0 < own.boots < LAST_BOOTS:
        own = _new_engine(now)
    known = Peers(peers)
    try:
        write(path, own, known, at_wall)
    except OSError as error:
        why = f"{path} cannot be written, so the SNMP engine has a new id at each start: {error.strerror}"
        own = _new_engine(now)
    return own, known, why


def write(path: Path, own: OwnEngine, peers: Peers, at_wall: AtWall) -> None:
    """Replace the file as a whole; OSError leaves the old one."""
    text = msgspec.json.encode(Remembered(own.id.hex(), own.boots, peers.as_written(at_wall)))
    replace(path, text)


def _new_engine(now: float) -> OwnEngine:
    prefix = (0x80000000 | _ENTERPRISE).to_bytes(4, "big") + b"\x05"  # 5: octets of our choice (RFC 3411)
    return OwnEngine(prefix + secrets.token_bytes(12), 1, now)
