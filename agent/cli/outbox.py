"""``tocsin outbox``: what is still to be told to the ITSM, and what it refused."""

from __future__ import annotations

import argparse
import time

from agent.cli._client import add_state, add_url, agent_for, agent_for_change, path_part
from agent.cli._complete import completed, incident_names
from agent.cli._errors import USAGE, CommandError
from agent.cli._output import add_format, print_fields, print_json, wants_json
from agent.cli.incidents import print_outbox

SUMMARY = "Look at what is on its way to the ITSM, and send again what was refused."
DETAILS = """\
A row is pending (to be sent), sending, in_doubt (sent, no answer: it is searched for before anything
is made again), rejected (refused; it waits for a change or for 'retry'), or done.

examples:
  tocsin outbox                         what is not done
  tocsin outbox show INCIDENT           the rows of one incident
  tocsin outbox retry                   everything that was refused
  tocsin outbox retry INCIDENT          the rows of one incident

exit status:
  0 nothing is stuck   1 something is rejected or in doubt   69 no agent answers   77 no token
"""
ACTIONS = ("list", "show", "retry")
_STUCK = {"rejected", "in_doubt"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list", help="what to do (default: list)")
    completed(
        parser.add_argument("incident", nargs="?", metavar="INCIDENT", help="id of an incident (show, retry)"),
        incident_names,
    )
    add_url(parser)
    add_state(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    if args.action == "retry":
        return _retry(args)
    if args.action == "show":
        if args.incident is None:
            raise CommandError("show needs the id of an incident; 'tocsin outbox' lists them", USAGE)
        rows = agent_for(args).get(f"incidents/{path_part(args.incident)}")["outbox"]
    elif args.incident is not None:
        raise CommandError(f"list takes no incident; did you mean 'tocsin outbox show {args.incident}'?", USAGE)
    else:
        rows = [row for row in agent_for(args).get("outbox") if row["state"] != "done"]
    if wants_json(args):
        print_json(rows)
    elif rows:
        print_outbox(rows, int(time.time() * 1000))
    else:
        print("the outbox is empty: everything has been delivered")
    return 1 if any(row["state"] in _STUCK for row in rows) else 0


def _retry(args: argparse.Namespace) -> int:
    body = {} if args.incident is None else {"incident": args.incident}
    answer = agent_for_change(args).post("outbox/retry", body)
    if wants_json(args):
        print_json(answer)
    else:
        print_fields(list(answer.items()))
    return 0
