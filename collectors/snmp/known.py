"""What is known of a device from poll to poll."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collectors.snmp import select
from collectors.snmp.errors import Fault
from collectors.snmp.plans import Plan, Plans
from collectors.snmp.profile import Every
from collectors.snmp.reboot import Uptime
from collectors.snmp.scalars import Scalars
from collectors.snmp.table import Table
from collectors.snmp.walker import Memory


class Knowledge:
    """It outlives a reload."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.age: Uptime | None = None
        self.restarts = 0
        self.turns = 0
        """How often its counters may have started anew: it did, or another one is asked in its place."""
        self.sys_object_id = ""
        self.chosen: select.Chosen | None = None
        self.chosen_after = -1
        """``turns`` when its profiles were chosen."""
        self.chosen_from: tuple[Plans, tuple[str, ...]] | None = None
        """The profiles that there were, and those that the configuration named."""
        self.chosen_at = 0.0
        self.answers: dict[str, bool] = {}
        """Whether there is something at the OIDs that were asked for by then, while profiles are being chosen."""
        self.given: frozenset[str] = frozenset()
        """Scalars and columns, by OID, for which something came since then."""
        self.read: set[Every] = set()
        """The classes that were read since then."""
        self.had: dict[Every, frozenset[str]] = {}
        """By class the objects, by OID, for which something came since then."""
        self.tables: list[Table] = []
        self.scalars: list[Scalars] = []
        self.failures = 0
        self.ask_again = 0.0
        self.answered: float | None = None
        self.error = ""
        self.fault = Fault.OTHER
        self.address = ""
        """Where it was when it answered last."""
        self.looked_up = 0.0
        """When its name was looked up last."""
        self.problems: dict[str, str] = {}
        """By poll what it could not read."""

    def turn(self) -> None:
        """Its counters may have started anew, and its rows be called otherwise."""
        self.turns += 1
        self.answers.clear()
        for table in self.tables:
            table.forget_labels()

    def is_another(self) -> None:
        """It may be another device, or one that shows something else: what it is has to be found out anew."""
        self.memory, self.age = Memory(), None
        self.turn()

    def follow(self, plans: Sequence[Plan]) -> None:
        """These are its profiles now; what is known of a table goes on, also when its profile was edited."""
        if [scalars.plan for scalars in self.scalars] != plans:
            self.tables = list(_tables(plans, self.tables))
            self.scalars = list(_scalars(plans, self.scalars))


def _tables(plans: Iterable[Plan], before: Iterable[Table]) -> Iterable[Table]:
    known = {each.table.name: each for each in before}
    for plan in (table for each in plans for table in each.tables):
        old = known.pop(plan.table.name, None)
        if old is not None and old.table == plan.table:
            yield old
            continue
        fresh = Table(plan)
        if old is not None:
            fresh.take_over(old)
        yield fresh


def _scalars(plans: Iterable[Plan], before: Iterable[Scalars]) -> Iterable[Scalars]:
    known = {each.plan.name: each for each in before}
    for plan in plans:
        fresh = Scalars(plan)
        if (old := known.get(plan.name)) is not None:
            fresh.take_over(old)
        yield fresh
