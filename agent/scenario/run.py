"""Runs the scenarios of a file and says what came out otherwise than expected."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent import log
from agent.config.scalars import duration_text
from agent.scenario import clock, desks
from agent.scenario.compare import Difference, compare
from agent.scenario.feed import Down, Script, WrittenFeed
from agent.scenario.load import Backends, Collectors, Expect, Moved, Reload, Restart, Scene, load_scenarios
from agent.scenario.rehearsal import Rehearsal
from agent.scenario.schema import EXPECT, Person
from agent.scenario.seen import Seen
from integrations.api import DeskError
from rules.api import CaseResult, TestFailure, TestReport


def run_scenarios(path: Path, content: bytes, chosen: Callable[[str], bool] = lambda name: True) -> TestReport:
    """Run the scenarios of a file whose names are ``chosen``. Never raises for what the file holds."""
    found = load_scenarios(content, str(path))
    report = TestReport(str(path), found.problems, ())
    return replace(report, cases=tuple(_run(scene) for scene in found.scenes if chosen(scene.name)))


def _run(scene: Scene) -> CaseResult:
    began = time.perf_counter()
    show = _Show(scene)
    with log.muted():
        clock.run(show.play, scene.start)
    return CaseResult(scene.name, scene.line, tuple(show.failures), time.perf_counter() - began)


@dataclass(slots=True)
class _Show:
    """One run of one scenario."""

    scene: Scene
    failures: list[TestFailure] = field(default_factory=list)
    down: Down = field(default_factory=lambda: Down(set()))

    async def play(self, loop: clock.VirtualLoop) -> None:
        scene = self.scene
        config = scene.loaded.config
        if config is None:
            raise ValueError("a scenario with a wrong configuration is not loaded")
        feed = WrittenFeed(scene.series, scene.start, scene.interval or config.collect.interval)
        stage = Rehearsal(loop, scene.loaded, scene.host, lambda instance: Script(feed, self.down, instance))
        await stage.start()
        try:
            seen = Seen(stage, scene.start)
            for step in scene.steps:
                await stage.until(step.at)
                await self._step(step, stage, seen, feed.collectors)
            self._rules(stage)
            await self._count(seen)
        finally:
            await stage.close()

    async def _step(self, step: Moved, stage: Rehearsal, seen: Seen, collectors: Collection[str]) -> None:
        match step.act:
            case Expect(node=node):
                for key, wanted in node.items:
                    found = compare(key.value, wanted, await seen.part(key.value), EXPECT.keys[key.value])
                    if found is not None:
                        self._differs(step, found)
            case Person() as person:
                await self._person(step, person, stage)
            case Collectors(names=names, down=down):
                self._known(step, names, collectors, "collector")
                self.down.names = self.down.names | {*names} if down else self.down.names - {*names}
            case Backends(names=names, down=down):
                self._known(step, names, stage.desks.all, "backend")
                for name in names:
                    if name in stage.desks.all:
                        stage.desks.all[name].down = down
            case Restart(away=away):
                self._rules(stage)
                await stage.restart(away)
            case Reload(loaded=loaded):
                await stage.reload(loaded)

    def _differs(self, step: Moved, found: Difference) -> None:
        self._fail(found.line, f"at {duration_text(step.at)}", found.lines)

    def _fail(self, line: int, title: str, lines: tuple[str, ...]) -> None:
        self.failures.append(TestFailure(line, title, lines))

    def _known(self, step: Moved, names: Collection[str], there: Collection[str], what: str) -> None:
        for name in names:
            if name not in there:
                known = ", ".join(there) or "none"
                self._fail(step.line, f"at {duration_text(step.at)}", (f"there is no {what} '{name}' here: {known}",))

    async def _person(self, step: Moved, person: Person, stage: Rehearsal) -> None:
        there = stage.desks.all
        desk = there.get(person.backend) if person.backend else next(iter(there.values()))
        if desk is None:
            self._known(step, (person.backend,), there, "backend")
            return
        try:
            await desks.act(desk, person)
        except DeskError as error:
            self._fail(step.line, f"at {duration_text(step.at)}", (f"{person.act.value}: {error}",))

    def _rules(self, stage: Rehearsal) -> None:
        """A rule that cannot be evaluated is a mistake in it, whatever was expected."""
        stats = stage.daemon.cycle.stats
        if stats.rule_failures:
            errors = tuple(f"{rule}: {error}" for rule, error in sorted(stats.rules_failing.items()))
            count = f"{stats.rule_failures} evaluations of rules failed"
            self._fail(self.scene.line, count, errors or ("none of them in the last pass",))

    async def _count(self, seen: Seen) -> None:
        tickets = await seen.tickets()
        wanted = self.scene.tickets
        if wanted is not None and wanted != len(tickets):
            named = tuple(f"+ {ticket['number']} {ticket['state']}: {ticket['title']}" for ticket in tickets)
            self._fail(self.scene.line, f"tickets in all: {wanted} expected, {len(tickets)} there", named)
