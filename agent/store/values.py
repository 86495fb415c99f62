"""What goes into the store in one transaction, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import msgspec

from agent.core.model import Incident, IncidentState, TimelineEntry
from agent.core.outbox import OutboxRow


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction: all of it or nothing. An empty change, or one that says what is stored already, writes nothing.

    ``alert_upserts`` are the rule engine's snapshot rows, opaque blobs by key; ``meta`` are small named texts of the
    agent. An outbox row only replaces one with a lower revision, and needs its incident in the store or in this change.
    """

    incidents: Sequence[Incident] = ()
    outbox: Sequence[OutboxRow] = ()
    alert_upserts: Mapping[str, bytes] = field(default_factory=dict)
    alert_deletes: Sequence[str] = ()
    timeline: Sequence[TimelineEntry] = ()
    meta: Mapping[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not (
            self.incidents or self.outbox or self.alert_upserts or self.alert_deletes or self.timeline or self.meta
        )


class Outcome(Enum):
    """What became of a commit. REFUSED: nothing of the change is stored."""

    STORED = "stored"
    REFUSED = "refused"


Listener = Callable[[Change, Outcome], None]


class Quarantined(msgspec.Struct, frozen=True):
    """A stored row that did not verify; its bytes are kept in the table ``quarantine``."""

    table: str
    key: str
    reason: str


class Loaded(msgspec.Struct, frozen=True):
    """What a starting agent takes up.

    ``incidents`` are those not resolved. ``resolved`` is, for each key without a live incident, the newest resolved one
    (for reopen-or-new). ``episodes`` is the highest episode number of every key ever used, also of pruned incidents.
    ``outbox`` has every row not finished, and every row of an incident in ``resolved`` or resolved in the last hour.
    ``quarantined`` are rows found bad while loading; for an ``outbox`` one (key ``incident backend``) render the
    incident's ticket again: nothing is sent twice, since delivery looks first.
    """

    incidents: tuple[Incident, ...]
    resolved: tuple[Incident, ...]
    episodes: Mapping[str, int]
    outbox: tuple[OutboxRow, ...]
    alerts: Mapping[str, bytes]
    meta: Mapping[str, str]
    quarantined: tuple[Quarantined, ...]


class Found(Enum):
    """What stood in the state directory at the start."""

    NEW = "new"
    GOOD = "good"
    CORRUPT = "corrupt"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"


class OpenReport(msgspec.Struct, frozen=True):
    """How the store was opened, to be said aloud unless it is plain.

    ``quarantined_to`` names where a bad file was moved; ``restored_from`` the backup that took its place, empty when
    the store began anew; ``migrated_from`` the schema version before a migration, 0 when there was none.
    """

    found: Found
    detail: str = ""
    quarantined_to: str = ""
    restored_from: str = ""
    migrated_from: int = 0

    @property
    def rebuilt(self) -> bool:
        """True when the state is older than the agent's last: adopt open tickets and take live values as they are."""
        return self.found not in (Found.NEW, Found.GOOD)


class StoreStats(msgspec.Struct):
    """Counters since the start."""

    commits: int = 0
    failed: int = 0
    read_back: int = 0
    reserve_released: int = 0
    quarantined_rows: int = 0
    failed_in_a_row: int = 0


class IncidentQuery(msgspec.Struct, frozen=True):
    """Which incidents to list, newest change first."""

    states: tuple[IncidentState, ...] = tuple(IncidentState)
    key: str | None = None
    changed_before: int | None = None
    limit: int = 100


class Room(msgspec.Struct, frozen=True):
    """What is left of the file system that holds the state; bytes. ``reserved``: the reserve file is whole."""

    free: int
    size: int
    reserved: bool
