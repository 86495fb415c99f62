"""What a notification says: the name of what happened, and labels for the part of the device it happened to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from collectors._model import Labels
from collectors.snmp.indexes import BadIndexError, parts
from collectors.snmp.port import Value
from collectors.snmp.profile import Instance, Lookup, Trap
from collectors.snmp.syntaxes import text
from collectors.snmp.traps.notification import Notification


class Event(msgspec.Struct, frozen=True):
    """``trap`` is a name, or the OID of one that no profile knows. ``labels`` are sorted and hold no empty value."""

    trap: str
    labels: Labels = ()
    clears: bool = False


class Meanings:
    """The notifications that are known by OID; of two with the same OID the first counts."""

    def __init__(self, traps: Iterable[Trap]) -> None:
        self._traps: dict[str, Trap] = {}
        for trap in traps:
            self._traps.setdefault(trap.oid, trap)

    def read(self, notification: Notification) -> Event:
        """The event of a notification; every one has one."""
        trap = self._find(notification.trap)
        if trap is None:
            return Event(notification.trap)
        variables = dict(notification.variables)
        found: dict[str, str] = {}
        for lookup in trap.labels:
            found[lookup.label] = _label(lookup, variables)
        if trap.instance is not None:
            found.update(_instance(trap.instance, variables))
        return Event(trap.name, tuple(sorted((name, held) for name, held in found.items() if held)), trap.clears)

    def _find(self, oid: str) -> Trap | None:
        """By the OID, or by the one before RFC 3584 put a zero in: MIBs that predate it have none there."""
        found = self._traps.get(oid)
        if found is None:
            head, _, last = oid.rpartition(".")
            if head.endswith(".0"):
                return self._traps.get(f"{head[:-2]}.{last}")
        return found


def _label(lookup: Lookup, variables: Mapping[str, Value]) -> str:
    """The value of the first variable that is of this column, whatever its index."""
    for oid, held in variables.items():
        if oid == lookup.oid or oid.startswith(f"{lookup.oid}."):
            shown = lookup.enum.get(held) if isinstance(held, int) else None
            return shown or text(held, lookup.type)
    return ""


def _instance(instance: Instance, variables: Mapping[str, Value]) -> dict[str, str]:
    for oid in variables:
        if oid.startswith(f"{instance.oid}."):
            try:
                read = parts(oid[len(instance.oid) + 1 :], instance.indexes)
            except BadIndexError:
                return {}
            return {
                index.label: shown for index, (shown, _) in zip(instance.indexes, read, strict=True) if not index.drop
            }
    return {}
