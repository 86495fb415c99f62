"""The scalars of one profile on one device: as with tables, a counter is published only as far as it is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from collectors.snmp.columns import Made
from collectors.snmp.counters import EVERY_ROW, Counters
from collectors.snmp.plans import Plan
from collectors.snmp.port import Value
from collectors.snmp.profile import Every


class Scalars:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.counters: dict[str, Counters] = {}
        self._turns: dict[Every, int] = {}

    def take_over(self, other: Scalars) -> None:
        """Go on counting where ``other``, those of the same profile by another plan, have come to."""
        self.counters, self._turns = other.counters, other._turns

    def reads(self, every: Every) -> Sequence[str]:
        return self.plan.scalars.reads.get(every, ())

    def samples(self, every: Every, values: Mapping[str, Value], at: float, turns: int) -> Made:
        """``at`` in seconds; ``turns`` is how often its counters may have started anew."""
        if self.plan.counters:
            broken = EVERY_ROW if self._turns.get(every, turns) != turns else None
            believed = dict(values)
            for oid in self.reads(every):
                counter = self.plan.counters.get(oid)
                if counter is not None and oid in believed:
                    counters = self.counters.get(oid)
                    if counters is None or counters.bits != counter.bits:
                        counters = self.counters[oid] = Counters(oid.rpartition(".")[0], counter.bits)
                    kept = counters.believed([(oid, believed.pop(oid))], at, broken)
                    believed.update(kept)
            values = believed
        self._turns[every] = turns
        return self.plan.scalars.samples(every, values)
