"""``tocsin doctor``: tries what the agent depends on, and says what is wrong and how to mend it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from agent.cli._complete import completed, doctor_names
from agent.cli._config import add_config, load_or_fail
from agent.cli._errors import FINDINGS, USAGE, CommandError
from agent.cli._output import add_format, clean, paint, print_json, state_colour, wants_json
from agent.cli._progress import Progress

if TYPE_CHECKING:
    from agent.doctor import Case, Finding

SUMMARY = "Try what the agent depends on, and say what is wrong and how to mend it."
DETAILS = """\
Network devices are asked one by one: no way there, nobody who listens, wrong community, unknown user, wrong
key, another protocol, the other dialect of AES, a view that is too small, an access list, an agent that is
too slow, no 64-bit counters, a clock that is off. To find out, a device is asked with its own credential
alone, also with other protocols and levels of it. Probes are measured once. Then the state directory, the
clock, the limit on open files, and the collectors that the configuration mentions. Nothing is changed.

NAME is a check (snmp, probes, collectors, state, clock, files), or a device or probe by its name. Run it as
the agent's user, from the machine it runs on: an access list may know no other.

examples:
  tocsin doctor
  tocsin doctor sw1 sw2
  tocsin doctor snmp --format json
  sudo CREDENTIALS_DIRECTORY=/etc/tocsin/credentials tocsin doctor      the service's secrets, as root

exit status:
  0 nothing is wrong   1 something is   2 nothing has that name   78 the configuration is wrong
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    completed(
        parser.add_argument("names", nargs="*", metavar="NAME", help="only this check, device or probe (default: all)"),
        doctor_names,
    )
    add_config(parser)
    parser.add_argument("--quiet", action="store_true", help="only what is wrong")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415 - not for help pages
    import time  # noqa: PLC0415 - not for help pages

    from agent.doctor import Case, UnknownNameError  # noqa: PLC0415 - not for help pages

    loaded = load_or_fail(args.config)
    if loaded.config is None:
        raise ValueError("load_or_fail returns a configuration")
    try:
        found = asyncio.run(_examined(Case(loaded, loaded.config, time.time), args.names))
    except UnknownNameError as error:
        raise CommandError(str(error), USAGE) from None
    wrong = [(check, finding) for check, finding in found if finding.state.value != "ok"]
    if wants_json(args):
        print_json([_plain(check, finding) for check, finding in (wrong if args.quiet else found)])
    else:
        _print(wrong if args.quiet else found)
        things = "thing" if len(wrong) == 1 else "things"
        print(
            f"{len(found)} looked at, {len(wrong)} {things} to mend" if wrong else f"{len(found)} looked at, all well"
        )
    return FINDINGS if wrong else 0


async def _examined(case: Case, names: list[str]) -> list[tuple[str, Finding]]:
    from agent.doctor import examine  # noqa: PLC0415 - not for help pages

    found = []
    with Progress("looking", 100) as bar:
        async for check, finding in examine(case, names):
            found.append((check, finding))
            bar.step(f"{check} {finding.subject}")
    return found


def _print(found: list[tuple[str, Finding]]) -> None:
    """A line for each, and below it what to do."""
    names = [check if check == finding.subject else f"{check} {clean(finding.subject)}" for check, finding in found]
    column = max(map(len, names), default=0)
    for name, (_, finding) in zip(names, found, strict=True):
        state = finding.state.value
        print(f"{paint(f'{state:<7}', state_colour(state))}  {name:<{column}}  {clean(finding.text)}")
        if finding.fix:
            print(f"{'':<7}  {'':<{column}}  -> {clean(finding.fix)}")


def _plain(check: str, finding: Finding) -> dict[str, Any]:
    return {
        "check": check,
        "subject": finding.subject,
        "state": finding.state.value,
        "text": finding.text,
        "fix": finding.fix,
    }
