"""``tocsin idle``: what the host was used for, day by day."""

from __future__ import annotations

import argparse
from typing import Any

from agent.cli._client import add_url, agent_for
from agent.cli._output import add_format, print_json, print_table, wants_json

SUMMARY = "Show what this host was used for, day by day: whether it is needed at all."
DETAILS = """\
A line for each day of UTC, of the last 90: how much of it was seen, processor time on average and in the
busiest minute, traffic with the network, logins, the most users at a time, TCP connections that came in, the
most open at a time. A dash stands for what was not measured. An orderly stop keeps the day so far.

examples:
  tocsin idle
  tocsin idle --format json

exit status:
  0 fine   1 nothing was seen yet   69 no agent answers
"""
_HEADS = ("DAY", "SEEN", "CPU", "CPU MAX", "RECEIVED", "SENT", "LOGINS", "USERS", "CONNECTIONS", "AT A TIME")
_UNITS = ("B", "kB", "MB", "GB", "TB")


def arguments(parser: argparse.ArgumentParser) -> None:
    add_url(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    answer = agent_for(args).get("idle")
    if wants_json(args):
        print_json(answer)
    elif answer["days"]:
        print_table(_HEADS, [_row(day) for day in answer["days"]])
    else:
        print("nothing was seen yet: the first minutes of a day make its line")
    return 0 if answer["days"] else 1


def _row(day: dict[str, Any]) -> tuple[str, ...]:
    return (
        day["day"], _share(day["observed"] / 86400), _share(day["cpu"]), _share(day["cpu_max"]),
        _bytes(day["received_bytes"]), _bytes(day["sent_bytes"]), _count(day["logins"]), _count(day["users_max"]),
        _count(day["connections"]), _count(day["connections_max"]),
    )  # fmt: skip


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _bytes(value: float | None) -> str:
    if value is None:
        return "-"
    for unit in _UNITS[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_UNITS[-1]}"
