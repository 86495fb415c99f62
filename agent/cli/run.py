"""``tocsin run``: the daemon."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from agent.cli._config import add_config, add_profile, config_path
from agent.cli._errors import CommandError
from agent.packages import other_owner

SUMMARY = "Run the agent: collect, evaluate, open and resolve incidents, until it is told to stop."
DETAILS = """\
Without a configuration file the agent runs with embedded defaults: this machine's metrics, the host
rule pack, and the embedded desk at http://127.0.0.1:9787/.

signals:
  HUP         read the configuration again; a wrong one is refused and the old one stays
  TERM, INT   stop in order: finish what is being sent, write down what is known

examples:
  tocsin run
  tocsin run --config /etc/tocsin/tocsin.yaml
  tocsin run --state ./state       keep the state here, as an ordinary user
  tocsin run --profile device      on a switch or a router: fewer collectors, twice a minute, smaller bounds

exit status:
  0 stopped in order   1 a part of the agent died   66 no such file   69 the address cannot be listened on
  74 the disk fails   75 another agent uses the state directory
  78 the configuration is wrong, and there is no last good one; or the state directory cannot be used
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_profile(parser)
    parser.add_argument("--state", type=Path, metavar="DIR", help="state directory (default: from the configuration)")


def execute(args: argparse.Namespace) -> int:
    path = config_path(args.config)
    if (owner := other_owner()) is not None:
        raise CommandError(owner, os.EX_CONFIG)
    from agent.app import run  # noqa: PLC0415 - the daemon and all it needs

    return run(path, args.state, args.profile)
