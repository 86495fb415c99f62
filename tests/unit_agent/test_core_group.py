"""Alerts to buckets."""

from __future__ import annotations

import random
import time

import msgspec
from core_kit import OWN, World, alert, context, no_data

from agent.core.group import drill, group
from agent.core.policy import Catalogue, Policy, Receiver, Route

TWO = (Receiver(name="desk", integration="desk"), Receiver(name="rt", integration="rt-prod"))


def policy(route: dict, receivers=TWO, **more) -> Policy:
    return Policy(route=msgspec.convert({"receiver": "desk", **route}, Route), receivers=receivers, **more)


def buckets(ctx, *alerts, live=None):
    return group(alerts, ctx.tree, ctx.classifier, live or {})


def test_by_default_one_rule_on_one_ci_is_one_fault():
    found = buckets(
        context(), alert(mountpoint="/"), alert(mountpoint="/home", severity="critical"), alert(rule="CpuHot")
    )
    assert {(b.rule, b.ci, len(b.alerts)) for b in found.values()} == {("DiskFull", OWN, 2), ("CpuHot", OWN, 1)}


def test_grouping_labels_split_and_severity_does_not():
    ctx = context(policy({"group_by": ["..."]}))
    found = buckets(ctx, alert(mountpoint="/"), alert(mountpoint="/", severity="critical"), alert(mountpoint="/home"))
    assert sorted(len(b.alerts) for b in found.values()) == [1, 2]


def test_two_routes_to_the_same_fault_make_one_incident_in_two_backends():
    ctx = context(policy({"routes": [{"continue": True, "receiver": "desk"}, {"receiver": "rt", "group_wait": 0}]}))
    (bucket,) = buckets(ctx, alert()).values()
    assert bucket.backends == ("desk", "rt-prod")
    assert bucket.group_wait == 0
    assert len(bucket.alerts) == 1


def test_the_order_of_alerts_changes_nothing():
    ctx = context(policy({"group_by": ["mountpoint"]}))
    alerts = [
        alert(mountpoint=f"/{n % 3}", device=f"d{n}", severity="critical" if n % 2 else "warning") for n in range(12)
    ]
    expected = buckets(ctx, *alerts)
    for seed in range(10):
        random.Random(seed).shuffle(alerts)
        assert buckets(ctx, *alerts) == expected


def test_an_alert_stays_with_its_open_incident_when_routes_change():
    world = World(context())
    incident = world.opened(alert(mountpoint="/"))
    split = context(policy({"group_by": ["mountpoint"]}))
    found = buckets(split, no_data(mountpoint="/"), alert(mountpoint="/new"), live={incident.key: incident})
    assert [len(found[incident.key].alerts), len(found)] == [1, 2]


def test_an_alert_stays_where_it_is_a_member_when_both_faults_are_open():
    both = World(context())
    old = both.opened(alert(mountpoint="/"))
    split = context(policy({"group_by": ["device"]}))
    new = World(split).opened(alert(mountpoint="/", device="sda"))
    live = {old.key: old, new.key: new}
    plain = context(policy({"group_by": ["mountpoint", "device"]}))
    assert list(buckets(plain, alert(mountpoint="/"), live=live)) == [old.key]
    moved = msgspec.structs.replace(new, members=old.members)
    assert list(buckets(context(), alert(mountpoint="/"), live={new.key: moved, old.key: old})) == [old.key]


def test_a_new_backend_gets_its_own_incident_and_no_twin_in_the_old_one():
    world = World(context())
    incident = world.opened(alert(mountpoint="/"))
    both = policy(
        {
            "group_by": ["mountpoint"],
            "routes": [{"receiver": "desk", "continue": True}, {"receiver": "rt", "group_by": ["..."]}],
        }
    )
    found = buckets(context(both), alert(mountpoint="/"), live={incident.key: incident})
    assert found[incident.key].backends == ("desk",)
    (other,) = (bucket for key, bucket in found.items() if key != incident.key)
    assert other.backends == ("rt-prod",)


def test_an_incident_whose_backend_no_route_leads_to_still_hears_of_its_members():
    world = World(context())
    incident = world.opened(alert(mountpoint="/"))
    elsewhere = context(policy({"receiver": "rt", "group_by": ["mountpoint"]}))
    found = buckets(elsewhere, no_data(mountpoint="/"), live={incident.key: incident})
    home = found[incident.key]
    assert [each.state.value for each in home.alerts] == ["no_data"]
    assert (home.backends, home.group_interval) == (incident.backends, incident.group_interval)
    assert [bucket.backends for key, bucket in found.items() if key != incident.key] == [("rt-prod",)]


def test_an_alert_stays_with_its_open_incident_when_the_catalogue_changes():
    world = World(context())
    incident = world.opened(alert())
    renamed = msgspec.convert({"cis": [{"id": "CI-7", "matchers": ["instance=~web-1.*"]}]}, Catalogue)
    ctx = context(Policy(catalogue=renamed))
    assert list(buckets(ctx, alert(), live={incident.key: incident})) == [incident.key]
    assert list(buckets(ctx, alert())) != [incident.key]


def test_a_drill_never_meets_the_real_fault():
    world = World(context())
    (real,) = buckets(world.ctx, alert()).values()
    exercise = drill(real)
    assert exercise.test
    assert exercise.key != real.key


def test_a_storm_is_grouped_in_time_that_grows_with_the_alerts_and_not_with_their_square():
    ctx = context(policy({"routes": [{"continue": True, "receiver": "desk"}, {"receiver": "rt"}]}))
    storm = [alert(mountpoint=f"/{n}") for n in range(5_000)]
    begin = time.process_time()
    (bucket,) = buckets(ctx, *storm).values()
    assert time.process_time() - begin < 3
    assert len(bucket.alerts) == 5_000
