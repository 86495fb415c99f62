"""A receiver of webhooks: checks login and signature, gives numbers, and shows the events of one id once.

``events`` are what it has taken, in order; ``folds = False`` makes one that shows every repetition.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from fakes.fake_http import Answer, FakeHttp, Request

TOKEN, SECRET = "canary0webhook0token", "canary0webhook0secret"


class FakeReceiver(FakeHttp):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.folds = True

    def handle(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401, {"error": "who are you"})
        if request.method == "GET":
            found = [each for each in self.events if each["correlation_id"] == request.query.get("key")]
            items = [{"key": each["correlation_id"], "number": f"E-{self.events.index(each) + 1}"} for each in found]
            return Answer(200, {"data": {"items": items}}) if request.path == "/events" else Answer(404, {})
        signed = f"{request.headers.get('x-tocsin-timestamp')}.".encode() + request.body
        if (
            request.headers.get("x-tocsin-signature")
            != "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        ):
            return Answer(403, {"error": "the signature is wrong"})
        event = json.loads(request.body)
        assert event["id"] == request.headers["idempotency-key"]
        known = [each["id"] for each in self.events]
        if not (self.folds and event["id"] in known):
            self.events.append(event)
            known.append(event["id"])
        return Answer(200, {"code": 0, "data": {"number": f"E-{known.index(event['id']) + 1}", "link": "https://x/1"}})
