"""PagerDuty's Events API v2: one open alert per dedup key, a new one after its end, resolves of nothing are dropped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from fakes.fake_http import Answer, FakeHttp, Request

KEY = "canary0routing0key0of032characters"[:32]


@dataclass
class Alert:
    key: str
    open: bool = True
    log: list[str] = field(default_factory=list)


class FakePagerDuty(FakeHttp):
    def __init__(self) -> None:
        super().__init__()
        self.alerts: list[Alert] = []

    def handle(self, request: Request) -> Answer:
        if (request.method, request.path) != ("POST", "/v2/enqueue"):
            return Answer(404, {"status": "not found"})
        event = json.loads(request.body)
        if event.get("routing_key") != KEY:
            return _invalid("'routing_key' is invalid")
        if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            return _invalid("'event_action' is invalid")
        key = event.get("dedup_key") or f"made-up-{len(self.alerts)}"
        if len(key) > 255:
            return _invalid("Length of 'dedup_key' is incorrect (should be between 0 and 255)")
        current = next((alert for alert in self.alerts if alert.key == key and alert.open), None)
        if event["event_action"] == "trigger":
            payload = event.get("payload", {})
            if not payload.get("summary") or len(payload["summary"]) > 1_024 or not payload.get("source"):
                return _invalid("'payload.summary' is missing or too long, or 'payload.source' is missing")
            if payload.get("severity") not in ("critical", "error", "warning", "info"):
                return _invalid("'payload.severity' is invalid")
            if len(request.body) > 512 * 1_024:
                return Answer(413, {"status": "too large"})
            if current is None:
                current = Alert(key)
                self.alerts.append(current)
            current.log.append(f"{payload['summary']}\n{payload['custom_details']['text']}")
        elif current is not None and event["event_action"] == "resolve":
            current.open = False
        return Answer(202, {"status": "success", "message": "Event processed", "dedup_key": key})


def _invalid(text: str) -> Answer:
    return Answer(400, {"status": "invalid event", "message": "Event object is invalid", "errors": [text]})
