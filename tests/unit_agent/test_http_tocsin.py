"""What the command asks for and has done, over HTTP: answers, refusals, and bodies that are wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from http_kit import Listening, listening

BASE = "/api/v1/tocsin"


@pytest.fixture
async def web_app(tmp_path: Path) -> AsyncIterator[Listening]:
    async with listening(tmp_path) as made:
        yield made


async def post(web_app: Listening, path: str, body: Any) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else None
    json = None if data is not None else body
    async with web_app.client.post(f"{BASE}/{path}", headers=web_app.token, data=data, json=json) as reply:
        answer = await reply.json()
        return reply.status, answer.get("data", answer.get("error"))


async def test_looking(web_app: Listening) -> None:
    assert (await web_app.data(f"{BASE}/status"))["version"] == "0.1.0"
    for name in ("alerts", "incidents", "outbox"):
        assert await web_app.data(f"{BASE}/{name}") == []
    assert await web_app.data(f"{BASE}/explain", incident="k-1") == {"incident": "k-1", "lines": []}
    assert await web_app.data(f"{BASE}/explain", rule="A") == {"rule": "A", "lines": []}
    assert await web_app.data(f"{BASE}/idle") == {"ci": "web-1", "days": []}
    assert await web_app.error(f"{BASE}/incidents/k-9") == (404, "not_found", "no incident k-9")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("incidents", {"limit": "0"}), ("incidents", {"limit": "1001"}), ("incidents", {"limit": "x"}),
        ("incidents", {"limit": "-1"}), ("explain", {}), ("explain", {"incident": "a", "rule": "b"}),
    ],
)  # fmt: skip
async def test_a_wrong_question_is_refused(web_app: Listening, path: str, query: dict[str, str]) -> None:
    assert (await web_app.error(f"{BASE}/{path}", **query))[:2] == (400, "bad_data")


async def test_the_limit_reaches_the_agent(web_app: Listening) -> None:
    web_app.agent.listed = [{"id": str(number)} for number in range(60)]
    assert len(await web_app.data(f"{BASE}/incidents")) == 50
    assert len(await web_app.data(f"{BASE}/incidents", limit="7")) == 7


async def test_doing(web_app: Listening) -> None:
    assert await post(web_app, "drill", {"rule": "A", "labels": {"mountpoint": "/数据", "service.name": "é"}}) == (
        200,
        {"incident": "k-1"},
    )
    assert (await post(web_app, "drill/note", {"incident": "k-1", "text": "hello"}))[0] == 200
    assert (await post(web_app, "drill/resolve", {"incident": "k-1"}))[0] == 200
    assert (await post(web_app, "outbox/retry", {}))[0] == 200
    assert (await post(web_app, "outbox/retry", {"incident": "k-1"}))[0] == 200
    assert web_app.agent.acted == [
        ("drill", "A"),
        ("note", "hello"),
        ("resolve", "k-1"),
        ("retry", None),
        ("retry", "k-1"),
    ]
    status, text = await post(web_app, "drill", {"rule": "Busy"})
    assert (status, text) == (409, "this exercise runs already")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"rule": "\\ud800"}', {}, {"rule": 1},
        {"rule": "A", "more": 1}, {"rule": "A", "labels": {"x": 1}}, {"rule": "A", "labels": {"": "x"}},
        {"rule": "A", "labels": {"a\n": "x"}}, {"rule": "A", "labels": {"y" * 1_001: "x"}},
        {"rule": "A", "labels": {"x": "y" * 1_001}},
        {"rule": "A", "labels": {f"l{number}": "x" for number in range(51)}},
    ],
)  # fmt: skip
async def test_a_wrong_body_does_nothing(web_app: Listening, body: Any) -> None:
    status, text = await post(web_app, "drill", body)
    assert status == 400
    assert "label" in text or "the body is not the JSON this takes" in text
    assert web_app.agent.acted == []
