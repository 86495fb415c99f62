"""``tocsin drill``: a marked test incident goes the whole way to the ITSM and back, for real."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from agent.cli._client import Agent, add_state, add_url, agent_for_change, path_part
from agent.cli._complete import completed, rule_names
from agent.cli._errors import FINDINGS, USAGE, CommandError
from agent.cli._output import Colour, add_format, clean, paint, print_json, span, wants_json
from agent.cli._progress import Progress

SUMMARY = "Open, note and resolve a marked test incident at the real ITSM, to see that the way is clear."
DETAILS = """\
The incident is made from a rule's labels and texts and says in its title that it is a test. It goes
through route, classification, outbox and adapter like any other.

examples:
  tocsin drill HostMemoryLow
  tocsin drill HostFilesystemSpaceLow --label mountpoint=/data
  tocsin drill HostMemoryLow --keep   leave it open, to look at it in the ITSM

exit status:
  0 opened, noted and resolved   1 a step failed or took too long   69 no agent answers   77 no token
"""
POLL_S = 0.5


def arguments(parser: argparse.ArgumentParser) -> None:
    completed(
        parser.add_argument("rule", metavar="RULE", help="name of an alert rule the agent has loaded"), rule_names
    )
    parser.add_argument(
        "--label", action="append", default=[], metavar="NAME=VALUE", help="a label of the test alert (may be repeated)"
    )
    parser.add_argument("--keep", action="store_true", help="leave the incident open")
    parser.add_argument(
        "--timeout", type=float, default=120.0, metavar="SECONDS", help="how long to wait for each step (default: 120)"
    )
    add_url(parser)
    add_state(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    labels = dict(_label(text) for text in args.label)
    agent = agent_for_change(args)
    drill = Drill(agent, args.timeout, time.monotonic, time.sleep, quiet=wants_json(args))
    drill.run(args.rule, labels, keep=args.keep)
    if wants_json(args):
        print_json({"incident": drill.incident, "tickets": drill.tickets, "steps": drill.steps})
    return 0


class Drill:
    """The steps, each waited for: open, note, resolve. ``monotonic`` in seconds."""

    def __init__(
        self,
        agent: Agent,
        timeout: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        *,
        quiet: bool = False,
    ) -> None:
        self.incident = ""
        self.tickets: list[dict[str, Any]] = []
        self.steps: list[dict[str, Any]] = []
        self._agent = agent
        self._timeout = timeout
        self._monotonic = monotonic
        self._sleep = sleep
        self._quiet = quiet
        self._start = monotonic()

    def run(self, rule: str, labels: dict[str, str], *, keep: bool) -> None:
        self.incident = self._agent.post("drill", {"rule": rule, "labels": labels})["incident"]
        self._say("started", f"incident {self.incident}")
        found = self._wait("the ticket", lambda rows: all(row.get("ref") for row in rows))
        self.tickets = [row["ref"] for row in found]
        for row in found:
            ref = row["ref"]
            self._say("opened", f"{row['backend']} {ref.get('number') or ref['id']} {ref.get('url', '')}".rstrip())
        self._agent.post("drill/note", {"incident": self.incident, "text": "This note was written by a drill."})
        self._wait("the note", _delivered)
        self._say("noted", "a work note is on the ticket")
        if keep:
            self._say("kept", "the incident stays open; resolve it in the ITSM")
            return
        self._agent.post("drill/resolve", {"incident": self.incident})
        self._wait("the resolve", _delivered)
        self._say("resolved", "the ticket is resolved")

    def _wait(self, what: str, done: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """The incident's outbox rows once ``done`` holds for them."""
        began = self._monotonic()
        with Progress(f"waiting for {what}", int(self._timeout)) as bar:
            shown = 0
            while True:
                rows: list[dict[str, Any]] = self._agent.get(f"incidents/{path_part(self.incident)}")["outbox"]
                refused = [row for row in rows if row["state"] == "rejected"]
                if refused:
                    raise CommandError(
                        f"{refused[0]['backend']} refused {what}: {clean(refused[0]['last_error'])}", FINDINGS
                    )
                if rows and done(rows):
                    return rows
                waited = self._monotonic() - began
                if waited >= self._timeout:
                    raise CommandError(f"{what} took longer than {self._timeout:g} s; {_why(rows)}", FINDINGS)
                while shown < int(waited):
                    bar.step()
                    shown += 1
                self._sleep(POLL_S)

    def _say(self, step: str, detail: str) -> None:
        elapsed = int((self._monotonic() - self._start) * 1000)
        self.steps.append({"step": step, "after_ms": elapsed, "detail": detail})
        if not self._quiet:
            print(f"{span(elapsed):>8}  {paint(f'{step:9}', Colour.GREEN)} {clean(detail)}", flush=True)


def _delivered(rows: list[dict[str, Any]]) -> bool:
    return all(row["state"] == "done" for row in rows)


def _why(rows: list[dict[str, Any]]) -> str:
    errors = [
        f"{row['backend']} is {row['state']}: {clean(row['last_error'])}" for row in rows if row.get("last_error")
    ]
    return errors[0] if errors else "see 'tocsin outbox' and 'tocsin status'"


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise CommandError(f"--label {clean(text)!r} is not NAME=VALUE", USAGE)
    return name, value
