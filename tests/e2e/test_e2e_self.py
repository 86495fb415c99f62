"""The agent watches itself: what is wrong with it becomes an incident, also when the way to the ITSM is wrong."""

from __future__ import annotations

import re
import signal
from typing import Any

from daemon import Daemon, RtServer

from agent.config import packs


def of_rule(daemon: Daemon, name: str) -> dict[str, Any] | None:
    return next((each for each in daemon.incidents("all") if each["rule"] == name), None)


def test_a_broken_rule_file_opens_an_incident_and_ends_it(daemon: Daemon) -> None:
    daemon.config["rules"]["packs"] = ["self"]
    daemon.write()
    daemon.start()
    daemon.pass_cycles(2)
    assert daemon.incidents("all") == []
    good = (daemon.folder / "rules.yml").read_text()
    (daemon.folder / "rules.yml").write_text(good.replace("e2e_gauge > 5", "e2e_gauge > > 5"))
    daemon.signal(signal.SIGHUP)
    daemon.until("the incident", lambda: (of_rule(daemon, "TocsinRuleFileStale") or {}).get("state") == "open", 15)
    (ticket,) = daemon.until("its ticket", daemon.tickets, 8)
    assert "A rule file of" in ticket["title"]
    assert "rules.yml" in str(ticket)
    (daemon.folder / "rules.yml").write_text(good)
    daemon.signal(signal.SIGHUP)
    daemon.until("the end", lambda: (of_rule(daemon, "TocsinRuleFileStale") or {}).get("state") == "resolved", 20)


def test_a_dead_itsm_is_told_through_the_other_receiver_and_makes_no_storm(daemon: Daemon, rt: RtServer) -> None:
    _, text = packs.read("self")
    (daemon.folder / "self.yml").write_text(re.sub(r"\n( +)for: 5m", r"\n\1for: 1s", text.decode()))
    daemon.at_rt(rt)
    daemon.config["integrations"]["rt"]["url"] = "http://127.0.0.1:9"
    daemon.config["integrations"]["desk"] = {"type": "desk"}
    daemon.config["receivers"] = [{"name": name, "integration": name} for name in ("rt", "desk")]
    daemon.config["route"] |= {
        "receiver": "rt",
        "routes": [
            {"matchers": ['component="agent"'], "receiver": "rt", "continue": True},
            {"matchers": ['component="agent"'], "receiver": "desk"},
        ],
    }
    daemon.config["rules"]["files"] = ["rules.yml", "self.yml"]
    daemon.gauge(a=9)
    daemon.write()
    daemon.start()
    daemon.until("the self alert", lambda: of_rule(daemon, "TocsinBackendDown"), 40)
    daemon.until("its ticket in the desk", daemon.tickets, 15)
    daemon.pass_cycles(5)
    (ticket,) = daemon.tickets()
    assert "cannot reach rt" in ticket["title"]
    waiting = [row["incident"] for row in daemon.ask("tocsin/outbox") if row["backend"] == "rt"]
    assert len(waiting) == len(set(waiting)) == 2  # the fault and the self alert, each once
