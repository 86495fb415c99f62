"""``tocsin replay``: what would have been opened on recorded samples, when, and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from agent.cli._config import add_config, load_or_fail
from agent.cli._data import read_data, read_walks
from agent.cli._errors import NO_INPUT, CommandError
from agent.cli._output import add_format, clean, moment, print_json, print_table, span, wants_json
from agent.cli._progress import Progress
from agent.cli._times import to_step

if TYPE_CHECKING:
    from agent.scenario.replay import Replayed

SUMMARY = "Run recorded samples through the whole agent: what would have been opened, when, and why."
DETAILS = """\
Your rules, routes, classification and policy on an OpenMetrics dump with timestamps, on virtual time.
Nothing leaves this machine: every integration is an embedded desk in memory. A pass comes as often as the
dump has samples, or every --interval. The machine is the one most series name as their instance, or --host.

A network device is replayed from recordings (tocsin snmp walk, or of snmpsim): its profiles are chosen, and
it is polled at the time of each. A single recording is polled every minute for half an hour, so that rules
with a 'for' have their say; its counters stand still.

examples:
  tocsin replay --data night.om
  tocsin replay --walk sw1.snmprec --config new.yaml --explain
  tocsin replay --walk before.snmprec --walk after.snmprec --host sw1
  tocsin replay --data night.om --config new.yaml --explain
  promtool tsdb dump-openmetrics data/ | tocsin replay --data - --format json

exit status:
  0 it was run, whatever it would have opened   1 the dump is wrong   66 no such file
  78 the configuration is wrong
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", metavar="DUMP.om", help="the samples, - for standard input")
    what.add_argument(
        "--walk",
        action="append",
        default=[],
        metavar="FILE",
        help="a recording of a device (.snmprec; may be repeated)",
    )
    add_config(parser)
    parser.add_argument("--interval", metavar="S", help="time between two passes: 15s (default: that of the samples)")
    parser.add_argument("--host", metavar="NAME", help="the machine, as its series name it in the label instance")
    parser.add_argument("--explain", action="store_true", help="every decision about each incident")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from agent.scenario.replay import TooLong, host_of, interval_of, replay  # noqa: PLC0415 - the whole daemon

    loaded = load_or_fail(args.config)
    window = read_walks(args.walk, args.host or "", loaded) if args.walk else read_data(args.data)
    interval = interval_of(window) if args.interval is None else to_step(args.interval)
    with Progress("replaying", 100) as bar:
        try:
            done = replay(loaded, window, args.host or host_of(window), interval, lambda _: bar.step())
        except TooLong as error:
            raise CommandError(f"{error}; name a longer --interval, or cut the dump", NO_INPUT) from None
    if wants_json(args):
        print_json(_plain(done))
    else:
        _print(done, explain=args.explain)
    return 0


def _print(done: Replayed, *, explain: bool) -> None:
    length = span(done.end - done.begin)
    print(f"{moment(done.begin)} to {moment(done.end)}: {length}, {done.passes} passes of {clean(done.host)}")
    if done.rule_failures:
        print(f"{done.rule_failures} evaluations of rules failed")
    if not done.incidents:
        print("nothing would have been opened")
        return
    rows = [
        (
            moment(page.ticket.opened_at),
            f"P{page.ticket.priority}",
            page.ticket.state.value,
            moment(page.ticket.ended_at),
            backend,
            page.ticket.number,
            page.ticket.title,
        )
        for backend, page in done.tickets
    ]
    print_table(("OPENED", "PRIO", "STATE", "ENDED", "BACKEND", "TICKET", "TITLE"), rows, spare=("BACKEND",))
    if explain:
        for told in done.incidents:
            print(f"\n{clean(told.incident.rule)} {told.incident.id}")
            for line in told.lines:
                at = moment(line.at) if line.at is not None else "next" if line.reason == "next" else "at the end"
                print(f"  {at:24}  {clean(line.text)}")


def _plain(done: Replayed) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - not for help pages

    return {
        "begin": done.begin,
        "end": done.end,
        "interval": done.interval,
        "passes": done.passes,
        "host": done.host,
        "rule_failures": done.rule_failures,
        "incidents": [
            {
                **msgspec.to_builtins(told.incident, str_keys=True),
                "id": told.incident.id,
                "decisions": [{"at": line.at, "reason": line.reason, "text": line.text} for line in told.lines],
            }
            for told in done.incidents
        ],
        "tickets": [{"backend": name, **msgspec.to_builtins(page, str_keys=True)} for name, page in done.tickets],
    }
