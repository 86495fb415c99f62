"""All profiles made ready, once for all devices; each when a device first needs it."""

from __future__ import annotations

import msgspec

from collectors.snmp.profile import Object, Profile, Syntax
from collectors.snmp.samples import ScalarsPlan, TablePlan
from collectors.snmp.select import Profiles


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

    def of(self, name: str) -> Plan:
        plan = self._made.get(name)
        if plan is None:
            plan = self._made[name] = _plan(name, self.profiles[name])
        return plan


def _plan(name: str, profile: Profile) -> Plan:
    counters = {each.oid: each for each in profile.scalars if each.type is Syntax.COUNTER}
    return Plan(name, ScalarsPlan(profile.scalars), counters, tuple(map(TablePlan, profile.tables)))
