"""``tocsin query``: PromQL over a file, or on a running agent."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from agent.cli._client import Agent, add_url
from agent.cli._data import newest, read_data
from agent.cli._errors import FINDINGS, USAGE, CommandError
from agent.cli._output import Format, clean, width
from agent.cli._result import print_result
from agent.cli._times import to_moment, to_step

if TYPE_CHECKING:
    pass

SUMMARY = "Evaluate a PromQL expression on a running agent, or over an OpenMetrics file."
DETAILS = """\
On a terminal: a table, and for a range the course of each series as a small chart; warnings and infos go
to standard error. Elsewhere, and with --format json: what Prometheus's HTTP API answers. A time is unix
seconds, RFC 3339, now or now-1h; of a file, now is its newest sample. --start makes a range query, up to
now unless --end says otherwise, of about a hundred points unless --step does.

examples:
  tocsin query 'node_load1'
  tocsin query 'rate(node_network_receive_bytes_total[1m])' --human
  tocsin query 'up == 0' --data dump.om --time 2026-01-31T12:00:00Z
  tocsin query 'node_load1' --start now-1h
  tocsin query 'node_load1' --start 1700000000 --end 1700003600 --step 1m
  promtool tsdb dump-openmetrics data/ | tocsin query 'up' --data -

exit status:
  0 a result (also an empty one)   1 the expression is wrong or failed   66 no such file
  69 no agent answers
"""
MAX_STEPS = 11_000
"""Of a range query; Prometheus has the same bound."""
POINTS = 100
"""Of a range query whose step is not said."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("expr", metavar="EXPR", help="the expression")
    parser.add_argument("--data", metavar="DUMP.om", help="evaluate over this OpenMetrics file, - for standard input")
    parser.add_argument("--time", metavar="T", help="evaluate at this time")
    parser.add_argument("--start", metavar="A", help="first time of a range query")
    parser.add_argument("--end", metavar="B", help="last time of a range query")
    parser.add_argument("--step", metavar="S", help="step of a range query: 15s, or seconds")
    add_url(parser)
    parser.add_argument("--human", action="store_true", help="write numbers as text with 1.5k for 1500")
    parser.add_argument("--values", action="store_true", help="every value of a range as text, in place of charts")
    parser.add_argument(
        "--format",
        choices=[each.value for each in Format],
        help="what to print (default: text on a terminal, json elsewhere)",
    )


def execute(args: argparse.Namespace) -> int:
    ranged = args.start is not None
    if (ranged and args.time is not None) or (not ranged and (args.end is not None or args.step is not None)):
        raise CommandError("a range query takes --start, may take --end and --step, and takes no --time", USAGE)
    answer = _local(args) if args.data is not None else _remote(args)
    good = answer.get("status") == "success"
    wanted = args.format or (Format.TEXT.value if sys.stdout.isatty() else Format.JSON.value)
    if Format(wanted) is Format.JSON:
        print(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))
    elif good:
        for said in (*answer.get("warnings", ()), *answer.get("infos", ())):
            print(clean(said), file=sys.stderr)
        print_result(answer["data"], args.expr, human=args.human, values=args.values)
    else:
        raise CommandError(clean(answer.get("error", "the query failed")) + _pointed(args.expr), FINDINGS)
    return 0 if good else FINDINGS


def _pointed(expr: str) -> str:
    """Lines that show where the expression is wrong; empty when that is not known."""
    from rules.api import ExprError, parse  # noqa: PLC0415 - PromQL, after a mistake

    try:
        parse(expr)
    except ExprError as error:
        if error.at is None:
            return ""
        before = expr[: error.at]
        line = expr.splitlines()[before.count("\n")] if expr.strip() else ""
        column = width("".join("." if c == "\t" else c for c in before.rpartition("\n")[2]))
        return f"\n  {clean(line)}\n  {' ' * column}^"
    return ""


def _range(args: argparse.Namespace, now: int) -> tuple[int, int, int]:
    """Start, end and step in ms. Left out, the end is ``now``, and the step makes about a hundred points."""
    start = to_moment(args.start, now)
    end = now if args.end is None else to_moment(args.end, now)
    if end < start:
        raise CommandError("--end is before --start", USAGE)
    step = max(1, -(-(end - start) // POINTS // 1000)) * 1000 if args.step is None else to_step(args.step)
    if (end - start) // step > MAX_STEPS:
        raise CommandError(f"more than {MAX_STEPS} points per series; use a longer step or a shorter range", USAGE)
    return start, end, step


def _local(args: argparse.Namespace) -> dict[str, Any]:
    from rules.api import EvalError, EvalOptions, ExprError, annotated_query, to_api_json  # noqa: PLC0415 - PromQL

    series = read_data(args.data)
    now = newest(series, int(time.time() * 1000))
    options = EvalOptions(max_samples=50_000_000)
    try:
        query, notes = annotated_query(args.expr)
        if args.start is not None:
            start, end, step = _range(args, now)
            data = to_api_json(query.range(series, start, end, step, options))
        else:
            at = now if args.time is None else to_moment(args.time, now)
            data = to_api_json(query.instant(series, at, options))
    except ExprError as error:
        return {"status": "error", "errorType": "bad_data", "error": str(error)}
    except EvalError as error:
        return {"status": "error", "errorType": "execution", "error": str(error)}
    said = {"warnings": notes.warnings(), "infos": notes.infos()}
    return {"status": "success", "data": data, **{kind: texts for kind, texts in said.items() if texts}}


def _remote(args: argparse.Namespace) -> dict[str, Any]:
    now = int(time.time() * 1000)
    query = {"query": args.expr}
    if args.start is not None:
        path = "/api/v1/query_range"
        start, end, step = _range(args, now)
        query |= {"start": _seconds(start), "end": _seconds(end), "step": _seconds(step)}
    else:
        path = "/api/v1/query"
        query |= {} if args.time is None else {"time": _seconds(to_moment(args.time, now))}
    status, answer = Agent(args.url).raw("GET", path, query)
    if not isinstance(answer, dict) or "status" not in answer:
        raise CommandError(f"{clean(args.url)} answered {status} in an unknown form", FINDINGS)
    return answer


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"
