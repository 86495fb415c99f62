"""Who a fault is: its key, its CI and its correlation id.

Identity is (rule name, CI id, grouping labels of the route). Severity, value and time are state and never part of it,
so a fault that gets worse, moves or comes back keeps its key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from agent.core.model import Ci, Labels
from agent.core.policy import SEVERITY_LABEL

INSTANCE = "instance"
ALERTNAME = "alertname"
CI = "ci"
ALL_LABELS = "..."

STAND_IN = "~sha256:"
LONGEST_PART = 256
"""Longer names and values of labels (they may be hostile) stand in the key by their beginning and their SHA-256."""


def fault_key(rule: str, ci_id: str, grouping: Iterable[tuple[str, str]]) -> str:
    """Canonical text of a fault: compact JSON ``[rule, ci, {label: value}]``, the same for every order of ``grouping``.

    Unambiguous, because JSON quotes every part. Used as a database key and hashed into ids; not meant for people.
    """
    labels = {bounded(name): bounded(value) for name, value in grouping}
    return json.dumps([bounded(rule), bounded(ci_id), labels], separators=(",", ":"), sort_keys=True)


def grouping_labels(labels: Mapping[str, str], group_by: Iterable[str]) -> Labels:
    """The labels of an alert that split its incidents, sorted.

    The rule name and the CI are in the key anyway, and ``instance`` is what the CI is found by (an address that may
    change). A label the alert does not have groups as if it were empty, as in Alertmanager, and is left out.
    """
    wanted = set(group_by)
    names = labels.keys() if ALL_LABELS in wanted else wanted
    return tuple(
        (name, labels[name])
        for name in sorted(names)
        if labels.get(name) and name not in (ALERTNAME, CI, INSTANCE, SEVERITY_LABEL)
    )


def correlation_id(environment: str, key: str, backend: str) -> str:
    """``toc-`` and 32 lower-case hex digits: the same for every episode of the fault in this backend."""
    text = json.dumps([environment, key, backend], separators=(",", ":"))
    return "toc-" + hashlib.sha256(text.encode()).hexdigest()[:32]


def instance_ci(instance: str) -> Ci:
    """The CI of an instance that no catalogue knows."""
    return Ci(id="instance:" + bounded(instance), name=instance)


def bounded(text: str) -> str:
    """``text``, or a short stand-in that is different for every different long text."""
    if len(text) <= LONGEST_PART and STAND_IN not in text:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{text[: LONGEST_PART - 80]}{STAND_IN}{digest}"
