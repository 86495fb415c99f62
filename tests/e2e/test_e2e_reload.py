"""The configuration of a running agent changes: taken over whole, or not at all and said."""

from __future__ import annotations

import shutil
import signal
from typing import Any

from daemon import Daemon, RtServer, rule

LAST_RELOAD = "tocsin_config_last_reload_successful"


def reload(daemon: Daemon) -> None:
    """SIGHUP, and wait until it was dealt with."""
    before = len(daemon.said("reloaded")) + len(daemon.said("reload_refused"))
    daemon.signal(signal.SIGHUP)
    daemon.until("the reload", lambda: len(daemon.said("reloaded")) + len(daemon.said("reload_refused")) > before, 15)


def test_a_good_configuration_is_taken_over_and_open_incidents_live_on(daemon: Daemon, rt: RtServer) -> None:
    daemon.gauge(a=9, b=4)
    daemon.start()
    ticket = daemon.until("a ticket", lambda: daemon.ticket("a"), 8)

    # A rule more, before the others; a longer interval; other labels in the fault key.
    daemon.rules = [rule("GaugeAlso", "e2e_gauge > 3 and e2e_gauge < 6"), *daemon.rules]
    daemon.config["collect"]["interval"] = "2s"
    daemon.config["route"]["group_by"] = ["alertname", "ci"]
    daemon.write()
    reload(daemon)
    daemon.until("the new rule's incident", lambda: len(daemon.tickets()) == 2, 8)
    assert daemon.metric(LAST_RELOAD) == 1
    first = daemon.cycles()
    daemon.pass_cycles(2)
    assert daemon.cycles() - first <= 3
    assert daemon.ticket("a")["id"] == ticket["id"]
    daemon.config["collect"]["interval"] = "1s"
    daemon.write()
    reload(daemon)
    assert [each["rule"] for each in daemon.incidents("live")] == ["GaugeHigh", "GaugeAlso"]

    # The desk goes, a Request Tracker comes: what is open keeps the backend it was opened with, what is new goes there.
    # That the environment has a new name needs a restart, and re-keys nothing before or after it.
    daemon.at_rt(rt)
    daemon.config["identity"]["environment"] = "moved"
    daemon.config["receivers"] = [{"name": "all", "integration": "rt"}]
    daemon.config["route"]["receiver"] = "all"
    daemon.write()
    reload(daemon)
    assert daemon.said("restart_needed", section="identity")
    assert daemon.said("integration_missing", backend="desk")
    (left,) = [each for each in daemon.ask("tocsin/status")["backends"] if each["state"] == "not configured"]
    assert (left["backend"], left["open_tickets"]) == ("desk", 2)
    daemon.config["integrations"]["desk"] = {"type": "desk"}
    daemon.write()
    reload(daemon)
    daemon.gauge(c=9)
    daemon.until("a ticket in RT", lambda: rt.statuses()[:1] == ["new"], 8)
    daemon.gauge(a=1)
    daemon.until("the resolve at the desk", lambda: daemon.ticket("a")["state"] == "resolved", 10)
    assert len(daemon.tickets()) == 2
    assert rt.creates() == 1

    # The new rule goes: its incident ends, and not as recovered.
    daemon.rules = daemon.rules[1:]
    daemon.write()
    reload(daemon)
    daemon.until("the end of the removed rule's ticket", lambda: daemon.ticket("b")["state"] == "resolved", 10)
    assert "no_longer_monitored" in daemon.history(daemon.incidents()[1])
    assert daemon.said("reload_refused") == []

    # The restart puts the new environment in force; what was opened under the old one is resolved under the old one.
    daemon.kill()
    daemon.start()
    assert daemon.ask("tocsin/status")["environment"] == "moved"
    daemon.gauge(c=1)
    daemon.until("the resolve in RT", lambda: rt.statuses() == ["resolved"], 10)
    assert rt.creates() == 1


