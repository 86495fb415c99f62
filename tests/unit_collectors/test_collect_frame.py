"""The frame: whatever a collector does, the scrape says so and nobody else notices."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest

from collectors.api import Collector, CollectorError, Labels, Notice, Sample, Scrape, Scraper

AT = 1_800_000_000_000
DEADLINE = 0.3
PATIENCE = 0.02


class Gives:
    """Gives what the function gives."""

    def __init__(self, function: Callable[[], Iterable[Sample | Notice]]) -> None:
        self.function = function
        self.threads: list[str] = []

    def collect(self) -> Iterable[Sample | Notice]:
        self.threads.append(threading.current_thread().name)
        return self.function()


class GivesAsync(Gives):
    async def collect(self) -> Iterable[Sample | Notice]:  # type: ignore[override]  # the other form of the protocol
        await asyncio.sleep(0)
        return self.function()


class Hangs:
    """Hangs until released, and counts how often it was called and how many calls ran at once."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.calls = 0
        self.inside = 0
        self.most = 0

    def collect(self) -> Iterator[Sample]:
        self.calls += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.release.wait(20)
        self.inside -= 1
        yield Sample("x", (), 1.0)


def one(value: float = 1.0, name: str = "x", labels: Labels = ()) -> Callable[[], list[Sample]]:
    return lambda: [Sample(name, labels, value)]


def scraper(collectors: Mapping[str, Collector]) -> Scraper:
    return Scraper(collectors, job="node", instance="h:1", deadline_s=DEADLINE, patience_s=PATIENCE)


def calm(collectors: Mapping[str, Collector]) -> Scraper:
    """For collectors that do not hang: nothing is given up, however busy the machine that runs the test is."""
    return Scraper(collectors, job="node", instance="h:1", deadline_s=60, patience_s=30)


def by_name(scrapes: list[Scrape]) -> dict[str, Scrape]:
    return {scrape.source: scrape for scrape in scrapes}


def values(scrape: Scrape) -> dict[str, float]:
    return {sample.name: sample.value for sample in scrape.samples}


async def test_a_scrape_carries_its_target_and_the_frames_own_series() -> None:
    frame = calm({"a": Gives(one(3.0, "m", (("device", "sda"),)))})
    (scrape,) = await frame.cycle(AT)
    await frame.aclose()
    target = (("collector", "a"), ("instance", "h:1"), ("job", "node"))
    assert (scrape.source, scrape.target, scrape.at, scrape.ok, scrape.error) == ("a", target, AT, True, "")
    assert scrape.samples[0] == Sample("m", (("device", "sda"), ("instance", "h:1"), ("job", "node")), 3.0)
    own = {sample.name: sample for sample in scrape.samples[1:]}
    assert {sample.labels for sample in own.values()} == {target}
    assert own["up"].value == own["node_scrape_collector_success"].value == 1.0
    assert own["scrape_samples_scraped"].value == 1.0
    assert (
        own["scrape_duration_seconds"].value == own["node_scrape_collector_duration_seconds"].value == scrape.duration_s
    )


async def test_labels_are_the_same_objects_in_every_cycle() -> None:
    frame = calm({"a": Gives(one(1.0, "m", (("device", "sda"),)))})
    first, second = (await frame.cycle(AT))[0], (await frame.cycle(AT + 1))[0]
    await frame.aclose()
    assert first.samples[0].labels is second.samples[0].labels
    assert first.samples[1].labels is second.samples[1].labels


@pytest.mark.parametrize("form", [Gives, GivesAsync])
async def test_an_exception_is_a_failed_scrape_and_no_more(form: type[Gives]) -> None:
    def broken() -> list[Sample]:
        raise ZeroDivisionError("by design\nsecond line")

    frame = calm({"bad": form(broken), "good": Gives(one())})
    scrapes = by_name(await frame.cycle(AT))
    await frame.aclose()
    assert scrapes["bad"].error == "ZeroDivisionError: by design second line"
    assert values(scrapes["bad"])["up"] == values(scrapes["bad"])["node_scrape_collector_success"] == 0.0
    assert scrapes["good"].ok


