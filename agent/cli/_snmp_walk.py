"""``tocsin snmp walk``: a device as a recording."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agent.cli._complete import completed, credential_names, device_names
from agent.cli._config import add_config, load_or_fail
from agent.cli._errors import FINDINGS, NO_OUTPUT, UNAVAILABLE, CommandError
from agent.cli._output import clean

SUMMARY = "Record everything that a device shows, or a part of it."
DETAILS = """\
HOST is the name of a target, which is asked as the configuration says, or an address with --credential.
The recording has the form of snmpsim (.snmprec), with a comment at its head that says when and of what it
is, and whether it is complete: it can be simulated with snmpsim and run through the agent with tocsin
replay --walk. --redact leaves out serial numbers, addresses, people, programs and what SNMP itself is
configured with; have a look at it all the same before you give it away.

examples:
  tocsin snmp walk sw1 --out sw1.snmprec
  tocsin snmp walk 10.0.0.1 1.3.6.1.2.1.2 1.3.6.1.2.1.31 --credential lab
  tocsin snmp walk sw1 --redact --out for-the-vendor.snmprec

exit status:
  0 complete   1 not complete (what came is written)   69 no answer   73 cannot write
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    completed(parser.add_argument("host", metavar="HOST", help="a target by its name, or an address"), device_names)
    parser.add_argument("roots", nargs="*", metavar="ROOT", help="OIDs below which everything is read (default: all)")
    completed(
        parser.add_argument("--credential", default="", metavar="NAME", help="one of collect.snmp.credentials"),
        credential_names,
    )
    parser.add_argument("--port", type=int, metavar="N", help="UDP port (default: the target's, else 161)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there, a new file (default: standard output)")
    parser.add_argument("--redact", action="store_true", help="leave out what names a machine, a person or a secret")
    add_config(parser)


def execute(args: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415 - not for help pages
    import time  # noqa: PLC0415

    from agent.build import credentials  # noqa: PLC0415
    from agent.cli._snmp import roots  # noqa: PLC0415
    from collectors.api import CannotAskError, record_device  # noqa: PLC0415

    wanted = roots(args.roots)
    config = load_or_fail(args.config).config
    if config is None:
        raise ValueError("load_or_fail returns a configuration")
    if args.out is not None and args.out.exists():
        raise CommandError(f"{args.out} is there already; remove it first", NO_OUTPUT)
    secrets = credentials(config)
    try:
        done = asyncio.run(
            record_device(
                config.collect.snmp.options, args.host, wanted, lambda name: secrets(name).reveal(), time.time(),
                credential=args.credential, port=args.port, redact=args.redact,
            )
        )  # fmt: skip
    except CannotAskError as error:
        raise CommandError(clean(error), UNAVAILABLE) from None
    if args.out is None:
        print(done.text, end="")
    else:
        try:
            with args.out.open("x", encoding="utf-8") as file:
                file.write(done.text)
        except OSError as error:
            raise CommandError(f"{args.out} cannot be written: {error.strerror}", NO_OUTPUT) from None
    left = f", {done.left_out} left out" if args.redact else ""
    print(
        f"{done.rows} values{left}; {f'not complete: {clean(done.why)}' if done.why else 'complete'}", file=sys.stderr
    )
    return FINDINGS if done.why else 0
