"""Recorded devices: ``profile: auto`` finds what fits, and every object of every shipped profile is read rightly."""

from __future__ import annotations

import pytest
import snmp_devices

from collectors.snmp.load import shipped, shipped_names
from collectors.snmp.profile import Form, Profile


@pytest.mark.parametrize("name", snmp_devices.NAMES)
def test_what_a_device_says(name: str) -> None:
    assert snmp_devices.shown(name).splitlines() == snmp_devices.expected(name).splitlines()


@pytest.mark.parametrize("name", snmp_devices.NAMES)
def test_a_recording_is_what_snmpsim_reads(name: str) -> None:
    """One line for each object, in the order of the OIDs as numbers."""
    oids = [tuple(map(int, oid.split("."))) for oid, _ in snmp_devices.recorded(name)]
    assert oids == sorted(set(oids))


def chosen() -> dict[str, tuple[str, ...]]:
    return {name: snmp_devices.profiles(name) for name in snmp_devices.NAMES}


def test_every_profile_is_that_of_a_recorded_device() -> None:
    found = {profile for names in chosen().values() for profile in names}
    assert found == set(shipped_names())


@pytest.mark.parametrize(
    ("device", "vendor"),
    [
        ("apc-ups", "apc"),
        ("arista-switch", "arista"),
        ("aruba-cx", "aruba-cx"),
        ("cisco-nexus", "cisco-nxos"),
        ("cisco-stack", "cisco-ios"),
        ("dell-idrac", "dell-idrac"),
        ("dell-switch", "dell-network"),
        ("fortigate", "fortinet"),
        ("h3c-switch", "h3c"),
        ("hp-procurve", "hp-procurve"),
        ("huawei-ce", "huawei"),
        ("juniper-router", "juniper"),
        ("mikrotik-router", "mikrotik"),
        ("paloalto", "paloalto"),
    ],
)
def test_a_vendor_gets_its_own_profile_and_no_other_vendors(device: str, vendor: str) -> None:
    vendors = {name for name in shipped_names() if shipped(name).match.sys_object_id}
    assert {name for name in chosen()[device] if name in vendors} - {"cisco"} == {vendor}


def published(profile: Profile) -> set[str]:
    """The metrics of a profile by the names that they have."""
    objects = [*profile.scalars, *(column for table in profile.tables for column in table.columns)]
    return {f"{each.name}_info" if each.as_ is Form.INFO else each.name for each in objects}


def test_every_object_is_in_a_recording() -> None:
    """An object that no recording has could be wrong in any way without a test that fails."""
    seen = {each.name for device in snmp_devices.NAMES for each in snmp_devices.samples(device)}
    assert {each for name in shipped_names() for each in published(shipped(name))} - seen == set()
