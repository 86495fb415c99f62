"""What programs ask a running agent, and that it answers as Prometheus does: promtool, a scraping Prometheus, ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from daemon import Daemon, RtServer, free_port, rule, until
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from agent.own_metrics import OWN_METRICS
from collectors.api import FRAME_METRICS, MetricType

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One agent with every collector and the host pack, after its third pass; the tests only look at it."""
    daemon = Daemon(tmp_path_factory.mktemp("query") / "agent")
    daemon.config["collect"]["host"] = {"textfile": {"directories": [str(daemon.folder / "prom")]}}
    daemon.config["rules"]["packs"] = ["host"]
    recording = {"record": "fault:e2e_gauge:max", "expr": "max by (fault) (e2e_gauge)", "labels": {"team": "e2e"}}
    slow = rule("GaugeSlow", "e2e_gauge > 5", for_="1h")
    daemon.rules += [recording, slow]  # type: ignore[list-item] # a recording rule has texts only
    daemon.write()
    daemon.gauge(one=9, two=1)
    daemon.start()
    try:
        daemon.until("three passes", lambda: daemon.cycles() >= 3, 10)
        daemon.until("a ticket", lambda: daemon.ticket("one"), 5)
        yield daemon
    finally:
        daemon.end()


def promtool(require: Callable[[str], Path], agent: Daemon, kind: str, *arguments: str) -> str:
    url = f"http://127.0.0.1:{agent.port}"
    done = subprocess.run(
        [require("promtool"), "query", kind, *arguments[:-1], url, *arguments[-1:]],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def tocsin(agent: Daemon, *arguments: str, columns: int = 200) -> subprocess.CompletedProcess[str]:
    """The command, looking at this agent, its output in a pipe."""
    command = [sys.executable, "-I", "-m", "agent", *arguments]
    if "--data" not in arguments:
        command += ["--url", f"http://127.0.0.1:{agent.port}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


# promtool and Prometheus's own shapes


@pytest.mark.server("promtool")
def test_promtool_asks_for_a_value(agent: Daemon, require: Callable[[str], Path]) -> None:
    answer = promtool(require, agent, "instant", "e2e_gauge")
    assert re.search(r'^e2e_gauge\{fault="one", instance="[^"]+", job="node"\} => 9 @\[\d+', answer, re.MULTILINE), (
        answer
    )
    assert "no_such_metric" not in promtool(require, agent, "instant", "no_such_metric")
    assert promtool(require, agent, "instant", "1+1").startswith("scalar: 2 @[")


@pytest.mark.server("promtool")
def test_promtool_asks_for_a_range(agent: Daemon, require: Callable[[str], Path]) -> None:
    now = time.time()
    answer = promtool(
        require, agent, "range", f"--start={now - 30:.0f}", f"--end={now:.0f}", "--step=1s", 'e2e_gauge{fault="one"}'
    )
    assert answer.startswith('e2e_gauge{fault="one"')
    assert answer.count("9 @[") >= 2


@pytest.mark.server("promtool")
def test_promtool_asks_for_series_and_labels(agent: Daemon, require: Callable[[str], Path]) -> None:
    series = promtool(require, agent, "series", "--match=e2e_gauge")
    assert series.count('__name__="e2e_gauge"') == 2
    assert promtool(require, agent, "labels", "fault").split() == ["one", "two"]
    assert {"up", "e2e_gauge", "node_load1"} <= set(promtool(require, agent, "labels", "__name__").split())


class RealPrometheus:
    """Debian's Prometheus on the same rules, which scrapes the agent."""

    def __init__(self, program: Path, folder: Path, agent: Daemon) -> None:
        self.port = free_port()
        target = {"targets": [f"127.0.0.1:{agent.port}"]}
        scrape = {"job_name": "node", "honor_labels": True, "scrape_interval": "1s", "static_configs": [target]}
        config = {
            "global": {"evaluation_interval": "1s"}, "scrape_configs": [scrape],
            "rule_files": [str(agent.folder / "rules.yml")],
        }  # fmt: skip
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        with (folder / "prometheus.log").open("wb") as out:
            self.process = subprocess.Popen(
                [
                    str(program), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=out, stderr=out,
            )  # fmt: skip


@pytest.fixture(scope="module")
def prometheus(
    agent: Daemon, require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealPrometheus]:
    made = RealPrometheus(require("prometheus"), tmp_path_factory.mktemp("prometheus"), agent)

    def evaluated() -> bool:
        try:
            return bool(get(made.port, "/api/v1/query?query=ALERTS")[1]["data"]["result"])
        except (OSError, ValueError):
            return False  # not listening, or saying in text that it is not ready

    try:
        until("Prometheus scraped the agent and evaluated the rules", evaluated, 30)
        yield made
    finally:
        made.process.terminate()
        made.process.wait(20)


def get(port: int, path: str, form: bytes | None = None) -> tuple[int, Any]:
    try:
        with _DIRECT.open(f"http://127.0.0.1:{port}{path}", form, timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def shape(value: Any) -> Any:
    """What a client relies on: keys and types, not the values; a list is what its elements have in common."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items() if key not in ("labels", "annotations", "metric")}
    if isinstance(value, list):
        kinds = [shape(item) for item in value]
        return sorted({json.dumps(kind, sort_keys=True) for kind in kinds})
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def now_range(back: int = 5) -> str:
    """Up to the next whole second, at which whatever was scraped last has a value."""
    end = int(time.time()) + 1
    return f"start={end - back}&end={end}"


SAME: tuple[Callable[[], str], ...] = (
    lambda: "query?query=1%2B1",
    lambda: "query?query=%22x%22",
    lambda: "query?query=e2e_gauge",
    lambda: "query?query=e2e_gauge[10s]",
    lambda: "query?query=nothere",
    lambda: "query?query=-e2e_gauge%2F0",
    lambda: f"query?query=e2e_gauge&time={time.time():.3f}",
    lambda: "query?query=e2e_gauge&time=-5",
    lambda: "query?query=e2e_gauge&time=2001-02-03T04:05:06Z",
    lambda: "query",
    lambda: "query?query=sum(1)",
    lambda: "query?query=up(",
    lambda: "query?query=up&time=x",
    lambda: "query?query=up&timeout=x",
    lambda: f"query?query={urllib.parse.quote('e2e_gauge * on() e2e_gauge')}",
    lambda: f"query_range?query=e2e_gauge&step=1&{now_range()}",
    lambda: f"query_range?query=e2e_gauge&step=1s&{now_range()}",
    lambda: f"query_range?query=1&step=0.5&{now_range()}",
    lambda: f"query_range?query=e2e_gauge[5m]&step=1&{now_range()}",
    lambda: f"query_range?query=1&step=0&{now_range()}",
    lambda: f"query_range?query=1&step=x&{now_range()}",
    lambda: f"query_range?query=1&step=1&{now_range(12_000)}",
    lambda: f"query_range?query=1&step=1&{now_range(-5)}",
    lambda: f"query_range?query=1&{now_range()}",
    lambda: "query_range?query=1&end=1&step=1",
    lambda: "series?match[]=e2e_gauge",
    lambda: "series?match[]=e2e_gauge&start=5&end=3",
    lambda: "series",
    lambda: "series?match[]={}",
    lambda: "series?match[]=rate(x[5m])",
    lambda: "labels",
    lambda: "labels?match[]=e2e_gauge",
    lambda: "labels?match[]={}",
    lambda: "label/__name__/values?match[]=e2e_gauge",
    lambda: "label/fault/values",
    lambda: "label/nothere/values",
    lambda: "label/job/values?start=x",
    lambda: "metadata?metric=node_load1",
    lambda: "metadata?metric=nothere",
    lambda: "metadata?limit=0",
    lambda: "metadata?limit=x",
    lambda: "rules?type=x",
    lambda: "format_query?query=sum(rate(up[5m]))by(job)",
    lambda: "format_query?query=up(",
    lambda: "format_query",
    lambda: "alerts",
    lambda: "query_exemplars?query=up&start=1&end=2",
)


@pytest.mark.server("prometheus")
def test_answers_have_the_shape_and_the_codes_of_prometheus(agent: Daemon, prometheus: RealPrometheus) -> None:
    for path in (f"/api/v1/{make()}" for make in SAME):
        ours, theirs = get(agent.port, path), get(prometheus.port, path)
        assert ours[0] == theirs[0], (path, ours, theirs)
        assert ours[1]["status"] == theirs[1]["status"], path
        assert ours[1].get("errorType") == theirs[1].get("errorType"), (path, ours, theirs)
        assert shape(ours[1]) == shape(theirs[1]), path


@pytest.mark.server("prometheus")
def test_a_form_is_answered_as_prometheus_does(agent: Daemon, prometheus: RealPrometheus) -> None:
    forms = {
        "query": "query=1%2B1&time=4", "query_range": "query=1&start=1&end=3&step=1", "series": "match[]=e2e_gauge",
        "labels": "match[]=e2e_gauge",
    }  # fmt: skip
    for name, form in forms.items():
        answers = [get(port, f"/api/v1/{name}", form.encode()) for port in (agent.port, prometheus.port)]
        assert answers[0] == answers[1], name


@pytest.mark.server("prometheus")
def test_our_rules_look_like_prometheuss(agent: Daemon, prometheus: RealPrometheus) -> None:
    def ours_of(port: int) -> dict[str, Any]:
        groups = get(port, "/api/v1/rules")[1]["data"]["groups"]
        (found,) = [group for group in groups if group["name"] == "e2e"]
        return {item["name"]: item for item in found["rules"]}

    ours, theirs = ours_of(agent.port), ours_of(prometheus.port)
    fixed = ("name", "query", "health", "type", "duration", "keepFiringFor", "labels", "annotations", "state")
    for name, there in theirs.items():
        here = ours[name]
        assert {key: here[key] for key in fixed if key in there} == {key: there[key] for key in fixed if key in there}
        assert here.keys() >= there.keys()
        for alert in there.get("alerts", []):
            (same,) = [each for each in here["alerts"] if each["labels"]["fault"] == alert["labels"]["fault"]]
            plain = [{**each, "activeAt": ""} for each in (same, alert)]
            assert plain[0] == plain[1], "labels, annotations, state and the value with its exponent"


@pytest.mark.server("prometheus")
def test_prometheus_scrapes_every_series_that_is_exposed(agent: Daemon, prometheus: RealPrometheus) -> None:
    target = get(prometheus.port, "/api/v1/targets")[1]["data"]["activeTargets"][0]
    assert (target["health"], target["lastError"]) == ("up", "")
    metadata = get(prometheus.port, "/api/v1/metadata")[1]["data"]
    assert {metadata[name][0]["type"] for name in ("up", "node_load1", "node_memory_MemTotal_bytes")} == {"gauge"}


def test_what_grafana_asks_when_a_data_source_is_saved(agent: Daemon) -> None:
    for form in (None, b""):
        assert get(agent.port, "/api/v1/query?query=1%2B1&time=4", form) == (
            200, {"status": "success", "data": {"resultType": "scalar", "result": [4, "2"]}},
        )  # fmt: skip
    assert get(agent.port, "/api/v1/status/buildinfo")[1]["data"]["version"]


# /metrics


def exposed(agent: Daemon, accept: str = "") -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{agent.port}/metrics", headers={"Accept": accept})
    with _DIRECT.open(request, timeout=10) as reply:
        text: str = reply.read().decode()
    return text


@pytest.mark.server("promtool")
def test_promtool_finds_no_fault_but_the_kernels_names(agent: Daemon, require: Callable[[str], Path]) -> None:
    done = subprocess.run(
        [require("promtool"), "check", "metrics"], input=exposed(agent), capture_output=True, text=True, timeout=20
    )
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if line]
    kernel = re.compile(
        r"node_(memory|netstat|sockstat)_\w+ .*snake_case|node_entropy_\w+ .*base unit"
        r"|e2e_gauge metric name should not include type"
    )
    assert [line for line in complaints if not kernel.match(line)] == []


def test_each_series_is_exposed_once_and_each_family_described(agent: Daemon) -> None:
    lines = exposed(agent).splitlines()
    series = Counter(line.rpartition(" ")[0] for line in lines if not line.startswith("#"))
    assert [name for name, count in series.items() if count > 1] == []
    families = Counter(tuple(line.split()[1:3]) for line in lines if line.startswith("# "))
    assert [name for name, count in families.items() if count > 1] == []
    undescribed = [line.split()[2] for line in lines if line.startswith("# HELP") and "Metric read from /" in line]
    assert undescribed == ["e2e_gauge"], "only a text file need not describe what it has"


def test_openmetrics_reads_back_as_the_same_values(agent: Daemon) -> None:
    text = exposed(agent, "application/openmetrics-text;version=1.0.0")
    assert text.endswith("# EOF\n")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    names = {sample.name for family in families.values() for sample in family.samples}
    plain = {re.split(r"[{ ]", line)[0] for line in exposed(agent).splitlines() if not line.startswith("#")}
    assert names == plain


SOMETIMES = {
    "tocsin_backend_certificate_end_seconds", "tocsin_heartbeat_late_seconds", "tocsin_memory_limit_bytes",
    "tocsin_slo_planned", "tocsin_targets", "tocsin_target_runs_total", "tocsin_target_overruns_total",
    "tocsin_target_runs_skipped_total",
}  # fmt: skip
"""With TLS, a watchdog, a limit, planned time, targets."""


def test_own_metrics_are_those_that_are_declared(agent: Daemon) -> None:
    """Both ways, with their types and label names."""
    text = exposed(agent)
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^([a-z_]+)\{(.*)\} ", text, re.MULTILINE):
        if name.startswith("tocsin_"):
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    declared = {metric.name: metric for metric in OWN_METRICS}
    assert set(declared) - set(found) <= SOMETIMES
    assert set(found) <= set(declared)
    for name, metric in ((name, declared[name]) for name in found):
        assert types[name] == metric.type.value, name
        assert found[name] == {*metric.labels, "instance", "job"}, name
        assert (metric.type is MetricType.COUNTER) == name.endswith("_total"), name
    frame = {metric.name for metric in FRAME_METRICS}
    assert frame <= {re.split(r"[{ ]", line)[0] for line in text.splitlines()}


# The command


def test_the_status_reads_well(agent: Daemon) -> None:
    done = tocsin(agent, "status")
    assert done.returncode == 0, done.stdout
    assert re.match(r"healthy +yes\n", done.stdout)
    assert re.search(r"^configuration in force +as asked for$", done.stdout, re.MULTILINE)
    assert re.search(r"^desk +up +- +0 +0 +0 +0 +\d+ +-$", done.stdout, re.MULTILINE)
    assert "and 4 more" in done.stdout or done.stdout.count("data for its window") <= 20
    data = json.loads(tocsin(agent, "status", "--format", "json").stdout)
    assert data["problems"] == []
    assert data["alerts"]["firing"] >= 1
    assert data["alerts"]["pending"] >= 1


def test_alerts_incidents_and_explanations_agree(agent: Daemon) -> None:
    alerts = tocsin(agent, "alerts", "--state", "firing")
    assert alerts.returncode == 1
    assert re.search(r'^firing +warning +GaugeHigh +\S+( \S+)? +9 +\{fault="one", ', alerts.stdout, re.MULTILINE)
    (incident,) = [each for each in agent.incidents("live") if each["rule"] == "GaugeHigh"]
    number = incident["tickets"][0]["number"]
    listed = tocsin(agent, "incidents").stdout
    assert re.search(rf"^open +P3 +\S+( \S+)? +{number} +GaugeHigh +{incident['id']} +\S", listed, re.MULTILINE)
    by_id, by_number = (tocsin(agent, "incidents", name).stdout for name in (incident["id"], number))
    assert by_id == by_number
    assert re.search(r"^created +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}$", by_id, re.MULTILINE)
    story = tocsin(agent, "explain", number).stdout.splitlines()
    assert "first firing of this fault (rule: GaugeHigh" in story[0]
    assert any("classified and graded: impact 2 x urgency 2 -> P3; category system (default)" in line for line in story)
    assert any("nothing says which subcategory or service or assignment group" in line for line in story)
    assert any(line.startswith("now ") and "open (group_wait is over: ticket opened)" in line for line in story)
    assert story[-1].startswith("next ")
    rule_text = tocsin(agent, "explain", "--rule", "GaugeHigh").stdout
    assert "fires when: e2e_gauge > 5" in rule_text
    assert "has a value that is not > 5" in rule_text
    assert "the same as PromQL:\n  e2e_gauge <= 5\n" in rule_text
    assert re.search(r'^  e2e_gauge: 2 series\n    9  \{fault="one", ', rule_text, re.MULTILINE)
    assert tocsin(agent, "outbox").stdout == "the outbox is empty: everything has been delivered\n"


def test_a_query_says_the_same_of_an_agent_and_of_a_dump(agent: Daemon, tmp_path: Path) -> None:
    expression = "sum by (fault) (e2e_gauge) * 2"
    live = json.loads(tocsin(agent, "query", expression).stdout)
    dump = tmp_path / "dump.om"
    lines = [f'e2e_gauge{{fault="{name}"}} {value} 1700000000' for name, value in agent.gauges.items()]
    dump.write_text("\n".join(["# TYPE e2e_gauge gauge", *lines, "# EOF", ""]))
    stored = json.loads(tocsin(agent, "query", expression, "--data", str(dump)).stdout)
    values = [
        {each["metric"]["fault"]: each["value"][1] for each in answer["data"]["result"]} for answer in (live, stored)
    ]
    assert values == [{"one": "18", "two": "2"}] * 2
    wrong = [tocsin(agent, "query", "up(", *more) for more in ((), ("--data", str(dump)))]
    assert [done.returncode for done in wrong] == [1, 1]
    assert wrong[0].stdout == wrong[1].stdout, "the same refusal"
    end = int(time.time())
    span = ("--start", str(end - 3), "--end", str(end), "--step", "1s")
    ranged = json.loads(tocsin(agent, "query", 'e2e_gauge{fault="one"}', *span).stdout)
    assert ranged["data"]["resultType"] == "matrix"
    assert {value for _, value in ranged["data"]["result"][0]["values"]} == {"9"}


def test_a_change_without_the_token_is_explained(agent: Daemon, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wrong-token-wrong-token-wrong-token-wrong\n")
    done = tocsin(agent, "drill", "GaugeHigh", "--state", str(tmp_path))
    assert done.returncode == 77
    assert "A change needs the token from the file 'token' in the state directory" in done.stderr


@pytest.mark.parametrize("backend", ["desk", "rt"])
def test_a_drill_goes_the_whole_way(daemon: Daemon, rt: RtServer, backend: str) -> None:
    if backend == "rt":
        daemon.at_rt(rt)
    daemon.start()
    daemon.until("a pass", lambda: daemon.cycles() >= 1, 10)
    done = tocsin(daemon, "drill", "GaugeHigh", "--state", str(daemon.state), "--label", "fault=d", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert [step["step"] for step in answer["steps"]] == ["started", "opened", "noted", "resolved"]
    (incident,) = daemon.incidents()
    assert (incident["state"], incident["test"], incident["id"]) == ("resolved", True, answer["incident"])
    if backend == "desk":
        page = daemon.page(answer["tickets"][0]["number"])
        ticket, notes = page["ticket"], [note["text"] for note in page["notes"]]
        assert ticket["state"] == "resolved"
        title, body, resolution = ticket["title"], ticket["body"], ticket["resolution_text"]
        assert "This note was written by a drill." in notes
        assert resolution.startswith("The drill is over. Nothing was broken")
    else:
        (made,) = rt.book.tickets.values()
        title, body = made.subject, str(made.transactions)
        assert rt.statuses() == ["resolved"]
        assert "This note was written by a drill." in body
        assert "The drill is over." in body
    assert title.startswith("[DRILL] ")
    assert "THIS IS A DRILL: nothing is broken." in body
    story = tocsin(daemon, "explain", answer["incident"]).stdout
    assert "a drill: nothing is broken" in story.splitlines()[0]
    second = tocsin(daemon, "drill", "GaugeHigh", "--state", str(daemon.state), "--label", "fault=d")
    assert second.returncode == 0, second.stdout + second.stderr
    assert re.match(r" +\S+  started   incident \S+-2\n", second.stdout)
    number = answer["tickets"][0]["number"]
    assert tocsin(daemon, "explain", number).stdout == story, "an older episode is found by its ticket's number"
    again = tocsin(daemon, "drill", "GaugeHigj", "--state", str(daemon.state))
    assert again.returncode == 1
    assert "no alert rule is called 'GaugeHigj'; did you mean" in again.stderr
