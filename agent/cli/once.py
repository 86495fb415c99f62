"""``tocsin once``: one collection and one evaluation, printed; nothing is stored or sent."""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent.cli._config import add_config, load_or_fail
from agent.cli._output import add_format, labels_text, print_json, print_table, span, wants_json
from agent.cli._progress import Progress
from agent.cli._times import to_step

if TYPE_CHECKING:
    from agent.config.load import Loaded
    from collectors.api import Scrape, Scraper
    from rules.api import Alert, Engine, SeriesWindow

SUMMARY = "Collect and evaluate once, and print what was measured and what would alert."
DETAILS = """\
Nothing is stored, and no incident is opened. Rules over a rate need a second collection: --again 15s
waits that long and collects once more. An alert with a 'for' shows as pending.

examples:
  tocsin once
  tocsin once --again 15s
  tocsin once --config new.yaml --format json

exit status:
  0 nothing alerts   1 something alerts, or a collector failed   78 the configuration is wrong
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--again", metavar="AFTER", help="collect a second time after this duration, for rates")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415 - help pages need no event loop

    pause = 0 if args.again is None else to_step(args.again)
    loaded = load_or_fail(args.config)
    return asyncio.run(_once(loaded, pause, json=wants_json(args)))


async def _once(loaded: Loaded, pause: int, *, json: bool) -> int:
    import asyncio  # noqa: PLC0415 - not for help pages

    from agent.build import build_scraper  # noqa: PLC0415 - the frame and the engine, for this command only
    from rules.api import Engine, SeriesWindow, Start  # noqa: PLC0415 - not for help pages

    config = loaded.config
    if config is None:
        raise ValueError("load_or_fail returns a configuration")
    scraper, _ = build_scraper(config, socket.gethostname())
    series = SeriesWindow()
    # All rules now, whatever their interval and however short the time we look at: nothing is opened from here.
    engine = Engine(series, interval_ms=1, external_labels=config.identity.labels, start=Start.WARM)
    engine.load(
        replace(file, groups=tuple(replace(group, interval=None) for group in file.groups)) for file in loaded.rules
    )
    try:
        scrapes = await _cycle(scraper, series, engine)
        if pause:
            with Progress("waiting", pause // 1000) as bar:
                for _ in range(pause // 1000):
                    await asyncio.sleep(1)
                    bar.step("for the second collection")
                await asyncio.sleep(pause % 1000 / 1000)
            scrapes = await _cycle(scraper, series, engine)
    finally:
        await scraper.aclose()
    alerts = engine.alerts()
    if json:
        print_json({"collectors": [_scrape(s) for s in scrapes], "alerts": [_alert(a) for a in alerts]})
    else:
        _print(scrapes, alerts, sum(len(group.rules) for file in loaded.rules for group in file.groups))
    return 1 if alerts or not all(scrape.ok for scrape in scrapes) else 0


async def _cycle(scraper: Scraper, series: SeriesWindow, engine: Engine) -> list[Scrape]:
    if scraper.targets is not None:
        await scraper.targets.once()
    at = int(time.time() * 1000)
    scrapes = await scraper.cycle(at)
    for scrape in scrapes:
        series.ingest(scrape.source, scrape.samples, scrape.at)
    engine.evaluate_due(at)
    return scrapes


def _scrape(scrape: Scrape) -> dict[str, Any]:
    return {
        "collector": scrape.source,
        "ok": scrape.ok,
        "samples": len(scrape.samples),
        "duration_s": scrape.duration_s,
        "error": scrape.error,
        "warnings": list(scrape.warnings),
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "rule": alert.rule,
        "state": alert.state.value,
        "value": alert.value,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
    }


def _print(scrapes: list[Scrape], alerts: Sequence[Alert], rules: int) -> None:
    rows = [
        (
            "ok" if scrape.ok else "failed",
            scrape.source,
            len(scrape.samples),
            span(scrape.duration_s * 1000),
            "; ".join(filter(None, (scrape.error, *scrape.warnings))) or "-",
        )
        for scrape in scrapes
    ]
    print_table(("STATE", "COLLECTOR", "SAMPLES", "TOOK", "NOTES"), rows)
    print()
    if not alerts:
        print(f"{rules} rules evaluated, nothing alerts")
        return
    shown = [
        (
            alert.state.value,
            dict(alert.labels).get("severity", "-"),
            alert.rule,
            f"{alert.value:.6g}",
            alert.annotations.get("summary", labels_text(alert.labels, without=("alertname", "severity"))),
        )
        for alert in alerts
    ]
    print_table(("STATE", "SEVERITY", "RULE", "VALUE", "WHAT"), shown)
