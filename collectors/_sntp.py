"""One question to a time server and what its answer means (RFC 4330, RFC 5905), without any clock or socket."""

from __future__ import annotations

import struct
from typing import NamedTuple

LEAP_UNKNOWN = 3
_PACKET = struct.Struct(">BbbbII4sQ8sQQ")
_CLIENT, _SERVER = 3, 4
_SINCE_1900 = 2_208_988_800
"""Seconds from the epoch of NTP to that of Unix."""
_ERA = 1 << 32


class BadAnswer(ValueError):
    """The answer is none to our question, or the server says that it cannot tell the time."""


class Answer(NamedTuple):
    """Durations in seconds, times in seconds since the epoch; ``offset`` is what our clock is behind the server's."""

    stratum: int
    leap: int
    rtt: float
    offset: float
    reference: float
    root_delay: float
    root_dispersion: float


def question(token: bytes, version: int) -> bytes:
    """A request. ``token`` (8 bytes, not to be guessed) stands where the time of sending would: the server repeats it,
    and our clock is told nobody.
    """
    return bytes([version << 3 | _CLIENT]) + bytes(39) + token


def answer(packet: bytes, token: bytes, sent: float, elapsed: float) -> Answer:
    """What an answer says that came ``elapsed`` seconds after ``sent`` (our clock, seconds since the epoch)."""
    if len(packet) < _PACKET.size:
        raise BadAnswer(f"it has {len(packet)} bytes, {_PACKET.size} are the least")
    first, stratum, _, _, delay, dispersion, reference_id, reference, origin, received, transmitted = (
        _PACKET.unpack_from(packet)
    )
    if first & 7 != _SERVER:
        raise BadAnswer("it is not of a server")
    if origin != token:
        raise BadAnswer("it is not the answer to what was asked")
    if stratum == 0:
        raise BadAnswer(f"the server refuses: {reference_id.decode('ascii', 'replace').strip(chr(0))!r}")
    if not received or not transmitted:
        raise BadAnswer("it holds no time")
    came, left = _unix(received, sent), _unix(transmitted, sent)
    back = sent + elapsed
    return Answer(
        stratum & 0xFF, first >> 6, max(0.0, elapsed - (left - came)), ((came - sent) + (left - back)) / 2,
        _unix(reference, sent) if reference else 0.0, delay / 65536, dispersion / 65536,
    )  # fmt: skip


def sane(found: Answer, max_distance: float, tolerance: float) -> bool:
    """Whether the server is synchronised and near enough to its source, and our clock agrees with it: the part of the
    offset that the way there and back cannot explain is at most ``tolerance``. As node_exporter does.
    """
    synchronised = found.leap != LEAP_UNKNOWN and 0 < found.stratum < 16 and found.reference > 0
    distance = found.root_delay / 2 + found.root_dispersion + found.rtt / 2
    unexplained = max(0.0, abs(found.offset) - found.rtt / 2)
    return synchronised and distance <= max_distance and unexplained <= tolerance


def _unix(stamp: int, near: float) -> float:
    """A timestamp of NTP as seconds since the epoch, in the era (136 years) that is nearest to ``near``."""
    seconds = (stamp >> 32) - _SINCE_1900
    seconds += round((near - seconds) / _ERA) * _ERA
    return seconds + (stamp & 0xFFFFFFFF) / _ERA