@pytest.mark.parametrize("error", [SystemExit("no"), KeyboardInterrupt(), MemoryError()])
async def test_even_an_exit_in_a_collector_stays_inside(error: BaseException) -> None:
    def leave() -> list[Sample]:
        raise error

    frame = calm({"bad": Gives(leave), "good": Gives(one())})
    scrapes = by_name(await frame.cycle(AT))
    assert (scrapes["bad"].ok, scrapes["good"].ok, frame.threads) == (False, True, 1)
    await frame.aclose()


async def test_what_was_read_before_an_error_is_kept() -> None:
    def half() -> Iterator[Sample]:
        yield Sample("m", (), 1.0)
        raise CollectorError("the second file is not readable (add the group)")

    frame = calm({"a": Gives(half)})
    (scrape,) = await frame.cycle(AT)
    await frame.aclose()
    assert scrape.error == "the second file is not readable (add the group)"
    assert values(scrape)["m"] == 1.0
    assert values(scrape)["up"] == 0.0


async def test_a_hung_collector_delays_nobody_and_is_left_alone_until_it_returns() -> None:
    hung, late = Hangs(), Gives(one())
    frame = scraper({"hung": hung, "late": late})
    started = time.monotonic()
    first = by_name(await frame.cycle(AT))
    assert time.monotonic() - started < DEADLINE * 6
    assert first["hung"].error == "still running after 0.3 s"
    assert values(first["hung"])["up"] == 0.0
    assert first["late"].ok
    assert first["late"].duration_s < DEADLINE
    second = by_name(await frame.cycle(AT + 15_000))
    third = by_name(await frame.cycle(AT + 30_000))
    assert second["hung"].error == third["hung"].error == "hung since 2027-01-15T08:00:00+00:00: skipped"
    assert (hung.calls, len(late.threads), frame.threads) == (1, 3, 2)
    hung.release.set()
    while frame.threads > 1:
        await asyncio.sleep(0.001)
    fourth = by_name(await frame.cycle(AT + 45_000))
    assert fourth["hung"].ok
    assert (hung.calls, hung.most) == (2, 1)
    await frame.aclose()


async def test_a_collector_that_returns_late_does_not_pass_off_old_samples_as_new() -> None:
    hung = Hangs()

    def let_it_return() -> list[Sample]:
        """In the second cycle the old call ends while the new cycle is under way."""
        if skipping:
            hung.release.set()
            while not call.finished:
                time.sleep(0.0005)
        return []

    frame = scraper({"hung": hung, "other": Gives(let_it_return)})
    skipping = False
    await frame.cycle(AT)
    call = frame._sources[0].call
    assert call is not None
    skipping = True
    frame._deadline = 60  # nothing is to be given up from here on
    scrape = by_name(await frame.cycle(AT + 1))["hung"]
    assert scrape.error.startswith("hung since")
    assert "x" not in values(scrape)
    again = by_name(await frame.cycle(AT + 2))["hung"]
    assert (again.error, values(again).get("x")) == ("", 1.0)
    await frame.aclose()


async def test_each_hung_collector_holds_one_thread_and_the_last_still_runs() -> None:
    hangs = {f"h{number}": Hangs() for number in range(5)}
    frame = scraper({**hangs, "last": Gives(one())})
    for cycle in range(3):
        scrapes = by_name(await frame.cycle(AT + cycle))
        assert scrapes["last"].ok
        assert not any(scrapes[name].ok for name in hangs)
    assert frame.threads == len(hangs) + 1
    assert {hang.calls for hang in hangs.values()} == {1}
    for hang in hangs.values():
        hang.release.set()
    await frame.aclose()