def break_it(daemon: Daemon) -> None:
    """Two mistakes in the configuration, one in the rules."""
    text = daemon.file.read_text()
    daemon.file.write_text(text.replace("  interval: 1s", "  intervall: 1s", 1) + "log: {level: loud}\n")
    rules = daemon.folder / "rules.yml"
    rules.write_text(rules.read_text().replace("e2e_gauge > 5", "e2e_gauge >"))


def assert_named(daemon: Daemon, said: str) -> None:
    """Every mistake with its place and a mend."""
    config, rules = daemon.file.read_text().splitlines(), (daemon.folder / "rules.yml").read_text().splitlines()
    line = next(number for number, text in enumerate(config, 1) if "intervall" in text)
    assert f"{daemon.file}:{line}:3" in said
    assert "did you mean 'interval'" in said
    assert f"{daemon.file}:{len(config)}:14" in said
    line = next(number for number, text in enumerate(rules, 1) if "e2e_gauge >" in text)
    assert f"{daemon.folder}/rules.yml:{line}:" in said


def test_a_broken_configuration_changes_nothing_and_is_said(daemon: Daemon) -> None:
    daemon.gauge(a=9)
    daemon.start()
    daemon.until("a ticket", lambda: daemon.ticket("a"), 8)
    assert daemon.ask("tocsin/status")["healthy"]
    good = {path: path.read_text() for path in (daemon.file, daemon.folder / "rules.yml")}
    break_it(daemon)
    reload(daemon)
    assert_named(daemon, "\n".join(daemon.said("configuration")))
    assert daemon.metric(LAST_RELOAD) == 0
    status: dict[str, Any] = daemon.ask("tocsin/status")
    assert not status["healthy"]
    assert "3 mistakes" in status["configuration_in_force"], status["configuration_in_force"]
    daemon.gauge(b=9)
    daemon.until("the old rules still watch", lambda: daemon.ticket("b"), 8)

    # At boot the last good one runs, although the files are still broken, and says that it does.
    daemon.kill()
    daemon.start()
    assert_named(daemon, daemon.log())
    assert daemon.said("running_last_good_configuration")
    daemon.until("the first pass", lambda: daemon.cycles() > 0, 5)
    assert daemon.metric(LAST_RELOAD) == 0
    status = daemon.ask("tocsin/status")
    assert not status["healthy"]
    assert "last good" in status["configuration_in_force"]
    daemon.gauge(c=9)
    daemon.until("the last good rules watch", lambda: daemon.ticket("c"), 8)
    assert len(daemon.tickets()) == 3

    for path, text in good.items():
        path.write_text(text)
    reload(daemon)
    assert daemon.metric(LAST_RELOAD) == 1
    daemon.until("all is well", lambda: daemon.ask("tocsin/status")["problems"] == [], 5)
    assert daemon.ask("tocsin/status")["configuration_in_force"] == "as asked for"


def test_without_a_last_good_configuration_it_exits_78_with_every_mistake(daemon: Daemon) -> None:
    break_it(daemon)
    code, said = daemon.refused()
    assert code == 78
    assert_named(daemon, said)
    assert "no last good configuration" in said
    assert not (daemon.state / "tocsin.db").exists()


def test_what_only_the_parts_can_refuse_is_refused_too(daemon: Daemon) -> None:
    """Options that bind well and contradict each other: the same care as for a typing mistake."""
    daemon.start()
    twice = [{"name": "web", "comm": ["nginx"]}, {"name": "web", "comm": ["httpd"]}]
    daemon.config["collect"]["host"]["processes"] = {"groups": twice}
    daemon.write()
    reload(daemon)
    assert daemon.running.poll() is None
    assert daemon.said("reload_refused")
    assert daemon.metric(LAST_RELOAD) == 0
    daemon.kill()
    shutil.rmtree(daemon.state)
    code, said = daemon.refused()
    assert code == 78, said
    assert "'web' is there twice" in said
    assert "Traceback" not in said
