"""The Prometheus HTTP API: shapes, spellings of parameters, refusals, limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from fakes.hostile import HOSTILE
from http_kit import NOW, Listening, listening
from yarl import URL

from agent.http import prometheus_api
from agent.http.form import FIELDS_LIMIT
from agent.version import VERSION

T = NOW // 1000
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def web_app(tmp_path: Path) -> AsyncIterator[Listening]:
    async with listening(tmp_path) as made:
        yield made


async def test_an_instant_query_gives_each_type_of_result(web_app: Listening) -> None:
    metric = {"__name__": "load", "instance": "a"}
    assert await web_app.data("/api/v1/query", query='load{instance="a"}') == {
        "resultType": "vector", "result": [{"metric": metric, "value": [T, "6"]}],
    }  # fmt: skip
    assert await web_app.data("/api/v1/query", query="1+1") == {"resultType": "scalar", "result": [T, "2"]}
    assert await web_app.data("/api/v1/query", query='"x"') == {"resultType": "string", "result": [T, "x"]}
    assert await web_app.data("/api/v1/query", query='load{instance="a"}[15s]') == {
        "resultType": "matrix", "result": [{"metric": metric, "values": [[T - 10, "5"], [T, "6"]]}],
    }  # fmt: skip
    assert await web_app.data("/api/v1/query", query="nothere") == {"resultType": "vector", "result": []}


async def test_what_is_doubtful_is_said_beside_the_result(web_app: Listening) -> None:
    for _ in range(2):  # the second query is answered from the cache of compiled ones
        body = await web_app.answer("/api/v1/query", query="rate(load[1m]) or quantile(2, load)")
        assert body["warnings"] == ["PromQL warning: quantile value should be between 0 and 1, got 2 (1:28)"]
        assert [text.split(":")[0] for text in body["infos"]] == ["PromQL info"]
    body = await web_app.answer("/api/v1/query_range", query="sort(load)", start=str(T - 20), end=str(T), step="10")
    assert "sort is ineffective" in body["warnings"][0]
    assert "infos" not in body
    body = await web_app.answer("/api/v1/query", query="sort(load)")
    assert "warnings" not in body


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (str(T - 20), "4"), (f"{T - 20}.0", "4"), (f"{T - 20}e0", "4"), ("2023-11-14T22:14:00Z", "4"),
        ("2023-11-14T22:14:00.000Z", "4"), ("2023-11-15T00:14:00+02:00", "4"), ("2023-11-14T22:13:45.5Z", "2"),
    ],
)  # fmt: skip
async def test_a_time_is_written_in_seconds_or_as_rfc_3339(web_app: Listening, text: str, value: str) -> None:
    data = await web_app.data("/api/v1/query", query='load{instance="a"}', time=text)
    assert data["result"][0]["value"][1] == value


@pytest.mark.parametrize("time", ["0", "-5", "253402300799", str(T + 3600)])
async def test_a_time_outside_what_is_kept_gives_nothing(web_app: Listening, time: str) -> None:
    assert (await web_app.data("/api/v1/query", query="load", time=time))["result"] == []


async def test_a_range_query_steps_from_start_to_end(web_app: Listening) -> None:
    expected = {
        "resultType": "matrix",
        "result": [
            {"metric": {"__name__": "load", "instance": "a"}, "values": [[T - 20, "4"], [T - 10, "5"], [T, "6"]]}
        ],
    }
    for step in ("10", "10s", "10000ms", "10.0"):
        query = {"query": 'load{instance="a"}', "start": str(T - 20), "end": str(T), "step": step}
        assert await web_app.data("/api/v1/query_range", **query) == expected
        async with web_app.client.post("/api/v1/query_range", data=query) as reply:
            assert (await reply.json())["data"] == expected
    whole = await web_app.data("/api/v1/query_range", query="1", start=str(T), end=str(T), step="1")
    assert whole["result"] == [{"metric": {}, "values": [[T, "1"]]}]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "parameter query is missing"),
        ({"query": ""}, "parameter query is missing"),
        ({"query": "load("}, "this '(' is never closed at character 5"),
        ({"query": "sum(1)"}, "must be an instant vector"),
        ({"query": "load", "time": "yesterday"}, "time is 'yesterday'"),
        ({"query": "load", "time": "2023-11-14T22:14:00"}, "RFC 3339"),
        ({"query": "load", "time": "NaN"}, "finite"),
        ({"query": "load", "time": "1e300"}, "finite"),
        ({"query": "load", "timeout": "soon"}, "timeout is 'soon'"),
        ({"query": "load", "timeout": "0"}, "timeout is '0'"),
    ],
)
async def test_a_wrong_instant_query_is_bad_data(web_app: Listening, query: dict[str, str], words: str) -> None:
    status, kind, text = await web_app.error("/api/v1/query", **query)
    assert (status, kind) == (400, "bad_data")
    assert words in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": None}, "parameter start is missing"), ({"end": None}, "parameter end is missing"),
        ({"step": None}, "parameter step is missing"), ({"start": ""}, "parameter start is missing"),
        ({"end": str(T - 21)}, "end lies before start"), ({"step": "0"}, "positive"), ({"step": "-1"}, "positive"),
        ({"step": "0s"}, "positive"), ({"step": "5q"}, "step is '5q'"), ({"step": "Inf"}, "positive"),
        ({"step": "NaN"}, "positive"), ({"step": "0.0001"}, "0.001"), ({"step": "9" * 70 + "y"}, "step is"),
        ({"step": "9" * 30 + "y"}, "9999 years"), ({"start": "0", "step": "1"}, "more than 11000 points"),
        ({"query": "load[1m]"}, "this is a matrix"), ({"query": '"x"'}, "this is a string"),
    ],
)  # fmt: skip
async def test_a_wrong_range_query_is_bad_data(web_app: Listening, change: dict[str, str | None], words: str) -> None:
    good = {"query": "load", "start": str(T - 20), "end": str(T), "step": "10"}
    query = {name: value for name, value in {**good, **change}.items() if value is not None}
    status, kind, text = await web_app.error("/api/v1/query_range", **query)
    assert (status, kind) == (400, "bad_data")
    assert words in text


async def test_eleven_thousand_points_are_the_limit(web_app: Listening) -> None:
    query = {"query": "1", "end": str(T), "step": "1"}
    full = await web_app.data("/api/v1/query_range", start=str(T - 11_000), **query)
    assert len(full["result"][0]["values"]) == 11_001
    assert (await web_app.error("/api/v1/query_range", start=str(T - 11_001), **query))[0] == 400


async def test_a_query_that_fails_is_no_bad_data(web_app: Listening) -> None:
    status, kind, text = await web_app.error("/api/v1/query", query="load * on() load")
    assert (status, kind) == (422, "execution")
    assert "many-to-many" in text


async def test_a_query_beyond_the_deadline_ends_as_timeout(web_app: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10_000_000))
    monkeypatch.setattr(prometheus_api.time, "monotonic", lambda: next(ticks) * 0.3)
    slow = {"query": "load", "start": str(T - 11_000), "end": str(T), "step": "1"}
    status, kind, _ = await web_app.error("/api/v1/query_range", **slow)
    assert (status, kind) == (503, "timeout")


@pytest.mark.parametrize("path", ["/api/v1/series", "/api/v1/labels", "/api/v1/label/instance/values"])
async def test_many_selectors_end_at_the_deadline_too(
    web_app: Listening, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    ticks = iter(range(10_000_000))
    monkeypatch.setattr(prometheus_api.time, "monotonic", lambda: next(ticks) * 0.1)
    for count, expected in ((5, 200), (30, 503)):
        async with web_app.client.get(path, params=[("match[]", "load")] * count) as reply:
            assert reply.status == expected, await reply.text()


async def test_a_client_may_ask_for_less_time_and_not_for_more(
    web_app: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[float] = []
    real = prometheus_api.EvalOptions

    def options(**values: Any) -> Any:
        while not values["deadline"]():
            clock["now"] += 0.01
        ends.append(round(clock["now"] - 100.0, 1))
        clock["now"] = 100.0
        return real()

    clock = {"now": 100.0}
    monkeypatch.setattr(prometheus_api.time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(prometheus_api, "EvalOptions", options)
    for timeout in ("500ms", "0.2", "2m"):
        await web_app.data("/api/v1/query", query="load", timeout=timeout)
    assert ends == [0.5, 0.2, 1.0]


async def test_series_labels_and_values(web_app: Listening) -> None:
    a, b = {"__name__": "load", "instance": "a"}, {"__name__": "load", "instance": "b"}
    assert await web_app.data("/api/v1/series", **{"match[]": "load"}) == [a, b]
    both = [("match[]", 'load{instance="b"}'), ("match[]", "requests_total")]
    async with web_app.client.get("/api/v1/series", params=both) as reply:
        names = [one["__name__"] for one in (await reply.json())["data"]]
    assert names == ["load", "requests_total"]
    async with web_app.client.post("/api/v1/series", data=both) as reply:
        assert len((await reply.json())["data"]) == 2
    assert await web_app.data("/api/v1/labels") == ["__name__", "code", "instance"]
    assert await web_app.data("/api/v1/labels", **{"match[]": "load"}) == ["__name__", "instance"]
    assert await web_app.data("/api/v1/label/__name__/values") == ["load", "requests_total"]
    assert await web_app.data("/api/v1/label/instance/values", **{"match[]": "requests_total"}) == ["a"]
    assert await web_app.data("/api/v1/label/nothere/values") == []
    gone = {"start": str(T + 60), "end": str(T + 120)}
    for path in ("/api/v1/series", "/api/v1/labels", "/api/v1/label/instance/values"):
        assert await web_app.data(path, **{"match[]": "load"}, **gone) == []


@pytest.mark.parametrize("path", ["/api/v1/series", "/api/v1/labels", "/api/v1/label/instance/values"])
async def test_a_list_is_cut_to_the_limit_and_says_so(web_app: Listening, path: str) -> None:
    async with web_app.client.get(path, params={"match[]": "load", "limit": "1"}) as reply:
        body = await reply.json()
        assert len(body["data"]) == 1
        assert body["warnings"] == ["results truncated due to limit"]
    for limit in ("0", "2"):
        async with web_app.client.get(path, params={"match[]": "load", "limit": limit}) as reply:
            body = await reply.json()
            assert len(body["data"]) == 2
            assert "warnings" not in body


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("/api/v1/series", None), ("/api/v1/series", "{}"), ("/api/v1/series", '{a=~".*"}'),
        ("/api/v1/series", "rate(load[5m])"), ("/api/v1/labels", "{}"), ("/api/v1/labels", "("),
        ("/api/v1/label/instance/values", "1"),
        ("/api/v1/series?start=x&match[]=load", None), ("/api/v1/labels?limit=x", None),
    ],
)  # fmt: skip
async def test_a_wrong_selector_is_bad_data(web_app: Listening, path: str, match: str | None) -> None:
    status, kind, _ = await web_app.error(path, **({} if match is None else {"match[]": match}))
    assert (status, kind) == (400, "bad_data")


async def test_metadata_is_what_collectors_declare_and_is_there(web_app: Listening) -> None:
    load = [{"type": "gauge", "help": "Load.", "unit": ""}]
    requests = [{"type": "counter", "help": "Requests.", "unit": ""}]
    assert await web_app.data("/api/v1/metadata") == {"load": load, "requests_total": requests}
    assert await web_app.data("/api/v1/metadata", metric="load") == {"load": load}
    assert await web_app.data("/api/v1/metadata", metric="odd") == {
        "odd": [{"type": "unknown", "help": "Odd.", "unit": ""}]
    }
    assert await web_app.data("/api/v1/metadata", metric="nothere") == {}
    assert await web_app.data("/api/v1/metadata", limit="1") == {"load": load}
    assert await web_app.data("/api/v1/metadata", limit="0") == {}
    assert (await web_app.error("/api/v1/metadata", limit="x"))[0] == 400


async def test_rules_are_chosen_by_type_file_group_and_name(web_app: Listening) -> None:
    alert, record = {"name": "A", "type": "alerting"}, {"name": "r", "type": "recording"}
    web_app.agent.groups = [
        {"name": "g", "file": "f", "rules": [alert, record]}, {"name": "h", "file": "f", "rules": [record]},
    ]  # fmt: skip

    async def chosen(**query: str) -> list[tuple[str, list[str]]]:
        groups = (await web_app.data("/api/v1/rules", **query))["groups"]
        return [(group["name"], [rule["name"] for rule in group["rules"]]) for group in groups]

    assert await chosen() == [("g", ["A", "r"]), ("h", ["r"])]
    assert await chosen(type="alert") == [("g", ["A"])]
    assert await chosen(type="record") == [("g", ["r"]), ("h", ["r"])]
    assert await chosen(**{"rule_group[]": "h"}) == [("h", ["r"])]
    assert await chosen(**{"rule_name[]": "A"}) == [("g", ["A"])]
    assert await chosen(**{"file[]": "other"}) == []
    assert (await web_app.error("/api/v1/rules", type="x"))[:2] == (400, "bad_data")


async def test_rules_are_chosen_by_their_labels_and_without_alerts(web_app: Listening) -> None:
    alert = {"name": "A", "type": "alerting", "labels": {"team": "shop"}, "alerts": [{"state": "firing"}]}
    web_app.agent.groups = [{"name": "g", "file": "f", "rules": [alert, {"name": "r", "type": "recording"}]}]

    async def chosen(**query: str) -> list[str]:
        groups = (await web_app.data("/api/v1/rules", **query))["groups"]
        return [rule["name"] for group in groups for rule in group["rules"]]

    assert await chosen(**{"match[]": '{team="shop"}'}) == ["A"]
    assert await chosen(**{"match[]": '{team=~"s.*"}'}) == ["A"]
    assert await chosen(**{"match[]": '{team="web"}'}) == []
    assert (await web_app.error("/api/v1/rules", **{"match[]": "1+1"}))[:2] == (400, "bad_data")
    (group,) = (await web_app.data("/api/v1/rules", exclude_alerts="true"))["groups"]
    assert [rule.get("alerts") for rule in group["rules"]] == [[], None]
    assert (await web_app.error("/api/v1/rules", exclude_alerts="maybe"))[:2] == (400, "bad_data")


async def test_rules_come_in_pages(web_app: Listening) -> None:
    rule = {"name": "r", "type": "recording"}
    web_app.agent.groups = [{"name": name, "file": "f", "rules": [rule]} for name in "abcde"]
    names, token = [], {}
    for _ in range(3):
        page = await web_app.data("/api/v1/rules", group_limit="2", **token)
        names.append([group["name"] for group in page["groups"]])
        token = {"group_next_token": page["groupNextToken"]} if "groupNextToken" in page else {}
    assert (names, token) == ([["a", "b"], ["c", "d"], ["e"]], {})
    for wrong in ({"group_next_token": "x"}, {"group_limit": "0"}, {"group_limit": "2", "group_next_token": "x"}):
        assert (await web_app.error("/api/v1/rules", **wrong))[:2] == (400, "bad_data")


GRAFANA = [
    # saved and tested; what it may do is looked up
    ("POST", "query", {"query": "1+1", "time": "4"}),
    ("GET", "status/buildinfo", {}),
    ("GET", "rules", {}),
    # the editor: metrics, their help, labels and values, with the matchers chosen so far
    ("GET", "label/__name__/values", {"start": f"{T - 3600}", "end": f"{T}", "limit": "40000"}),
    ("GET", "label/__name__/values", {"match[]": '{instance="a"}', "start": f"{T - 3600}", "end": f"{T}"}),
    ("GET", "metadata", {"limit": "40000"}),
    ("GET", "labels", {"match[]": "load", "start": f"{T - 3600}.123", "end": f"{T}.456"}),
    ("POST", "labels", {"start": f"{T - 3600}", "end": f"{T}"}),
    ("GET", "label/instance/values", {"match[]": 'load{instance!=""}', "start": f"{T - 3600}", "end": f"{T}"}),
    ("GET", "series", {"match[]": 'load{instance=~"a|b"}', "start": f"{T - 3600}", "end": f"{T}", "limit": "40000"}),
    ("POST", "series", {"match[]": "load", "start": f"{T - 3600}", "end": f"{T}"}),
    # a panel, its exemplars, a table, the state of alerts
    ("POST", "query_range", {"query": "rate(load[1m0s])", "start": f"{T - 3600}", "end": f"{T}", "step": "15"}),
    ("POST", "query_exemplars", {"query": "load", "start": f"{T - 3600}", "end": f"{T}"}),
    ("POST", "query", {"query": "topk(5, load)", "time": f"{T}.5", "timeout": "30s"}),
    ("GET", "rules", {"type": "alert", "rule_name[]": "A", "rule_group[]": "g", "file[]": "f"}),
    ("GET", "alerts", {}),
]


@pytest.mark.parametrize(("method", "path", "parameters"), GRAFANA)
async def test_a_data_source_of_grafana_gets_its_answers(
    web_app: Listening, method: str, path: str, parameters: dict[str, str]
) -> None:
    given = {"params": parameters} if method == "GET" else {"data": parameters}
    headers = {"User-Agent": "Grafana/12.1.0", "X-Grafana-Referer": "http://grafana.example/d/x", "Accept": "*/*"}
    async with web_app.client.request(method, f"/api/v1/{path}", headers=headers, **given) as reply:
        assert reply.status == 200, await reply.text()
        assert (await reply.json())["status"] == "success"


async def test_what_grafana_asks_when_a_data_source_is_saved(web_app: Listening) -> None:
    async with web_app.client.post("/api/v1/query?query=1%2B1&time=4") as reply:
        assert (await reply.json())["data"] == {"resultType": "scalar", "result": [4, "2"]}
    async with web_app.client.post("/api/v1/query", data={"query": "1+1", "time": "4"}) as reply:
        assert (await reply.json())["data"] == {"resultType": "scalar", "result": [4, "2"]}
    assert (await web_app.data("/api/v1/status/buildinfo"))["version"] == VERSION
    assert await web_app.data("/api/v1/query_exemplars", query="load", start="1", end="2") == []
    assert (await web_app.error("/api/v1/query_exemplars", query="load("))[0] == 400


async def test_the_form_comes_before_the_address(web_app: Listening) -> None:
    async with web_app.client.post("/api/v1/query?query=1&time=5", data={"query": "2"}) as reply:
        assert (await reply.json())["data"]["result"] == [5, "2"]


async def test_a_body_that_is_no_form_is_refused(web_app: Listening) -> None:
    bodies = [
        (b'{"query": "1"}', "application/json", "send application/x-www-form-urlencoded"),
        (b"--x\r\n\r\n1\r\n--x--", "multipart/form-data; boundary=x", "multipart/form-data"),
        (b"&".join([b"a=1"] * (FIELDS_LIMIT + 1)), FORM["Content-Type"], "more than 1000 fields"),
    ]
    for body, kind, words in bodies:
        async with web_app.client.post("/api/v1/query", data=body, headers={"Content-Type": kind}) as reply:
            answer = await reply.json()
            assert (reply.status, answer["errorType"]) == (400, "bad_data")
            assert words in answer["error"]
    for charset in ("nonsense", "utf-16", "ascii"):
        kind = f"{FORM['Content-Type']}; charset={charset}"
        async with web_app.client.post(
            "/api/v1/query", data=b"query=1%ff\xff", headers={"Content-Type": kind}
        ) as reply:
            assert reply.status == 400


async def test_bytes_that_are_no_text_are_shown_as_such(web_app: Listening) -> None:
    async with web_app.client.post("/api/v1/query", data=b'query="\xff%fe"', headers=FORM) as reply:
        assert (await reply.json())["data"]["result"][1] == "\ufffd\ufffd"


async def test_hostile_text_in_any_parameter_is_answered_and_never_breaks_a_handler(
    web_app: Listening, capsys: pytest.CaptureFixture[str]
) -> None:
    """As text, as the bytes of it, in a form and in the path."""
    names = ("query", "time", "timeout", "match[]", "start", "step", "limit", "metric", "type", "state", "incident")
    paths = sorted({path for method, path in web_app.routes if method == "GET" and path.startswith("/api/")})
    for number, text in enumerate(HOSTILE):
        value = quote_from_bytes(text[:400].encode("utf-8", "surrogatepass"), safe="")
        query = "&".join(f"{name}={value}" for name in names)
        path = paths[number % len(paths)]
        async with web_app.client.get(URL(f"{path}?{query}", encoded=True)) as reply:
            assert reply.status < 500, (path, text)
        place = ("/api/v1/label/{}/values", "/api/v1/tocsin/incidents/{}", "/api/v1/desk/tickets/{}", "/desk/{}", "/{}")
        async with web_app.client.get(URL(place[number % len(place)].format(value), encoded=True)) as reply:
            assert reply.status in (200, 400, 404), text
        async with web_app.client.post("/api/v1/query", data=query.encode(), headers=FORM) as reply:
            assert reply.status < 500, text
    logged = capsys.readouterr()
    assert "request_failed" not in logged.out + logged.err


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("service_name", "service_name"), ("U__service_2e_name", "service.name"), ("U__a__b", "a_b"),
        ("U___e9_", "é"), ("U__a_1F600_", "a\U0001f600"), ("service.name", "service.name"),
        ("U__a_2e", "U__a_2e"), ("U__a_d800_", "U__a_d800_"), ("U__a_110000_", "U__a_110000_"),
    ],
)  # fmt: skip
async def test_names_of_labels_may_be_escaped_in_a_path(web_app: Listening, written: str, name: str) -> None:
    web_app.agent.series.append("http.requests", ((name, "shop"),), NOW, 1.0)
    assert await web_app.data(f"/api/v1/label/{written}/values") == ["shop"]
    assert name in await web_app.data("/api/v1/labels")
    found = await web_app.data("/api/v1/series", **{"match[]": '{"http.requests"}'})
    assert found == [{"__name__": "http.requests", name: "shop"}]


async def test_the_clients_limit_cuts_series_and_says_so(web_app: Listening) -> None:
    every = await web_app.data("/api/v1/query", query="load")
    assert len(every["result"]) > 1
    cut = await web_app.answer("/api/v1/query", query="load", limit="1")
    assert (cut["data"]["result"], cut["warnings"]) == (every["result"][:1], ["results truncated due to limit"])
    ranged = {"query": "load", "start": str(T - 20), "end": str(T), "step": "10"}
    cut = await web_app.answer("/api/v1/query_range", **ranged, limit="1")
    assert (len(cut["data"]["result"]), len(cut["warnings"])) == (1, 1)
    for limit in ("0", "100"):
        assert "warnings" not in await web_app.answer("/api/v1/query", query="load", limit=limit)
    assert (await web_app.data("/api/v1/query", query="1", limit="1"))["resultType"] == "scalar"


async def test_the_client_may_shorten_the_lookback(web_app: Listening) -> None:
    late = str(T + 30)
    assert (await web_app.data("/api/v1/query", query="load", time=late))["result"]
    assert not (await web_app.data("/api/v1/query", query="load", time=late, lookback_delta="20s"))["result"]


async def test_an_expression_is_laid_out(web_app: Listening) -> None:
    assert await web_app.data("/api/v1/format_query", query="sum(rate(a[5m]))by(x)") == "sum by (x) (rate(a[5m]))"
    for text in (
        '{"a.b", "c d"="\\\\"}',
        "m @ -1",
        "m @ 1603774568.125",
        'sum by ("a.b") (m)',
        "m and on (offset) (by)",
    ):
        assert (await web_app.data("/api/v1/format_query", query=text)).replace("  ", "").split() == text.split()
