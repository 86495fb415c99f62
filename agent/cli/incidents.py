"""``tocsin incidents``: the list, or one incident with its history."""

from __future__ import annotations

import argparse
import time
from typing import Any

from agent.cli._client import add_url, agent_for, path_part
from agent.cli._complete import completed, incident_names
from agent.cli._errors import USAGE, CommandError
from agent.cli._output import (
    add_format,
    clean,
    labels_text,
    moment,
    print_fields,
    print_json,
    print_table,
    span,
    wants_json,
)

SUMMARY = "List incidents, or show one with its members, tickets and history."
DETAILS = """\
examples:
  tocsin incidents                      those that are not resolved
  tocsin incidents --state all --limit 200
  tocsin incidents ID                   one, with everything known about it

exit status:
  0 fine   1 no such incident   69 no agent answers
"""
STATES = ("live", "gathering", "open", "no_data", "recovering", "resolved", "all")
MAX_LIMIT = 1000


def arguments(parser: argparse.ArgumentParser) -> None:
    completed(
        parser.add_argument("id", nargs="?", metavar="ID", help="id or ticket number of one incident"), incident_names
    )
    parser.add_argument(
        "--state", choices=STATES, default="live", help="which incidents (default: live, all but resolved)"
    )
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most this many (default: 50)")
    add_url(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    if not 1 <= args.limit <= MAX_LIMIT:
        raise CommandError(f"--limit {args.limit} is not between 1 and {MAX_LIMIT}", USAGE)
    agent = agent_for(args)
    if args.id is not None:
        found = agent.get(f"incidents/{path_part(args.id)}")
        if wants_json(args):
            print_json(found)
        else:
            print_incident(found)
        return 0
    incidents = agent.get("incidents", state=args.state, limit=args.limit)
    if wants_json(args):
        print_json(incidents)
    elif incidents:
        now = int(time.time() * 1000)
        rows = [
            (
                i["state"],
                f"P{i['priority']}",
                span(now - i["created_at"]),
                ticket_numbers(i),
                i["rule"],
                i["id"],
                i["title"],
            )
            for i in incidents
        ]
        print_table(("STATE", "PRIO", "AGE", "TICKET", "RULE", "ID", "TITLE"), rows, spare=("RULE", "ID"))
    else:
        print("no incidents" if args.state == "all" else f"no {args.state} incidents")
    return 0


def ticket_numbers(incident: dict[str, Any]) -> str:
    """Numbers of its tickets at all backends; a dash while there is none."""
    return ", ".join(t["number"] or t["id"] for t in incident.get("tickets", []) if t) or "-"


def print_incident(found: dict[str, Any]) -> None:
    """Everything about one incident: facts, members, outbox rows, history."""
    incident = found["incident"]
    facts = [
        ("incident", incident["id"]),
        ("title", incident.get("title") or "-"),
        ("state", incident["state"]),
        ("reason", incident["reason"]),
        ("priority", f"P{incident['priority']} (impact {incident['impact']}, urgency {incident['urgency']})"),
        ("ci", f"{incident['ci']['name']} ({incident['ci']['id']})"),
        ("episode", incident["episode"]),
        ("created", moment(incident["created_at"])),
        ("opened", moment(incident.get("opened_at"))),
        ("resolved", moment(incident.get("resolved_at"))),
    ]
    if incident.get("resolution"):
        facts.append(("resolution", incident["resolution"]))
    if incident.get("test"):
        facts.append(("test", "made by tocsin drill"))
    print_fields(facts)
    if incident["members"]:
        print("\nmembers")
        members = [
            (m["state"], m["reason"], moment(m["since"]), f"{float(m['value']):.6g}", labels_text(m["labels"]))
            for m in incident["members"]
        ]
        print_table(("STATE", "REASON", "SINCE", "VALUE", "LABELS"), members)
    if found.get("outbox"):
        print("\ntickets")
        print_outbox(found["outbox"], int(time.time() * 1000))
    if found.get("timeline"):
        print("\nhistory")
        entries = [(moment(e["at"]), e["kind"], e["reason"], _detail(e.get("detail", {}))) for e in found["timeline"]]
        print_table(("TIME", "WHAT", "WHY", "WITH"), entries)


def print_outbox(rows: list[dict[str, Any]], now: int) -> None:
    """A table of outbox rows. ``now`` is milliseconds since the epoch."""
    shown = []
    for row in rows:
        ref = row.get("ref") or {}
        shown.append(
            (row["state"], row["backend"], ref.get("number") or ref.get("id") or "-", row.get("attempts", 0),
             _due(row, now), row["incident"], row.get("last_error") or "-")
        )  # fmt: skip
    headers = ("STATE", "BACKEND", "TICKET", "TRIES", "NEXT TRY", "INCIDENT", "LAST ERROR")
    print_table(headers, shown, spare=("TRIES", "NEXT TRY"))


def _due(row: dict[str, Any], now: int) -> str:
    """When the agent does something about a row by itself; a dash when it waits for a person or for nothing."""
    if row["state"] in {"done", "rejected"} or row.get("due_at") is None:
        return "-"
    return f"in {span(row['due_at'] - now)}" if row["due_at"] > now else "now"


def _detail(detail: dict[str, str]) -> str:
    return ", ".join(f"{name}={clean(value)}" for name, value in detail.items())
