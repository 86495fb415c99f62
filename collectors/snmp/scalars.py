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
        self._restarts: dict[Every, int] = {}

    def reads(self, every: Every) -> Sequence[str]:
        return self.plan.scalars.reads.get(every, ())

    def samples(self, every: Every, values: Mapping[str, Value], at: float, restarts: int) -> Made:
        """``at`` in seconds; ``restarts`` is how often the device has started anew."""
        if self.plan.counters:
            broken = EVERY_ROW if self._restarts.get(every, restarts) != restarts else None
            believed = dict(values)
            for oid in self.reads(every):
                counter = self.plan.counters.get(oid)
                if counter is not None and oid in believed:
                    counters = self.counters.get(oid)
                    if counters is None:
                        counters = self.counters[oid] = Counters(oid.rpartition(".")[0], counter.bits)
                    kept = counters.believed([(oid, believed.pop(oid))], at, broken)
                    believed.update(kept)
            values = believed
        self._restarts[every] = restarts
        return self.plan.scalars.samples(every, values)
