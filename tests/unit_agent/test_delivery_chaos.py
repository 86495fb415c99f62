"""Random lives of three faults under random failures, crashes and stops; a failing seed names itself.

At every step each fault has at most one open ticket; when the failures end, what stands open is what was wished last.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from fakes.delivery_rig import Rig, scenario
from fakes.fake_backend import Fault

from integrations.api import TicketState

SEEDS = (*range(15), 36, 157, 158)
"""The last three showed that a resolve which arrives late ended a ticket that had been reopened in between."""
STEPS = 60
BAD = [fault for fault in Fault if fault not in (Fault.NONE, Fault.REJECTED)]


class Life:
    """One seed: what was acknowledged as stored is in ``wanted``."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self.rig = rig
        self.dice = random.Random(seed)
        self.wanted: dict[str, tuple[int, TicketState]] = {}

    async def run(self) -> None:
        rig, dice = self.rig, self.dice
        rig.random.seed(dice.random())
        rig.backend.fault = lambda verb: dice.choice(BAD) if dice.random() < 0.3 else Fault.NONE
        rig.backend.latency = 0.2
        await rig.start(poll=True, audit=True)
        for _ in range(STEPS):
            await self.step()
            await rig.passed(dice.choice([0.01, 0.1, 1, 5, 60]))
            self.at_most_one_open_each()
        rig.backend.fault = lambda verb: Fault.NONE
        await rig.passed(7200)
        self.what_stands_is_what_was_wished()
        await rig.stop()

    async def step(self) -> None:
        rig, dice = self.rig, self.dice
        key = dice.choice("abc")
        episode, state = self.wanted.get(key, (0, TicketState.RESOLVED))
        match dice.choice(["fire", "fire", "resolve", "resolve", "wait", "crash", "stop"]):
            case "fire" if state is TicketState.RESOLVED:
                await rig.fire(key, episode + 1, reopen=dice.random() < 0.3)
                self.wanted[key] = (episode + 1, TicketState.OPEN)
            case "resolve" if state is TicketState.OPEN:
                await rig.resolve(key, episode)
                self.wanted[key] = (episode, TicketState.RESOLVED)
            case "crash":
                await rig.crash()
                await rig.start(poll=True, audit=True)
            case "stop":
                await rig.stop()
                await rig.start(poll=True, audit=True)

    def at_most_one_open_each(self) -> None:
        crowd = Counter(ticket.title for ticket in self.rig.backend.active)
        assert all(count == 1 for count in crowd.values()), crowd

    def what_stands_is_what_was_wished(self) -> None:
        should = sorted(key for key, (_, state) in self.wanted.items() if state is TicketState.OPEN)
        assert sorted(ticket.title for ticket in self.rig.backend.active) == should
        assert {ticket.title for ticket in self.rig.backend.tickets.values()} == set(self.wanted)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_life_ends_as_wished(tmp_path: Path, seed: int) -> None:
    async def steps(rig: Rig) -> None:
        await Life(rig, seed).run()

    scenario(tmp_path, steps, late_ms=60_000)
