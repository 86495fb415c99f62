"""The worked example in docs/adding-an-adapter.md works."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from fakes.fake_http import Answer, FakeHttp, Request

from integrations.api import Note, Ports, RemoteState, Secret, Ticket, TicketState

KEY = "toc-0123456789abcdef0123456789abcdef"
WISH = Ticket(
    correlation_id=KEY, episode=2, state=TicketState.OPEN, title="t", body="b", impact=1, urgency=1, priority=1,
    opened_at=0, ci="web-1", ci_id="5d0f", environment="prod", notes=(Note("n/1", "x"),), facts={"a": "b"},
)  # fmt: skip


class FakePlain(FakeHttp):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, object]] = []

    def handle(self, request: Request) -> Answer:
        if request.method == "GET" and request.path == "/tickets":
            return Answer(200, [row for row in self.rows if request.query.get("key", row["key"]) == row["key"]])
        data = json.loads(request.body or b"{}")
        if request.path == "/tickets":
            row = {"id": len(self.rows) + 1, "state": "open", "markers": [], **data}
            self.rows.append(row)
            return Answer(201, row)
        row = self.rows[int(request.path.split("/")[2]) - 1]
        if request.path.endswith("/notes"):
            markers = row["markers"]
            assert isinstance(markers, list)
            markers.append(data["marker"])
        row.update(data if request.method == "PATCH" else {})
        return Answer(200, row)


@pytest.fixture
def plain(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    text = (root / "docs/adding-an-adapter.md").read_text()
    module = ModuleType("plain_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec("".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)), vars(module))
    return module


async def test_the_example_opens_notes_and_resolves_once(plain: ModuleType) -> None:
    async with FakePlain() as server:
        options = msgspec.convert({"url": server.url, "auth": {"token": {"credential": "x"}}}, plain.Options)
        adapter = plain.build("plain", options, Ports(lambda _: Secret("s"), None, lambda: 0))  # type: ignore[arg-type]  # no database
        remote = await adapter.create(WISH)
        assert await adapter.find(KEY) == await adapter.list_open("prod", "5d0f") == [remote]
        assert (remote.episode, remote.facts) == (2, {"a": "b"})
        done = msgspec.structs.replace(WISH, state=TicketState.RESOLVED)
        for _ in range(2):
            remote = await adapter.apply(done, remote)
        assert remote.state is RemoteState.RESOLVED
        assert [row["markers"] for row in server.rows] == [["n/1"]]
        assert await adapter.read(remote.ref) == remote
        await adapter._http.aclose()
