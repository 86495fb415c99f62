"""Commits without end for the power-cut test: what is printed was acknowledged by the store.

Usage: power_writer.py STATE_DIRECTORY full|normal|off. The last two weaken the store's setting, to show that the test
would notice.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agent.core import outbox
from agent.core.model import Ci, Incident, IncidentState
from agent.store import Change, Store
from integrations.api import Ticket, TicketState

KEYS = 40
BACKUP_EVERY = 60


def fault(number: int) -> Change:
    """The number-th episode there ever was: an incident, and its row in the outbox."""
    one = Incident(
        key=f"{number % KEYS}", episode=number // KEYS + 1, rule="R", ci=Ci("ci", "c"), grouping=(),
        backends=("desk",), state=IncidentState.OPEN, reason="fired", created_at=0, changed_at=0, members=(),
        severity="critical", impact=1, urgency=1, priority=1,
    )  # fmt: skip
    wanted = Ticket(
        correlation_id=f"toc-{one.key:0>32}", episode=one.episode, state=TicketState.OPEN, title=one.id,
        body="b" * (number % 7 * 500), impact=1, urgency=1, priority=1, opened_at=0, ci="c", ci_id="ci",
        environment="test",
    )  # fmt: skip
    row = outbox.wish(None, one.id, "desk", wanted, 0)
    return Change(incidents=[one], outbox=[row], meta={"count": str(number)})


async def main(directory: Path, synchronous: str) -> None:
    store = Store.open(directory, lambda: 0)
    if synchronous != "full":
        # Between transactions, where alone it takes effect.
        setting = f"PRAGMA synchronous = {synchronous.upper()}"
        store._thread.submit(lambda: store._connection and store._connection.execute(setting)).result()
    number = 0
    while True:
        await store.commit(fault(number))
        print(number, flush=True)
        number += 1
        if number % BACKUP_EVERY == 0:
            await store.back_up()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
