"""All profiles made ready, once for all devices; each when a device first needs it."""

from __future__ import annotations

from collections.abc import Set

import msgspec

from collectors.snmp.profile import Object, Profile, Syntax
from collectors.snmp.samples import ScalarsPlan, TablePlan
from collectors.snmp.select import Profiles

_SETS = 1_000
"""Sets of objects that are held once, at the most."""


class Plan(msgspec.Struct, frozen=True):
    """One profile. ``counters``: its scalars that count, by OID."""

    name: str
    scalars: ScalarsPlan
    counters: dict[str, Object]
    tables: tuple[TablePlan, ...]


class Plans:
    def __init__(self, profiles: Profiles) -> None:
        self.profiles = profiles
        self._made: dict[str, Plan] = {}
        self._sets: dict[frozenset[str], frozenset[str]] = {}

    def of(self, name: str) -> Plan:
        plan = self._made.get(name)
        if plan is None:
            plan = self._made[name] = _plan(name, self.profiles[name])
        return plan

    def once(self, oids: Set[str]) -> frozenset[str]:
        """The same set as one object for all devices: there are many of them, and few such sets."""
        if len(self._sets) >= _SETS:
            self._sets.clear()
        same = frozenset(oids)
        return self._sets.setdefault(same, same)


def _plan(name: str, profile: Profile) -> Plan:
    counters = {each.oid: each for each in profile.scalars if each.type is Syntax.COUNTER}
    return Plan(name, ScalarsPlan(profile.scalars), counters, tuple(map(TablePlan, profile.tables)))
