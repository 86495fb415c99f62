"""``/metrics`` in both formats, read back by strict parsers."""

from __future__ import annotations

import math
import re
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from http_kit import Listening, listening
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from collectors.api import Metric, MetricType, Sample, labels

OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
HOSTILE_LABEL = 'a\\b"c\nd é 数 {} # \t'


@pytest.fixture
async def web_app(tmp_path: Path) -> AsyncIterator[Listening]:
    async with listening(tmp_path) as made:
        made.agent.declared = {
            "load": Metric("load", MetricType.GAUGE, "Load \\ of\nthe host."),
            "requests_total": Metric("requests_total", MetricType.COUNTER, "Requests.", ("code",)),
            "job_seconds": Metric("job_seconds", MetricType.HISTOGRAM, "Of a file."),
            "forks": Metric("forks", MetricType.COUNTER, "A counter with an old name."),
        }
        made.agent.samples = [
            Sample("load", labels(instance="a"), 1.5),
            Sample("requests_total", labels(code="200"), 7.0),
            Sample("load", labels(instance=HOSTILE_LABEL), math.inf),
            Sample("forks", labels(instance="a"), 3.0),
            Sample("load", labels(instance="a"), 99.0),
            Sample("from_a_file", (), math.nan),
            Sample("job_seconds_bucket", labels(le="+Inf"), 2.0),
            Sample("job_seconds_sum", (), 7.0),
            Sample("job_seconds_count", (), 2.0),
            Sample("from_a_file_total", (), 1e21),
            Sample("from_a_file_bucket", labels(le="1"), 1.0),
            Sample("from_a_file_info", (), 1.0),
        ]
        yield made


async def text(web_app: Listening, headers: dict[str, str] | None = None) -> tuple[str, str]:
    async with web_app.client.get("/metrics", headers=headers) as reply:
        assert reply.status == 200
        return (await reply.read()).decode(), reply.headers["Content-Type"]


async def test_each_family_has_its_help_and_type_once_before_its_samples(web_app: Listening) -> None:
    body, content_type = await text(web_app)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    lines = body.splitlines()
    heads = Counter(line.split()[1:3][0] + " " + line.split()[2] for line in lines if line.startswith("# "))
    assert set(heads.values()) == {1}
    current = ""
    for line in lines:
        if line.startswith("# TYPE "):
            current = line.split()[2]
        elif not line.startswith("#"):
            assert re.split(r"[{ ]", line)[0].removeprefix("job_seconds_") in (current, "bucket", "sum", "count"), line
    assert "# TYPE requests_total counter" in lines
    assert "# HELP load Load \\\\ of\\nthe host." in lines
    assert "# TYPE from_a_file untyped" in lines
    at = lines.index("# TYPE job_seconds histogram")
    assert lines[at + 1 : at + 4] == [
        'job_seconds_bucket{le="+Inf"} 2.0',
        "job_seconds_sum 7.0",
        "job_seconds_count 2.0",
    ]
    assert 'load{instance="a\\\\b\\"c\\nd é 数 {} # \t"} +Inf' in lines
    assert "from_a_file NaN" in lines


async def test_a_series_is_there_once_and_the_first_value_stands(web_app: Listening) -> None:
    body, _ = await text(web_app)
    series = Counter(line.rpartition(" ")[0] for line in body.splitlines() if not line.startswith("#"))
    assert set(series.values()) == {1}
    assert 'load{instance="a"} 1.5' in body


async def test_openmetrics_is_given_to_whom_asks_and_reads_back(web_app: Listening) -> None:
    body, content_type = await text(web_app, OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith("\n# EOF\n")
    assert body.count("# EOF") == 1
    families = {family.name: family for family in text_string_to_metric_families(body)}
    assert families["requests"].type == "counter"
    assert families["forks"].type == "unknown", "OpenMetrics has no counter without _total"
    values = {(s.name, s.labels.get("instance")): s.value for f in families.values() for s in f.samples}
    assert values["load", HOSTILE_LABEL] == math.inf
    assert values["requests_total", None] == 7.0
    assert values["from_a_file_total", None] == 1e21


@pytest.mark.server("promtool")
async def test_promtool_finds_no_fault(web_app: Listening, require: Callable[[str], Path]) -> None:
    web_app.agent.declared = dict(web_app.agent.declared)
    del web_app.agent.declared["forks"]
    names = ("load", "requests_total")
    web_app.agent.samples = [sample for sample in web_app.agent.samples if sample.name in names]
    body, _ = await text(web_app)
    done = subprocess.run([require("promtool"), "check", "metrics"], input=body, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


async def test_health_readiness_and_reload(web_app: Listening) -> None:
    async with web_app.client.get("/-/healthy") as reply:
        assert (reply.status, await reply.text()) == (200, "Tocsin is healthy.\n")
    web_app.agent.is_ready = False
    async with web_app.client.get("/-/ready") as reply:
        assert reply.status == 503
    web_app.agent.is_ready = True
    async with web_app.client.get("/-/ready") as reply:
        assert reply.status == 200
    async with web_app.client.post("/-/reload", headers=web_app.token) as reply:
        assert reply.status == 202
    assert web_app.agent.reloads == 1
