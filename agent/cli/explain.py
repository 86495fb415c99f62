"""``tocsin explain``: why an incident is as it is, or how a rule proves a recovery."""

from __future__ import annotations

import argparse
from typing import Any

from agent.cli._client import add_url, agent_for
from agent.cli._complete import completed, incident_names, rule_names
from agent.cli._config import add_config, load_or_fail
from agent.cli._errors import FINDINGS, USAGE, CommandError
from agent.cli._output import add_format, clean, print_json, wants_json

SUMMARY = "Explain an incident, decision by decision, or how a rule proves that its fault is over."
DETAILS = """\
examples:
  tocsin explain ID                        an incident of the running agent, by id or ticket number
  tocsin explain --rule HostMemoryLow    a rule of the running agent
  tocsin explain --rule HostMemoryLow --config /etc/tocsin/tocsin.yaml
                                           the same without an agent

exit status:
  0 fine   1 no such incident or rule   69 no agent answers
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    completed(
        parser.add_argument("id", nargs="?", metavar="ID", help="id or ticket number of an incident"), incident_names
    )
    completed(parser.add_argument("--rule", metavar="NAME", help="name of a rule, in place of an incident"), rule_names)
    add_config(parser)
    add_url(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    if (args.id is None) == (args.rule is None):
        raise CommandError("name one incident, or one rule with --rule", USAGE)
    if args.rule is not None and args.config is not None:
        answer = _offline(args)
    else:
        answer = agent_for(args).get("explain", incident=args.id, rule=args.rule)
    if wants_json(args):
        print_json(answer)
    else:
        for line in answer["lines"]:
            print(clean(line).rstrip())
    return 0


def _offline(args: argparse.Namespace) -> dict[str, Any]:
    from agent.rule_view import explained, rules_named  # noqa: PLC0415 - for this command only
    from rules.api import did_you_mean  # noqa: PLC0415 - the same

    files = load_or_fail(args.config).rules
    found = rules_named(args.rule, files)
    if not found:
        hint = did_you_mean(args.rule, [rule.name for file in files for rule in file.alerts])
        raise CommandError(f"no alert rule is called {clean(args.rule)!r}" + (f"; {hint}" if hint else ""), FINDINGS)
    return dict(explained(found, files))
