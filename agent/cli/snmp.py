"""``tocsin snmp``: what is done with network devices by hand. One file per action, as one per command."""

from __future__ import annotations

import argparse
from importlib import import_module
from types import ModuleType

SUMMARY = "Find network devices, record them, and import profiles for them."
DETAILS = """\
examples:
  tocsin snmp discover 10.0.0.0/24 --format yaml       the devices of a network, as targets
  tocsin snmp walk sw1 --out sw1.snmprec               all that a device shows, as a recording
  tocsin snmp import generator.yml --module if_mib     a profile from snmp_exporter's generator
  tocsin snmp import --help                            what is in the way, and where MIBs are looked for
"""
ACTIONS = ("discover", "walk", "import")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    for name in ACTIONS:
        module = _action(name)
        action = actions.add_parser(
            name,
            help=module.SUMMARY,
            description=module.SUMMARY,
            epilog=module.DETAILS,
            formatter_class=parser.formatter_class,
        )
        module.arguments(action)


def execute(args: argparse.Namespace) -> int:
    status: int = _action(args.action).execute(args)
    return status


def _action(name: str) -> ModuleType:
    return import_module(f"agent.cli._snmp_{name}")
