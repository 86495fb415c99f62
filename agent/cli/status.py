"""``tocsin status``: how the running agent is."""

from __future__ import annotations

import argparse
from typing import Any

from agent.cli._client import add_url, agent_for
from agent.cli._output import Colour, add_format, clean, paint, print_fields, print_json, print_table, wants_json

SUMMARY = "Show how the running agent is: version, configuration, collectors, rules, integrations, store."
DETAILS = """\
examples:
  tocsin status
  tocsin status --format json
  tocsin status --url http://127.0.0.1:9787

exit status:
  0 all is well   1 something in it is not   69 no agent answers
"""


LONG = 20
"""Lines of one table that a screen should hold."""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_url(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    status = agent_for(args).get("status")
    if wants_json(args):
        print_json(status)
    else:
        _print(status)
    return 0 if status.get("healthy", True) else 1


def _print(status: dict[str, Any]) -> None:
    """What is wrong first; then plain values as fields, each list of objects as a table, each object as fields."""
    for problem in status.get("problems", []):
        print(f"{paint('!', Colour.RED)} {clean(problem)}")
    if status.get("problems"):
        print()
    plain = {name: value for name, value in status.items() if not isinstance(value, dict | list)}
    if absent := status.get("collectors_absent"):
        plain["collectors_absent"] = ", ".join(absent) + " (this machine has nothing for them to read)"
    print_fields(
        [(_words(name), value[:12] if name == "configuration_hash" else value) for name, value in plain.items()]
    )
    for name, value in status.items():
        if isinstance(value, dict) and value:
            print(f"\n{paint(_words(name), Colour.BOLD)}")
            print_fields([(f"  {_words(key)}", item) for key, item in value.items()])
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            print(f"\n{paint(_words(name), Colour.BOLD)}")
            headers = list(value[0])
            # Of a long table those with something to say are shown first; the sort keeps the order otherwise.
            shown = value if len(value) <= LONG else sorted(value, key=lambda row: not row.get("notes"))[:LONG]
            print_table([_words(h).upper() for h in headers], [[row.get(h, "") for h in headers] for row in shown])
            if len(value) > LONG:
                print(f"and {len(value) - LONG} more; all are in: tocsin status --format json")


def _words(name: str) -> str:
    return name.replace("_", " ")
