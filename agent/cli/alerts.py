"""``tocsin alerts``: what fires now, is about to, or is held without data."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from agent.cli._client import add_url, agent_for
from agent.cli._output import add_format, labels_text, print_json, print_table, span, wants_json

SUMMARY = "List the alerts of the running agent: pending, firing, or held without data."
DETAILS = """\
examples:
  tocsin alerts
  tocsin alerts --state firing --format json

exit status:
  0 nothing to list   1 there are alerts   69 no agent answers
"""
STATES = ("pending", "firing", "no_data")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", choices=STATES, help="only alerts in this state")
    add_url(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    alerts = [a for a in agent_for(args).get("alerts") if args.state in (None, a["state"])]
    if wants_json(args):
        print_json(alerts)
    elif alerts:
        print_alerts(alerts, int(time.time() * 1000))
    else:
        print("no alerts")
    return 1 if alerts else 0


def print_alerts(alerts: list[dict[str, Any]], now: int) -> None:
    """A table of alerts, the longest standing first. ``now`` is milliseconds since the epoch."""
    rows = []
    for alert in sorted(alerts, key=lambda each: each["since"]):
        labels = alert["labels"] if isinstance(alert["labels"], Mapping) else dict(alert["labels"])
        row = (
            alert["state"],
            labels.get("severity", "-"),
            alert["rule"],
            span(now - alert["since"]),
            f"{float(alert['value']):.6g}",
            labels_text(labels, without=("alertname", "severity")),
        )
        rows.append(row)
    print_table(("STATE", "SEVERITY", "RULE", "FOR", "VALUE", "LABELS"), rows, spare=("VALUE", "SEVERITY"))
