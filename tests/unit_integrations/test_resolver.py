"""Names are looked up beside the event loop, within a deadline, and the last good answer outlives a dead resolver."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator

import pytest

from integrations import _resolver
from integrations._resolver import Resolver


@pytest.fixture
async def resolver() -> AsyncIterator[Resolver]:
    made = Resolver()
    yield made
    await made.close()


async def test_a_name_becomes_addresses(resolver: Resolver) -> None:
    found = await resolver.resolve("localhost", 8085)
    assert {(each["hostname"], each["port"]) for each in found} == {("localhost", 8085)}
    assert {each["host"] for each in found} <= {"127.0.0.1", "::1"}


async def test_an_unknown_name_is_an_error(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(_resolver, "_lookup", unknown)
    with pytest.raises(OSError, match="not known"):
        await resolver.resolve("rt.example.net", 443)


async def test_the_last_good_answer_is_kept(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    good = await resolver.resolve("localhost", 443)
    stuck = threading.Event()
    monkeypatch.setattr(_resolver, "DEADLINE", 0.05)
    monkeypatch.setattr(_resolver, "_lookup", lambda *_: stuck.wait())
    try:
        for _ in range(4):  # more than there are threads
            assert await resolver.resolve("localhost", 443) == good
        with pytest.raises(TimeoutError):
            await resolver.resolve("rt.example.net", 443)
    finally:
        stuck.set()
