"""``tocsin status``: how the running agent is."""

from __future__ import annotations

import argparse
from typing import Any

from agent.cli._client import add_url, agent_for
from agent.cli._output import add_format, print_fields, print_json, print_table, wants_json

SUMMARY = "Show how the running agent is: version, configuration, collectors, rules, integrations, store."
DETAILS = """\
examples:
  tocsin status
  tocsin status --format json
  tocsin status --url http://127.0.0.1:9787

exit status:
  0 all is well   1 something in it is not   69 no agent answers
"""


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
    """Plain values first, as fields; then each list of objects as a table, each object as fields of its own."""
    print_fields([(name, value) for name, value in status.items() if not isinstance(value, dict | list)])
    for name, value in status.items():
        if isinstance(value, dict) and value:
            print(f"\n{name}")
            print_fields([(f"  {key}", item) for key, item in value.items()])
        elif isinstance(value, list) and value:
            print(f"\n{name}")
            if all(isinstance(item, dict) for item in value):
                headers = list(value[0])
                print_table(
                    [header.upper() for header in headers], [[row.get(h, "") for h in headers] for row in value]
                )
            else:
                for item in value:
                    print(f"  {item}")
