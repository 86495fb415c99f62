"""``tocsin snmp discover``: which devices there are in some networks."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli._complete import completed, credential_names
from agent.cli._config import add_config, load_or_fail
from agent.cli._errors import FINDINGS, NO_OUTPUT, UNAVAILABLE, USAGE, CommandError
from agent.cli._output import clean, print_json, print_table, span
from agent.cli._progress import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from collectors.api import DiscoveredDevice

SUMMARY = "Find the devices in some networks, and their neighbours."
DETAILS = """\
Every address of an IPv4 network is asked, with the credentials that are named (or the only one there is),
never with any other, and no faster than --rate. Nothing is changed, neither here nor there. Those of an IPv6
network are too many: asked are the addresses in it that a device found has told of, and configured targets;
name an IPv4 network of such devices with it. More than 4,096 addresses need --yes.

Of each device: address, name, profiles, interfaces, 64-bit counters, version, engine id; and its neighbours
by LLDP and CDP. An agent that takes none of the credentials is listed too. --format yaml prints entries for
collect.snmp.targets, and who is behind whom as seen from --root (a comment: this version does not read it).

examples:
  tocsin snmp discover 10.0.0.0/24 --credential lab
  tocsin snmp discover 10.0.0.0/24 10.0.1.0/24 --rate 20 --format yaml --root core1
  tocsin snmp discover 10.0.0.0/16 --yes --write targets.yaml

exit status:
  0 there are devices   1 there are none   2 wrong usage   69 nobody says as whom to ask   73 cannot write
"""
RATE = 100.0
WITHOUT_YES = 4_096
MOST = 1 << 20


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="+", metavar="CIDR", help="a network (10.0.0.0/24), or an address")
    helped = "one of collect.snmp.credentials; may be repeated"
    completed(
        parser.add_argument("--credential", action="append", default=[], metavar="NAME", help=helped), credential_names
    )
    parser.add_argument(
        "--rate", type=float, default=RATE, metavar="N", help=f"packets a second at the most (default: {RATE:g})"
    )
    parser.add_argument("--port", type=int, default=161, metavar="N", help="UDP port of the agents (default: 161)")
    parser.add_argument("--root", default="", metavar="NAME", help="the device nearest to here, for who is behind whom")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the entries there, a new file, as YAML")
    parser.add_argument("--yes", action="store_true", help=f"also more than {WITHOUT_YES} addresses")
    parser.add_argument(
        "--format", choices=("text", "json", "yaml"), default="text", help="what to print (default: text)"
    )
    add_config(parser)


def execute(args: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415 - not for help pages

    from agent.build import credentials  # noqa: PLC0415
    from collectors.api import CannotAskError, discovered_as_yaml, plan_discovery  # noqa: PLC0415

    if not 0.1 <= args.rate <= 10_000 or not 1 <= args.port <= 65_535:
        raise CommandError("--rate is from 0.1 to 10000 packets a second, --port from 1 to 65535", USAGE)
    config = load_or_fail(args.config).config
    if config is None:
        raise ValueError("load_or_fail returns a configuration")
    if args.write is not None and args.write.exists():
        raise CommandError(f"{args.write} is there already; remove it first", NO_OUTPUT)
    secrets = credentials(config)
    try:
        plan, search = plan_discovery(config.collect.snmp.options, args.networks, args.credential, args.rate, args.port)
        _check_size(plan.addresses, len(plan.names), args.rate, yes=args.yes)
        with Progress("asking", plan.addresses) as bar:
            found = asyncio.run(_collected(search(lambda name: secrets(name).reveal(), bar.step)))
    except CannotAskError as error:
        raise CommandError(clean(error), UNAVAILABLE) from None
    entries = discovered_as_yaml(found, args.root, args.port)
    if args.write is not None:
        try:
            with args.write.open("x", encoding="utf-8") as file:
                file.write(entries)
        except OSError as error:
            raise CommandError(f"{args.write} cannot be written: {error.strerror}", NO_OUTPUT) from None
    if args.format == "json":
        print_json(_plain(found, args.root))
    elif args.format == "yaml":
        print(entries, end="")
    else:
        _print(found)
    devices = sum(bool(each.credential) for each in found)
    print(f"{plan.addresses} addresses asked, {devices} devices", file=sys.stderr)
    return 0 if devices else FINDINGS


def _check_size(addresses: int, names: int, rate: float, *, yes: bool) -> None:
    takes = span(addresses * (names * 2 + 1) / rate * 1000)
    if addresses > MOST:
        raise CommandError(f"{addresses} addresses are too many for one search; at most {MOST}", USAGE)
    if addresses > WITHOUT_YES and not yes:
        raise CommandError(f"{addresses} addresses take {takes} or more at {rate:g} packets a second; say --yes", USAGE)


async def _collected(found: AsyncIterator[DiscoveredDevice]) -> list[DiscoveredDevice]:
    devices = [each async for each in found]

    def place(each: DiscoveredDevice) -> tuple[int, int]:
        address = ipaddress.ip_address(each.address.partition("%")[0])
        return address.version, int(address)

    return sorted(devices, key=place)


def _print(found: Sequence[DiscoveredDevice]) -> None:
    devices = [each for each in found if each.credential]
    if devices:
        headers = ("ADDRESS", "NAME", "SNMP", "CREDENTIAL", "PORTS", "64BIT", "TARGET", "ENGINE", "PROFILES")
        print_table(headers, [_row(each) for each in devices], spare=("ENGINE", "CREDENTIAL", "TARGET"))
    lines = [
        (each.name or each.address, line.local_port, line.name or line.chassis, line.port, line.protocol,
         ", ".join(line.addresses))
        for each in devices
        for line in each.neighbours
    ]  # fmt: skip
    if lines:
        print()
        print_table(("DEVICE", "PORT", "NEIGHBOUR", "ITS PORT", "BY", "ADDRESSES"), lines, spare=("BY",))
    problems = [each for each in found if each.problem]
    if problems:
        print()
        for each in problems:
            print(
                f"{each.address}: {clean(each.problem)}" + (f" (engine id {each.engine_id})" if each.engine_id else "")
            )


def _row(each: DiscoveredDevice) -> tuple[object, ...]:
    return (
        each.address,
        each.name,
        each.version,
        each.credential,
        each.interfaces,
        each.wide,
        each.configured,
        each.engine_id,
        ", ".join(each.profiles),
    )


def _plain(found: Sequence[DiscoveredDevice], root: str) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - not for help pages

    from collectors.api import discovered_dependencies  # noqa: PLC0415

    return {
        "devices": msgspec.to_builtins(list(found)),
        "dependencies": msgspec.to_builtins(list(discovered_dependencies(found, root))),
    }
