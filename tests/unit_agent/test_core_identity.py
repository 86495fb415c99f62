"""Who a fault is."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.identity import bounded, correlation_id, fault_key, grouping_labels, instance_ci

NAMES = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1, max_size=5)
VALUES = st.text(max_size=12) | st.sampled_from(['"', '","', "\\", "\n", "a" * 300, "a" * 299 + "b", "\ud800"])
LABELS = st.dictionaries(NAMES, VALUES, max_size=4)


@settings(max_examples=200)
@given(st.text(max_size=8), st.text(max_size=8), LABELS, st.randoms())
def test_the_key_does_not_depend_on_the_order_of_labels(rule, ci, labels, random):
    pairs = list(labels.items())
    random.shuffle(pairs)
    assert fault_key(rule, ci, pairs) == fault_key(rule, ci, labels.items())


@settings(max_examples=300)
@given(st.tuples(VALUES, VALUES, LABELS), st.tuples(VALUES, VALUES, LABELS))
def test_different_faults_have_different_keys(one, other):
    same = one == other
    keys = [fault_key(rule, ci, labels.items()) for rule, ci, labels in (one, other)]
    assert (keys[0] == keys[1]) is same


def test_a_value_that_looks_like_a_stand_in_is_not_taken_for_the_long_one():
    long = "x" * 1000
    assert bounded(long) != long
    assert bounded(bounded(long)) != bounded(long)


def test_keys_stay_short_whatever_labels_say():
    assert len(fault_key("r" * 10_000, "c" * 10_000, [("l", "v" * 100_000)])) < 1_000
    assert len(instance_ci("i" * 10_000).id) < 300


@settings(max_examples=100)
@given(VALUES, VALUES, VALUES)
def test_a_correlation_id_is_what_every_backend_can_store(environment, key, backend):
    found = correlation_id(environment, key, backend)
    assert re.fullmatch(r"toc-[0-9a-f]{32}", found)
    assert found == correlation_id(environment, key, backend)
    assert found != correlation_id(environment, key, backend + "x")
    assert found != correlation_id(environment + "x", key, backend)


def test_known_ids_never_change():
    """Tickets out there carry these; a change here would twin every one of them."""
    key = fault_key("DiskFull", "machine-1", [("mountpoint", "/"), ("device", "sda1")])
    assert key == '["DiskFull","machine-1",{"device":"sda1","mountpoint":"/"}]'
    assert correlation_id("prod", key, "desk") == "toc-e6aa26d228139bf8a797a2a648d4810f"


def test_severity_and_what_the_key_already_holds_never_group():
    labels = {"alertname": "A", "instance": "i", "severity": "critical", "mountpoint": "/", "empty": ""}
    assert grouping_labels(labels, ["..."]) == (("mountpoint", "/"),)
    assert grouping_labels(labels, ["alertname", "ci", "severity", "instance"]) == ()
    assert grouping_labels(labels, ["empty", "missing", "mountpoint"]) == (("mountpoint", "/"),)


def test_the_key_is_json_that_says_what_it_is():
    assert json.loads(fault_key("R", "c", [("a", "b")])) == ["R", "c", {"a": "b"}]