async def test_one_thread_serves_all_cycles_while_nothing_hangs() -> None:
    first, second = Gives(one()), Gives(one())
    frame = calm({"a": first, "b": second})
    idents = set()
    for cycle in range(5):
        await frame.cycle(AT + cycle)
        idents |= {thread.ident for thread in threading.enumerate() if thread.name == "tocsin-collect"}
    assert len(idents) == 1
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "tocsin-collect")
    await frame.aclose()


class HangsAsync:
    def __init__(self, stubborn: bool) -> None:
        self.stubborn = stubborn
        self.release = asyncio.Event()
        self.calls = 0

    async def collect(self) -> list[Sample]:
        self.calls += 1
        while not self.release.is_set():
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
        return [Sample("x", (), 1.0)]


@pytest.mark.parametrize("stubborn", [False, True])
async def test_an_async_collector_past_its_deadline(stubborn: bool) -> None:
    hung = HangsAsync(stubborn)
    frame = scraper({"hung": hung, "good": GivesAsync(one())})
    scrapes = by_name(await frame.cycle(AT))
    assert scrapes["hung"].error.startswith("still running after 0.3")
    assert scrapes["good"].ok
    for _ in range(3):  # the cancelled task takes a turn of the loop to end
        await asyncio.sleep(0)
    again = by_name(await frame.cycle(AT + 1))
    assert again["hung"].error.startswith("hung since" if stubborn else "still running after")
    assert hung.calls == (1 if stubborn else 2)
    hung.release.set()
    await asyncio.sleep(0)
    again = by_name(await frame.cycle(AT + 2))["hung"]
    assert (again.error, values(again).get("x")) == ("", 1.0)
    await frame.aclose()


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (Sample("", (), 1.0), "not a valid metric name"),
        (Sample("m" * 1025, (), 1.0), "not a valid metric name"),
        (Sample("m\udcff", (), 1.0), "not a valid metric name"),
        (Sample("m\n", (), 1.0), "not a valid metric name"),
        (Sample("up", (), 1.0), "belongs to the frame"),
        (Sample("m", (("bad\x00label", "x"),), 1.0), "not a valid label name"),
        (Sample("m", (("__name__", "x"),), 1.0), "not a valid label name"),
        (Sample("m", (("a", "x"), ("a", "y")), 1.0), "there twice"),
        (Sample("m", (("a", "x" * 5000),), 1.0), "longer than"),
        (Sample("m", (("a", 3),), 1.0), "dropped"),  # type: ignore[arg-type]  # what a careless plugin does
        (Sample("m", [["a", "b"]], 1.0), "labels are not"),  # type: ignore[arg-type]  # the same
        (Sample("m", (), "1"), "is not a number"),  # type: ignore[arg-type]  # the same
        (Sample("m", (), True), "is not a number"),
        (Sample("m", (), None), "is not a number"),  # type: ignore[arg-type]  # the same
        (Sample("m", (), 1.0, 1.5), "not whole milliseconds"),  # type: ignore[arg-type]  # the same
        (Sample(None, (), 1.0), "dropped"),  # type: ignore[arg-type]  # the same
        ("m 1", "not a Sample"),
    ],
)
async def test_a_wrong_sample_is_dropped_counted_and_named(item: Sample, why: str) -> None:
    frame = calm({"a": Gives(lambda: [item, Sample("fine", (), 2)])})
    for cycle in range(2):
        (scrape,) = await frame.cycle(AT + cycle)
        assert scrape.ok
        assert scrape.dropped == 1
        assert why in scrape.warnings[0]
        assert values(scrape)["fine"] == 2.0
        assert values(scrape)["scrape_samples_scraped"] == 1.0
    await frame.aclose()


