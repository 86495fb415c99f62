"""What the agent remembers across a restart: incidents, outbox, alert states and their history, in one SQLite file."""

from agent.store.codec import BadRow
from agent.store.errors import StateBusy, StateRefused, StoreCorrupt, StoreError, StoreUnavailable
from agent.store.store import Store
from agent.store.values import (
    Change,
    Found,
    IncidentQuery,
    Listener,
    Loaded,
    OpenReport,
    Outcome,
    Quarantined,
    Room,
    StoreStats,
)

__all__ = [
    "BadRow",
    "Change",
    "Found",
    "IncidentQuery",
    "Listener",
    "Loaded",
    "OpenReport",
    "Outcome",
    "Quarantined",
    "Room",
    "StateBusy",
    "StateRefused",
    "Store",
    "StoreCorrupt",
    "StoreError",
    "StoreStats",
    "StoreUnavailable",
]
