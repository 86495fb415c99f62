"""Alertmanager's API v2 as a sender sees it: an alert is its labels, and is over when its end has come.

An alert without an end gets one: ``resolve_timeout`` after it was sent. Checked against the real one by
``tests/contract/test_real_alertmanager.py``.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from fakes.fake_http import Answer, FakeHttp, Request

TOKEN = "canary0alertmanager0token"
RESOLVE_TIMEOUT = 300_000


@dataclass
class Alert:
    labels: dict[str, str]
    ends: int = 0
    began: int = 0
    ended: int = 0
    texts: list[str] = field(default_factory=list)


class FakeAlertmanager(FakeHttp):
    def __init__(self, now: Callable[[], int]) -> None:
        super().__init__()
        self.alerts: dict[str, Alert] = {}
        self._now = now

    def handle(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401, b"Unauthorized", {"Content-Type": "text/plain"})
        if (request.method, request.path) == ("GET", "/api/v2/status"):
            original = f"global:\n  resolve_timeout: {RESOLVE_TIMEOUT // 60_000}m\n"
            return Answer(200, {"config": {"original": original}, "versionInfo": {"version": "0.25.0"}})
        if (request.method, request.path) != ("POST", "/api/v2/alerts"):
            return Answer(404, b"not found", {"Content-Type": "text/plain"})
        for posted in json.loads(request.body):
            labels = posted["labels"]
            if not all(re.fullmatch(r"[a-zA-Z_]\w*", name) and value for name, value in labels.items()):
                return Answer(400, "bad label")
            begins, ends = _ms(posted.get("startsAt", "")), _ms(posted.get("endsAt", ""))
            if ends and begins > ends:
                return Answer(400, "start time must be before end time")
            alert = self.alerts.setdefault(json.dumps(labels, sort_keys=True), Alert(labels))
            was_open, alert.ends = alert.ends > self._now(), ends or self._now() + RESOLVE_TIMEOUT
            is_open = alert.ends > self._now()
            alert.began += is_open and not was_open
            alert.ended += was_open and not is_open
            if is_open and not was_open:
                alert.texts.append(f"{posted['annotations']['summary']}\n{posted['annotations']['description']}")
        return Answer(200, b"", {"Content-Type": "application/json"})


def _ms(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).timestamp() * 1000) if text else 0