async def test_a_series_given_twice_keeps_the_first() -> None:
    frame = calm({"a": Gives(lambda: [Sample("m", (), 1.0), Sample("m", (), 2.0), Sample("m", (), 3.0)])})
    (scrape,) = await frame.cycle(AT)
    await frame.aclose()
    assert values(scrape)["m"] == 1.0
    assert scrape.dropped == 2
    assert scrape.warnings == ("'m' dropped: given twice in one cycle (and 1 more)",)


async def test_own_instance_and_job_labels_are_kept_as_exported() -> None:
    frame = calm({"a": Gives(one(1.0, "m", (("instance", "i"), ("job", "j"))))})
    (scrape,) = await frame.cycle(AT)
    await frame.aclose()
    assert dict(scrape.samples[0].labels) == {
        "exported_instance": "i", "exported_job": "j", "instance": "h:1", "job": "node",
    }  # fmt: skip


async def test_a_collector_that_honors_labels_speaks_of_others() -> None:
    samples = [Sample("m", (("instance", "switch"), ("job", "snmp")), 1.0), Sample("own", (), 2.0)]
    about_others = Gives(lambda: samples)
    about_others.honor_labels = True
    frame = calm({"a": about_others})
    (scrape,) = await frame.cycle(AT)
    await frame.aclose()
    assert dict(scrape.samples[0].labels) == {"instance": "switch", "job": "snmp"}
    assert dict(scrape.samples[1].labels) == {"instance": "h:1", "job": "node"}


async def test_label_values_leave_as_utf8_and_not_a_number_is_a_value() -> None:
    frame = calm({"a": Gives(one(math.nan, "m", (("mountpoint", "/d\udcff"),)))})
    (scrape,) = await frame.cycle(AT)
    await frame.aclose()
    assert dict(scrape.samples[0].labels)["mountpoint"] == "/d�"
    assert math.isnan(scrape.samples[0].value)


async def test_notices_become_warnings_and_the_scrape_is_well() -> None:
    frame = calm({"a": Gives(lambda: [Notice("eth9 is not there")])})
    (scrape,) = await frame.cycle(AT)
    await frame.aclose()
    assert (scrape.ok, scrape.warnings) == (True, ("eth9 is not there",))


async def test_an_endless_collector_is_cut() -> None:
    def endless() -> Iterator[Sample]:
        number = 0
        while True:
            number += 1
            yield Sample("m", (("n", str(number)),), 1.0)

    frame = Scraper({"a": Gives(endless)}, job="j", instance="i", deadline_s=20)
    (scrape,) = await frame.cycle(AT)
    await frame.aclose()
    assert scrape.error == "gave 50000 samples or more; the rest was left out"


async def test_memory_of_series_follows_what_is_alive() -> None:
    cycle = 0

    def churn() -> list[Sample]:
        return [Sample("m", (("pod", f"{cycle}-{number}"),), 1.0) for number in range(50)]

    frame = calm({"a": Gives(churn)})
    for cycle in range(20):
        await frame.cycle(AT + cycle)
    await frame.aclose()
    assert len(frame._sources[0].series._known) <= 50 * 3 + 64


async def test_no_collectors_no_scrapes() -> None:
    frame = calm({})
    assert await frame.cycle(AT) == []
    await frame.aclose()


async def test_close_reaches_collectors_that_hold_something() -> None:
    class Holds(Gives):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    holds = Holds(one())
    frame = calm({"a": holds})
    await frame.cycle(AT)
    await frame.aclose()
    assert holds.closed


async def test_without_a_thread_collectors_fail_and_work_again_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    frame = Scraper({"a": Gives(one()), "b": GivesAsync(one())}, job="node", instance="host", patience_s=5)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        failed = {scrape.source: scrape for scrape in await frame.cycle(AT)}
    assert (failed["a"].ok, failed["b"].ok) == (False, True)
    assert failed["a"].error == "no thread to run on"
    assert [scrape.error for scrape in await frame.cycle(AT + 1)] == ["", ""]
    assert frame.threads == 1
    await frame.aclose()
