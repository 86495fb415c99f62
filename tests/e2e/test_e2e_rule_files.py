"""One rule file of several is broken: it alone stands still, in the version that was right, and everybody is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from daemon import Daemon, rule
from test_e2e_reload import LAST_RELOAD, reload

STALE, RULES = "tocsin_rule_file_stale", "tocsin_rule_file_rules"


def two_files(daemon: Daemon) -> tuple[Path, Path]:
    """``mine.yml`` watches the gauge above 5, ``theirs.yml`` below 0."""
    daemon.config["rules"]["files"] = ["rules.d/*.yml"]
    daemon.write()
    folder = daemon.folder / "rules.d"
    folder.mkdir()
    mine, theirs = folder / "mine.yml", folder / "theirs.yml"
    put(mine, rule("GaugeHigh", "e2e_gauge > 5"))
    put(theirs, rule("GaugeLow", "e2e_gauge < 0"))
    return mine, theirs


def put(file: Path, *rules: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": list(rules)}]}, sort_keys=False))


def refused(daemon: Daemon) -> list[Any]:
    files: list[Any] = daemon.ask("tocsin/status")["rule_files_refused"]
    return files


def test_a_broken_rule_file_keeps_its_old_version_and_holds_up_no_other(daemon: Daemon) -> None:
    mine, theirs = two_files(daemon)
    daemon.gauge(a=9, b=4)
    daemon.start()
    ticket = daemon.until("a ticket", lambda: daemon.ticket("a"), 8)
    assert daemon.metric(STALE, file=str(mine)) == 0

    # One file is broken, the other gets a rule more: the new rule works, and the old version of the broken one goes on.
    good = mine.read_text()
    mine.write_text(good.replace("e2e_gauge > 5", "e2e_gauge >"))
    put(theirs, rule("GaugeLow", "e2e_gauge < 0"), rule("GaugeMiddle", "e2e_gauge > 3 and e2e_gauge < 5"))
    reload(daemon)
    daemon.until("the new rule's ticket", lambda: daemon.ticket("b"), 8)
    daemon.gauge(c=9)
    daemon.until("the old version watches", lambda: daemon.ticket("c"), 8)
    assert daemon.ticket("a")["id"] == ticket["id"]
    assert daemon.metric(STALE, file=str(mine)) == 1
    assert daemon.metric(RULES, file=str(mine)) == 1
    assert daemon.metric(STALE, file=str(theirs)) == 0
    assert daemon.metric(RULES, file=str(theirs)) == 2
    assert daemon.metric(LAST_RELOAD) == 1
    (said,) = refused(daemon)
    assert (said["file"], said["in_force"]) == (str(mine), "the version before")
    assert said["problem"].startswith(f"{mine}:5:")
    assert not daemon.ask("tocsin/status")["healthy"]

    # A second reload changes nothing about it and says it no second time.
    reload(daemon)
    assert refused(daemon) == [said]
    assert len(daemon.said("rule_file_refused")) == 1

    # The old version also recovers, on evidence as ever.
    daemon.gauge(a=1)
    daemon.until("the resolve", lambda: daemon.ticket("a")["state"] == "resolved", 10)

    # A start finds the file still broken: its last good version is in force, and open incidents live on.
    daemon.kill()
    daemon.start()
    (said,) = refused(daemon)
    assert said["in_force"] == "the version before"
    daemon.gauge(d=9)
    daemon.until("the last good version watches", lambda: daemon.ticket("d"), 8)
    assert daemon.ticket("c")["state"] != "resolved"

    mine.write_text(good)
    reload(daemon)
    assert refused(daemon) == []
    assert daemon.said("rule_file_mended")
    assert daemon.metric(STALE, file=str(mine)) == 0
    assert daemon.ask("tocsin/status")["problems"] == []
    assert len(daemon.tickets()) == 4


def test_without_any_good_version_the_other_files_run_and_its_alerts_are_held(daemon: Daemon) -> None:
    mine, _ = two_files(daemon)
    daemon.gauge(a=9)
    daemon.start()
    daemon.until("a ticket", lambda: daemon.ticket("a"), 8)
    good = mine.read_text()
    mine.write_text(good.replace("e2e_gauge > 5", "e2e_gauge >"))
    daemon.kill()
    (daemon.state / "last-good.json").unlink()

    daemon.start()
    daemon.pass_cycles(1)
    (said,) = refused(daemon)
    assert (said["file"], said["in_force"]) == (str(mine), "nothing")
    assert daemon.metric(STALE, file=str(mine)) == 1
    assert daemon.metric(RULES, file=str(mine)) == 0
    daemon.gauge(b=-1)
    daemon.until("the other file watches", lambda: daemon.ticket("b"), 8)

    # That nobody knows the rule any more is no reason to take its ticket back; once mended, evidence decides.
    daemon.gauge(a=1)
    daemon.pass_cycles(4)
    assert daemon.ticket("a")["state"] != "resolved"
    mine.write_text(good)
    reload(daemon)
    assert refused(daemon) == []
    daemon.until("the resolve", lambda: daemon.ticket("a")["state"] == "resolved", 10)
    assert "no_longer_monitored" not in daemon.history(daemon.incident("a"))
