"""A real Request Tracker 5 as the contract suite needs it: looked at and played by its administrator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from contract_bench import KEY, NOW, OTHER_KEY, Bench, Person, Seen
from enrol_rt import ACTS, STATES
from fakes.fake_rt import CHOICES

from integrations.api import Ports, Secret
from integrations.rt import Options, RequestTracker, build

KEYS = (KEY, OTHER_KEY, "toc-" + "1" * 32, "toc-" + "2" * 32)


class NoDatabase:
    async def transact(self, work: object) -> object:
        raise AssertionError("an adapter that speaks HTTP asked for the database")


class RealRtBench(Bench):
    """``environment`` is what ``tests/servers/rt5-up`` prints. Only tickets with the suite's ids are looked at."""

    people = frozenset({Person.ACKNOWLEDGE, Person.ASSIGN, *ACTS})
    persons = ("root", "root")

    def __init__(self, environment: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        self._environment = environment
        self._session = session
        self._root = aiohttp.encode_basic_auth("root", environment["RT_ROOT_PASSWORD"])
        self._agent = f"token {environment['RT_TOKEN']}"
        self._by_hand: list[str] = []
        self.secrets = (environment["RT_TOKEN"],)
        self.integration: RequestTracker = self.adapter()

    def adapter(self) -> RequestTracker:
        section = {
            "url": self._environment["RT_URL"],
            "queue": self._environment["RT_QUEUE"],
            "auth": {"token": {"credential": "rt"}},
        }
        secret = Secret(self._environment["RT_TOKEN"])
        ports = Ports(lambda _: secret, NoDatabase(), lambda: NOW)  # type: ignore[arg-type]  # never used
        return build("rt", msgspec.convert(section, Options), ports)

    async def ask(self, method: str, path: str, payload: object = None, *, root: bool = False) -> Any:
        url = f"{self._environment['RT_URL']}/REST/2.0{path}"
        headers = {"Authorization": self._root if root else self._agent, "Content-Type": "application/json"}
        data = None if payload is None else json.dumps(payload).encode()
        async with self._session.request(method, url, data=data, headers=headers) as reply:
            assert reply.status in (200, 201), await reply.text()
            return await reply.json()

    async def ids(self) -> list[str]:
        query = " OR ".join(f"'CF.{{DedupKey}}'='{key}'" for key in KEYS)
        page = await self.ask("GET", f"/tickets?per_page=100&query={quote(query)}")
        return sorted({*(str(item["id"]) for item in page["items"]), *self._by_hand}, key=int)

    async def clean(self) -> None:
        for ticket_id in await self.ids():
            await self.ask("PUT", f"/ticket/{ticket_id}", {"Status": "deleted"}, root=True)
        self._by_hand.clear()

    async def look(self) -> list[Seen]:
        return [await self._seen(ticket_id) for ticket_id in await self.ids()]

    async def _seen(self, ticket_id: str) -> Seen:
        ticket = await self.ask("GET", f"/ticket/{ticket_id}")
        texts = await self.ask("GET", f"/ticket/{ticket_id}/attachments?per_page=100&fields=Content")
        body, *notes = [item["Content"] for item in texts["items"]]
        fields = {field["name"]: field["values"] for field in ticket["CustomFields"]}
        return Seen(
            id=ticket_id,
            key="".join(fields["DedupKey"]),
            title=ticket["Subject"],
            body=body,
            notes=tuple(notes),
            state=STATES[ticket["Status"]],
            owner="" if ticket["Owner"]["id"] == "Nobody" else ticket["Owner"]["id"],
            impact=1 + CHOICES.index(fields["Impact"][0]) if fields["Impact"] else 0,
            urgency=1 + CHOICES.index(fields["Urgency"][0]) if fields["Urgency"] else 0,
            priority={100: 1, 75: 2, 50: 3, 25: 4}.get(int(ticket["Priority"]), 0),
            ci=tuple(fields["CI"]),
            linked=tuple(str(link["id"]) for link in ticket["_hyperlinks"] if link["ref"] == "refers-to"),
        )

    async def person(self, act: Person, ticket_id: str, who: str) -> None:
        change = {"Status": ACTS[act]} if act in ACTS else {"Owner": who}
        if act is Person.ACKNOWLEDGE:
            change["Status"] = "open"
        await self.ask("PUT", f"/ticket/{ticket_id}", change, root=True)

    async def foreign(self) -> str:
        payload = {"Queue": self._environment["RT_QUEUE"], "Subject": "by hand", "Content": "please help"}
        created = await self.ask("POST", "/ticket", {**payload, "CustomFields": {"CI": ["web-1"]}})
        self._by_hand.append(str(created["id"]))
        return str(created["id"])

    def lose_reply_after_commit(self, n: int = 1) -> None:
        raise NotImplementedError("a real server is not made to lose replies")

    lose_before_commit = lose_reply_after_commit
