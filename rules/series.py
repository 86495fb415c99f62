"""The series window: every sample in memory, bounded, kept as long as a loaded rule looks back and no longer.

Times are timeline milliseconds. A series that its source stops giving gets a stale marker at that cycle, so selectors
stop seeing it at once. Over budget, new series and samples are refused and counted; nothing kept is thinned.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from rules.buckets import MANY, ByLabel
from rules.history import Part, Stretch
from rules.model import Labels
from rules.origin import Origin, RawSample, Slot
from rules.promql.ast import Matcher
from rules.promql.match import SeriesMatcher
from rules.staleness import STALE
from rules.sweep import Sweep
from rules.timeline import Series, Timeline

_SWEEP_EVERY = 60_000
_SLICE, _SLICES = 1_000, 32
"""Series that one ``ingest`` sweeps at the least, and in how many calls all of them are swept at the latest."""
_SERIES_BYTES = 900
"""Measured: the fixed cost of one series with four labels, its values apart (tests/unit_rules/test_series.py)."""


class Ingest(NamedTuple):
    """What became of one cycle's samples."""

    added: int = 0
    out_of_order: int = 0
    new_series: int = 0
    refused: int = 0


class Stats(NamedTuple):
    series: int
    samples: int
    bytes: int


class SeriesWindow:
    """Bounded store of recent samples, indexed by metric name."""

    def __init__(
        self, *, max_series: int = 100_000, max_samples: int = 8_000_000, default_retention: int = 600_000
    ) -> None:
        self.budget(max_series, max_samples)
        self.refused = 0
        """Samples refused since the start because there was no room for them, or for their series."""
        self._default_retention = default_retention
        self._retention: Mapping[str, int] = {}
        self._series: dict[tuple[str, Labels], Series] = {}
        self._names: dict[str, list[Series]] = {}
        self._by_label = ByLabel()
        self._generations: dict[str, int] = {}
        self._generation = 0
        self._sources: dict[str, Origin] = {}
        self._samples = 0
        self._swept_at: int | None = None
        self._sweep: Sweep | None = None
        """The one under way."""
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._unclaimed: set[str] = set()

    @property
    def count(self) -> int:
        """The number of series that are held."""
        return len(self._series)

    @property
    def max_samples(self) -> int:
        return self._max_samples

    # Writing

    def budget(self, max_series: int, max_samples: int) -> None:
        """Hold at most so many from here on. What is held already stays, until its time has passed."""
        self._max_series = max_series
        self._max_samples = max_samples

    def ingest(
        self,
        source: str,
        samples: Iterable[RawSample],
        at: int,
        target: Labels = (),
        *,
        honor_labels: bool = False,
        failed: bool = False,
    ) -> Ingest:
        """Store one cycle of ``source``; series of its previous cycle that are missing now end with a stale marker.

        ``target`` labels are added to every sample; a sample's own label of the same name is kept as
        ``exported_<name>``, or wins when ``honor_labels`` is set (as in a Prometheus scrape). A sample with a time of
        its own is not followed by a stale marker. When the source ``failed``, what is missing is lost, not gone, until
        the source does not fail. ``at`` must be later than the source's last cycle: otherwise all are
        counted out of order.
        """
        self._sweep_on(at)
        origin = self._sources.get(source)
        if origin is None:
            origin = self._sources[source] = Origin(target, honor_labels)
        elif origin.target != target or origin.honor_labels != honor_labels:
            origin.target, origin.honor_labels, origin.lookup = target, honor_labels, {}
        last = origin.timeline.last
        if last is not None and at <= last:
            return Ingest(out_of_order=sum(1 for _ in samples))
        cycle = origin.timeline.push(at)
        self._unclaimed.discard(source)
        rest = iter(samples)
        if origin.lost and not failed:
            origin.forget_losses()
        steady, pending = 0, None
        if self._samples + len(origin.slots) <= self._max_samples and (origin.lookup or not origin.slots):
            steady, pending = origin.repeat(rest, cycle)
            self._samples += steady
        if pending is None and steady == len(origin.slots) and (pending := next(rest, None)) is None:
            return Ingest(added=steady)
        rest = rest if pending is None else chain((pending,), rest)
        before = origin.slots
        done = self._ingest_changed(origin, steady, rest, cycle, at)
        if failed:
            origin.lose(before)
        return done

    def stale(self, source: str, at: int) -> None:
        """End all series of ``source``: it failed, or it is no longer configured."""
        if source in self._sources:
            origin = self._sources[source]
            self.ingest(source, (), at, origin.target, honor_labels=origin.honor_labels)

    def append(self, name: str, labels: Labels, at: int, value: float) -> bool:
        """Store one sample outside any source, such as a rule's output; False when out of order or over budget."""
        series = self._series.get((name, labels)) or self._admit(name, self._shared(dict(labels)), None)
        if series is None or self._samples >= self._max_samples:
            self.refused += 1
            return False
        return self._put_alone(series, at, value)

    def _ingest_changed(self, origin: Origin, steady: int, rest: Iterator[RawSample], cycle: int, at: int) -> Ingest:
        origin.timeline.changes += 1
        seen = dict.fromkeys(origin.slots[:steady])
        added, out_of_order, new_series, refused = steady, 0, 0, 0
        for name, labels, value, when in rest:
            slot = origin.lookup.get((name, labels))
            if slot is None:
                known = len(self._series)
                final = labels if origin.keeps(labels) else self._shared(origin.labelled(labels))
                series = self._admit(name, final, origin.timeline, cycle)
                if series is None:
                    refused += 1
                    continue
                new_series += len(self._series) - known
                slot = origin.lookup[name, labels] = Slot(name, labels, series)
            series = slot.series
            if self._samples >= self._max_samples:
                refused += 1
            elif self._store(series, origin, cycle, at if when is None else when, value, alone=when is not None):
                added += 1
            else:
                out_of_order += 1
            if when is None:
                seen[slot] = None
        for slot in origin.slots:
            if slot not in seen:
                self._store(slot.series, origin, cycle, at, STALE, alone=False)
        origin.slots = list(seen)
        self.refused += refused
        return Ingest(added, out_of_order, new_series, refused)

    def _store(self, series: Series, origin: Origin, cycle: int, at: int, value: float, *, alone: bool) -> bool:
        if series.timeline is not origin.timeline or alone:
            return self._put_alone(series, at, value)
        if series.stop > cycle:
            return False
        self._samples += series.put(cycle, value)
        return True

    def _put_alone(self, series: Series, at: int, value: float) -> bool:
        if series.timeline.shared:
            series.detach()
        last = series.timeline.last
        if (last is not None and at <= last) or self._samples >= self._max_samples:
            return False
        self._samples += series.put(series.timeline.push(at), value)
        return True

    def _admit(self, name: str, labels: Labels, timeline: Timeline | None, first: int = 0) -> Series | None:
        """The series of these labels, made when there is room; on ``timeline``, or on one of its own."""
        series = self._series.get((name, labels))
        if series is not None:
            return series
        if len(self._series) >= self._max_series or self._samples >= self._max_samples:
            return None
        name = sys.intern(name)
        series = Series(name, labels, timeline or Timeline(shared=False), first)
        self._series[name, labels] = series
        self._names.setdefault(name, []).append(series)
        self._touch(name)
        return series

    def _shared(self, pairs: Mapping[str, str]) -> Labels:
        """Labels in their canonical form, made of pairs that other series have too."""
        return tuple(self._pairs.setdefault(pair, pair) for pair in sorted(pairs.items()) if pair[1])

    def _touch(self, name: str) -> None:
        self._generation += 1
        self._generations[name] = self._generation

    # Forgetting

    def retain(self, needs: Mapping[str, int], default_ms: int) -> None:
        """Keep samples of each metric name in ``needs`` for so many ms, all others for ``default_ms``."""
        self._retention = dict(needs)
        self._default_retention = default_ms

    def kept(self, name: str) -> int:
        """How many ms the samples of this metric are kept."""
        return self._retention.get(name, self._default_retention)

    def rebase(self, delta_ms: int) -> None:
        """Move every stored time: the wall clock jumped by ``delta_ms`` and no duration may change."""
        timelines = {id(source.timeline): source.timeline for source in self._sources.values()}
        timelines |= {id(series.timeline): series.timeline for series in self._series.values()}
        for timeline in timelines.values():
            timeline.shift(delta_ms)
        self._sweep = None  # its times are not those of the samples any more
        if self._swept_at is not None:
            self._swept_at += delta_ms

    def _sweep_on(self, now: int) -> None:
        """Sweep a part of all series, and begin anew every minute: so the work is spread over many calls."""
        if self._swept_at is None:
            self._swept_at = now
        if self._sweep is None and now - self._swept_at >= _SWEEP_EVERY:
            self._swept_at = now
            self._sweep = self._new_sweep(now)
        if self._sweep is not None:
            self._advance(self._sweep, max(_SLICE, len(self._series) // _SLICES))

    def sweep(self, now: int) -> None:
        """Forget samples older than their retention, and series without any; ``ingest`` does so every minute."""
        self._advance(self._new_sweep(now), max(1, len(self._series)))

    def _new_sweep(self, now: int) -> Sweep:
        timelines = (origin.timeline for origin in self._sources.values())
        return Sweep(self._series.values(), timelines, self._retention, self._default_retention, now)

    def _advance(self, sweep: Sweep, count: int) -> None:
        self._samples -= sweep.advance(count)
        if sweep.done:
            self._sweep = None
            dead, trimmed = sweep.emptied()
            self._samples -= trimmed
            if dead:
                self._bury(dead)

    def _bury(self, dead: Iterable[Series]) -> None:
        names: set[str] = set()
        for series in dead:
            del self._series[series.name, series.labels]
            names.add(series.name)
        for name in names:
            left = [series for series in self._names[name] if series.values]
            if left:
                self._names[name] = left
            else:
                del self._names[name]
                self._by_label.forget(name)
            self._touch(name)
        for source in list(self._sources):
            origin = self._sources[source]
            origin.slots = [slot for slot in origin.slots if slot.series.values]
            origin.lookup = {key: slot for key, slot in origin.lookup.items() if slot.series.values}
            if not origin.lookup:
                del self._sources[source]
        self._pairs = {pair: pair for labels in (series.labels for series in self._series.values()) for pair in labels}

    # Over a restart

    def past(self, names: Container[str], since: Mapping[object, int]) -> Iterator[Stretch]:
        """What is held of these metrics, one stretch for each timeline, samples later than ``since[stretch.key]``."""
        sources = {id(origin.timeline): source for source, origin in self._sources.items()}
        found: dict[int, list[Series]] = {}
        for series in self._series.values():
            if series.name in names and series.values:
                found.setdefault(id(series.timeline), []).append(series)
        for line, family in found.items():
            timeline, source = family[0].timeline, sources.get(line, "")
            key = (source, "", ()) if source else ("", family[0].name, family[0].labels)
            begin = max(timeline.after(since.get(key, -(2**62))), min(series.first for series in family))
            parts = [
                Part(each.name, each.labels, max(each.first - begin, 0), each.values[max(begin - each.first, 0) :])
                for each in family
                if each.stop > begin
            ]
            if parts:
                yield Stretch(source, timeline.times[begin - timeline.base :], parts)

    def take_up(self, stretch: Stretch, now: int) -> int:
        """Put back what ``past`` gave, later stretches of a timeline after earlier ones; returns the samples taken.

        What is older than its metric is kept, later than ``now``, or already there is left out. Call before the first
        ``ingest``. A series goes on where its source gives it again; see ``end_unclaimed`` for the others.
        """
        origin = None
        if stretch.source:
            origin = self._sources.setdefault(stretch.source, Origin((), False))
            self._unclaimed.add(stretch.source)
        timeline = origin.timeline if origin is not None else Timeline(shared=False)
        last = -(2**62) if timeline.last is None else timeline.last
        kept = max((self.kept(part.name) for part in stretch.parts), default=0)
        skip, end = bisect_right(stretch.times, max(now - kept, last)), bisect_right(stretch.times, now)
        if skip >= end:
            return 0
        first = timeline.extend(stretch.times[skip:end]) - skip
        taken = 0
        for part in stretch.parts:
            begin = max(bisect_right(stretch.times, now - self.kept(part.name)), part.start, skip)
            values = part.values[begin - part.start : end - part.start]
            if not values or self._samples + len(values) > self._max_samples:
                continue
            series = self._admit(part.name, self._shared(dict(part.labels)), timeline, first + begin)
            if series is None or series.timeline is not timeline:
                continue
            taken += len(values)
            self._samples += series.extend(first + begin, values)
            if origin is not None and (part.name, part.labels) not in origin.lookup:
                origin.lookup[part.name, part.labels] = Slot(part.name, part.labels, series)
        if origin is not None:
            origin.slots = [slot for slot in origin.lookup.values() if slot.series.lives]
        return taken

    def end_unclaimed(self, at: int, awaited: frozenset[str] = frozenset()) -> None:
        """End the series that were taken up and whose source has not said a word since: it is no longer there.

        Sources in ``awaited`` are there and speak later.
        """
        for source in sorted(self._unclaimed - awaited):
            self.stale(source, at)
        self._unclaimed &= awaited

    def oldest(self, name: str) -> int | None:
        """When the oldest sample of this metric was taken (of any, for an empty name); None without one."""
        family: Iterable[Series] = self._names.get(name, ()) if name else self._series.values()
        times = (series.timeline.times[series.first - series.timeline.base] for series in family if series.values)
        return min(times, default=None)

    # Reading

    def generation(self, name: str | None) -> int:
        """Changes whenever the set of series of this metric name (of any name, for None) changes."""
        return self._generation if name is None else self._generations.get(name, 0)

    def select(self, matchers: SeriesMatcher | Sequence[Matcher]) -> Sequence[Series]:
        """The series that match, in the order they were first seen. May be kept until ``generation`` changes."""
        wanted = matchers if isinstance(matchers, SeriesMatcher) else SeriesMatcher(matchers)
        family: Iterable[Series] = self._series.values() if wanted.name is None else self._named(wanted)
        return [series for series in family if wanted.matches(series.name, series.labels)]

    def _named(self, wanted: SeriesMatcher) -> Sequence[Series]:
        """The series of a metric among which those that match are."""
        name = wanted.name or ""
        family = self._names.get(name, ())
        if len(family) < MANY or not wanted.equal:
            return family
        return self._by_label.narrowed(name, family, self._generations[name], wanted.equal)

    def find(
        self, selectors: Iterable[Sequence[Matcher]], start: int | None = None, end: int | None = None
    ) -> Sequence[Series]:
        """The series that match any of ``selectors`` (all when there are none) with a sample in start..end."""
        wanted = list(selectors)
        found: dict[int, Series] = {}
        for matchers in wanted or [()]:
            found.update((id(series), series) for series in self.select(matchers))
        if start is None and end is None:
            return list(found.values())
        lo = -(2**62) if start is None else start - 1
        hi = 2**62 if end is None else end
        return [series for series in found.values() if series.window(lo, hi) is not None]

    def metric_names(self) -> Sequence[str]:
        return sorted(self._names)

    def label_names(
        self, selectors: Iterable[Sequence[Matcher]] = (), start: int | None = None, end: int | None = None
    ) -> Sequence[str]:
        """Label names of the matching series, sorted, ``__name__`` included when there is any series."""
        names = {
            label for series in self.find(selectors, start, end) for label, _ in (("__name__", ""), *series.labels)
        }
        return sorted(names)

    def label_values(
        self,
        name: str,
        selectors: Iterable[Sequence[Matcher]] = (),
        start: int | None = None,
        end: int | None = None,
    ) -> Sequence[str]:
        """Values of one label over the matching series, sorted."""
        found = self.find(selectors, start, end)
        if name == "__name__":
            return sorted({series.name for series in found})
        return sorted({value for series in found for label, value in series.labels if label == name})

    def stats(self) -> Stats:
        """Series, samples, and an estimate of the bytes they take."""
        timelines = {id(series.timeline): len(series.timeline.times) for series in self._series.values()}
        size = self._samples * 9 + sum(timelines.values()) * 9 + len(self._series) * _SERIES_BYTES
        return Stats(len(self._series), self._samples, size)
