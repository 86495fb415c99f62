"""How much is looked at: a limit for each source, one for all, and what is set aside for those that we know.

Asked before anything of a datagram is parsed. Pure: ``now`` is seconds on any clock that does not go back.
"""

from __future__ import annotations

from collectors.snmp.traps.counts import Drop

MOST_SOURCES = 10_000
"""Sources whose rate is remembered. Beyond them, a new one has the limit of all for its only one."""
_SET_ASIDE = 0.25
"""Share of the limit of all that is left to known senders."""
_SETTLED = 60.0
"""Seconds without a drop after which a flood is over."""


class _Bucket:
    """Tokens for one second's worth of datagrams, which come back at the rate itself."""

    __slots__ = ("at", "tokens")

    def __init__(self, rate: float, now: float) -> None:
        self.tokens = rate
        self.at = now

    def fill(self, rate: float, now: float) -> None:
        self.tokens = min(rate, self.tokens + (now - self.at) * rate)
        self.at = now


class Limits:
    """``per_source`` and ``total`` are datagrams a second; a second's worth may come at once."""

    def __init__(self, per_source: int, total: int, now: float) -> None:
        self._per_source = per_source
        self._total = total
        self._all = _Bucket(total, now)
        self._sources: dict[str, _Bucket] = {}
        self._swept = now
        self._over: dict[str, float] = {}
        self._all_over: float | None = None

    def admit(self, source: str, known: bool, now: float) -> Drop | None:
        """None when a datagram from ``source`` is to be looked at, or why not."""
        bucket = self._sources.get(source)
        if bucket is None:
            bucket = self._new(source, now)
        else:
            bucket.fill(self._per_source, now)
        if bucket.tokens < 1:
            if source in self._over or len(self._over) < MOST_SOURCES:
                self._over[source] = now
            return Drop.SOURCE_LIMIT
        self._all.fill(self._total, now)
        if self._all.tokens < (1 if known else 1 + self._total * _SET_ASIDE):
            self._all_over = now
            return Drop.LIMIT
        bucket.tokens -= 1
        self._all.tokens -= 1
        return None

    def flooding(self, now: float) -> tuple[list[str], bool]:
        """The sources that were over their limit within the last minute, sorted, and whether all together were."""
        self._over = {source: at for source, at in self._over.items() if now - at < _SETTLED}
        return sorted(self._over), self._all_over is not None and now - self._all_over < _SETTLED

    def _new(self, source: str, now: float) -> _Bucket:
        bucket = _Bucket(self._per_source, now)
        if len(self._sources) >= MOST_SOURCES and now - self._swept >= 1:
            self._swept = now
            # Who was silent for a second has a full bucket again, which is the same as none.
            self._sources = {name: held for name, held in self._sources.items() if now - held.at < 1}
        if len(self._sources) < MOST_SOURCES:
            self._sources[source] = bucket
        return bucket
