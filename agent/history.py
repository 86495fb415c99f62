"""The long windows on disk: what rules read further back than an hour outlives the process.

One file in the state directory, `tocsin.history`: a heading and records (``rules.history``). Every quarter of an hour,
and at an orderly stop, what is new is appended; so a crash costs a quarter of an hour, and a sample is written once.
When the file has grown to twice what is still wanted, or what it says is no longer true (the clock was set, other
metrics are wanted), it is written anew beside the old one and put in its place.

No rule with a long window, no file and no write. A file that is damaged or foreign never stops a start: what is whole
in it is taken, the rest put aside as `tocsin.history.corrupt`.
"""

from __future__ import annotations

import asyncio
import os
from array import array
from pathlib import Path
from threading import Lock

import msgspec

from agent import log
from rules.api import DamagedHistory, Engine, Record, SeriesWindow, Stretch, pack, records, unpack

NAME = "tocsin.history"
ASIDE = "tocsin.history.corrupt"
EVERY_S = 900.0
SOON_S = 60.0
"""How long a file that has to be written anew waits."""
MAX_BYTES = 32 * 1024 * 1024
SLACK = 64 * 1024
"""The file may be twice as large as it need be, and by so many bytes more."""
_HEADING = b"tocsin-history 1\n"
_log = log.get("history")


class HistoryStats(msgspec.Struct):
    """Counters since the start; ``error`` is why the last write failed, ``left_out`` the series that had no room."""

    samples_taken_up: int = 0
    damaged: int = 0
    written_bytes: int = 0
    failed: int = 0
    left_out: int = 0
    kept_at: int | None = None
    error: str = ""


class History:
    """Between the file and the series window. ``load`` before the first pass, then ``keep`` now and again."""

    def __init__(self, directory: Path, series: SeriesWindow, engine: Engine) -> None:
        self.stats = HistoryStats()
        self._path = directory / NAME
        self._series = series
        self._engine = engine
        self._since: dict[object, int] = {}
        self._names: frozenset[str] = frozenset()
        self._anew = True
        self._size = self._needed = 0
        self._writing = Lock()

    # At a start

    def load(self, now: int) -> None:
        """Take up what the rules in force still want. Whatever stands in the file, this ends well."""
        self._names = self._engine.long_reads()
        try:
            data = self._read()
            found = self._records(data)
            # A clock that is now behind the one of the former process: what was newest then becomes now.
            ahead = max(0, max((record.newest for record in found), default=now) - now)
            for record in found:
                self._take(unpack(record), ahead, now)
        except FileNotFoundError:
            return
        except OSError as error:
            self._damaged(f"it cannot be read: {error.strerror}")
        except DamagedHistory as error:
            self._damaged(str(error))
        else:
            self._size = self._needed = len(data)
            self._anew = ahead > 0 or self.stats.damaged > 0
        if self.stats.samples_taken_up:
            _log.info("history_taken_up", samples=self.stats.samples_taken_up)

    def _read(self) -> bytes:
        with open(self._path, "rb") as file:
            data = file.read(2 * MAX_BYTES + 1)
        if len(data) > 2 * MAX_BYTES:
            raise DamagedHistory("it is larger than any this program writes")
        if not data.startswith(_HEADING):
            raise DamagedHistory("it is not one, or of another version")
        return data

    def _records(self, data: bytes) -> list[Record]:
        """The records before the first that is not whole."""
        found: list[Record] = []
        try:
            found.extend(records(data, len(_HEADING)))
        except DamagedHistory as error:
            self._damaged(str(error))
        return found

    def _take(self, stretch: Stretch, ahead: int, now: int) -> None:
        if ahead:
            stretch = stretch._replace(times=array("q", [time - ahead for time in stretch.times]))
        wanted = [part for part in stretch.parts if part.name in self._names]
        if wanted:
            self.stats.samples_taken_up += self._engine.take_up(stretch._replace(parts=wanted), now)
        self._since[stretch.key] = stretch.times[-1]

    def _damaged(self, why: str) -> None:
        """Said and counted; the file is kept once for whoever wants to know."""
        self.stats.damaged += 1
        try:
            self._path.replace(self._path.with_name(ASIDE))
        except OSError:  # then the next one written takes its place
            pass
        _log.warning("history_damaged", file=str(self._path), reason=why, put_aside_as=ASIDE)

    # While running

    @property
    def pause_s(self) -> float:
        """How long to wait before the next ``keep``."""
        return SOON_S if self._anew and self.stats.samples_taken_up else EVERY_S

    def moved(self) -> None:
        """The times of all series have changed, and those in the file are wrong now."""
        self._anew = True

    async def keep(self, now: int) -> None:
        """Write what is new. A disk that refuses is asked again the next time, for all of it."""
        names = self._engine.long_reads()
        anew = self._anew or bool(names - self._names) or self._size > 2 * self._needed + SLACK
        stretches = list(self._series.past(names, {} if anew else self._since))
        if not stretches:
            return
        try:
            await asyncio.to_thread(self._write, stretches, anew)
        except OSError as error:
            self.stats.failed += 1
            self._anew = True
            if not self.stats.error:
                _log.warning("history_not_kept", file=str(self._path), error=str(error))
            self.stats.error = error.strerror or str(error)
            return
        if self.stats.error:
            _log.info("history_kept_again", file=str(self._path))
        self.stats.error, self.stats.kept_at = "", now
        self._since |= {stretch.key: stretch.times[-1] for stretch in stretches}
        self._names, self._anew = names, False

    def _write(self, stretches: list[Stretch], anew: bool) -> None:
        """On a thread of its own: the disk may take its time. The lock is for one that outlived its caller."""
        with self._writing:
            self._write_alone(stretches, anew)

    def _write_alone(self, stretches: list[Stretch], anew: bool) -> None:
        path = self._path.with_name(NAME + ".tmp") if anew else self._path
        written, left_out = (0 if anew else self._size), 0
        flags = os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_TRUNC if anew else os.O_APPEND)
        with open(os.open(path, flags, 0o600), "wb") as file:
            if anew:
                written += file.write(_HEADING)
            for stretch in stretches:
                record = pack(stretch)
                if written + len(record) > MAX_BYTES:
                    left_out += len(stretch.parts)
                    continue
                written += file.write(record)
            file.flush()
            os.fsync(file.fileno())
        if anew:
            path.replace(self._path)
            _sync_directory(self._path.parent)
            self._needed = written
        self.stats.written_bytes += written - (0 if anew else self._size)
        if left_out and not self.stats.left_out:
            _log.warning("history_full", series_left_out=left_out, bytes=written)
        self.stats.left_out = left_out
        self._size = written


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
