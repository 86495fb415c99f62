"""The alert states of the last process, as the store kept them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

import msgspec

from agent import log
from agent.core.model import Labels
from rules.api import AlertRow

T = TypeVar("T")
_log = log.get("daemon")


def read_alert_rows(stored: Mapping[str, bytes]) -> tuple[list[AlertRow], list[str]]:
    """The rows, and the keys of those that are not understood.

    Rows have their texts and labels in memory once, however many have them: after a storm thousands do.
    """
    rows: list[AlertRow] = []
    foreign: list[str] = []
    shared: dict[object, object] = {}
    for key, body in stored.items():
        try:
            rows.append(_sharing(msgspec.json.decode(body, type=AlertRow), shared))
        except msgspec.DecodeError as error:  # of another version; a live incident has its members looked for
            _log.warning("alert_state_not_understood", key=key, error=str(error))
            foreign.append(key)
    return rows, foreign


def _sharing(row: AlertRow, shared: dict[object, object]) -> AlertRow:
    """The row with values that are in memory once; ``shared`` holds each by itself."""

    def once(value: T) -> T:
        return cast("T", shared.setdefault(value, value))

    def labels(values: Labels) -> Labels:
        return once(tuple(once(pair) for pair in values))

    return msgspec.structs.replace(
        row, file=once(row.file), group=once(row.group), rule=once(row.rule), rule_labels=labels(row.rule_labels),
        labels=labels(row.labels), element=labels(row.element), expr=once(row.expr),
    )  # fmt: skip
