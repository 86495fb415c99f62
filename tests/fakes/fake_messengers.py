"""Slack, Teams, DingTalk, WeCom and Feishu as far as a bot sees them: each takes a message, or says why not in its way.

``texts`` are the messages that a reader of the group sees, in order. Signatures, sizes and secrets are checked as the
products do; ``trouble`` is the next answer instead of taking the message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from abc import abstractmethod
from collections.abc import Callable

from fakes.fake_http import Answer, FakeHttp, Request

PLAIN = {"Content-Type": "text/plain"}


class FakeMessenger(FakeHttp):
    token = "canary0token"
    secret = "SECcanary0secret"

    def __init__(self, now: Callable[[], int]) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._now = now

    def handle(self, request: Request) -> Answer:
        if request.method != "POST":
            return Answer(404, b"not here", PLAIN)
        return self.take(request)

    @abstractmethod
    def take(self, request: Request) -> Answer: ...


class FakeSlack(FakeMessenger):
    token = "T00/B00/canary0token"

    def take(self, request: Request) -> Answer:
        if request.path != f"/services/{self.token}":
            return Answer(403, b"invalid_token", PLAIN)
        data = json.loads(request.body)
        if not data.get("text"):
            return Answer(400, b"no_text", PLAIN)
        if len(data["text"]) > 40_000:
            return Answer(400, b"msg_too_long", PLAIN)
        text = data["text"]
        assert data["mrkdwn"] is False
        assert "<" not in text  # would be a link, a user or everybody
        for plain, escaped in ((">", "&gt;"), ("<", "&lt;"), ("&", "&amp;")):
            text = text.replace(escaped, plain)
        self.texts.append(text)
        return Answer(200, b"ok", PLAIN)


class FakeTeams(FakeMessenger):
    token = "workflows/a1/triggers/manual/paths/invoke?api-version=2016-06-01&sig=canary0token"

    def take(self, request: Request) -> Answer:
        if request.query.get("sig") != "canary0token":
            return Answer(401, {"error": {"code": "DirectApiAuthorizationRequired"}})
        if len(request.body) > 28_000:
            return Answer(413, {"error": {"code": "RequestEntityTooLarge"}})
        card = json.loads(request.body)["attachments"][0]["content"]
        assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
        self.texts.append("\n\n".join(block["inlines"][0]["text"] for block in card["body"]))
        return Answer(202, b"", PLAIN)


class FakeDingTalk(FakeMessenger):
    def take(self, request: Request) -> Answer:
        query = request.query
        if request.path != "/robot/send" or query.get("access_token") != self.token:
            return Answer(200, {"errcode": 300001, "errmsg": "token is not exist"})
        message = f"{query.get('timestamp')}\n{self.secret}".encode()
        sign = base64.b64encode(hmac.new(self.secret.encode(), message, hashlib.sha256).digest()).decode()
        fresh = abs(self._now() - int(query.get("timestamp", "0"))) < 3_600_000
        if query.get("sign") != sign or not fresh:
            return Answer(200, {"errcode": 310000, "errmsg": "sign not match, or the timestamp is invalid"})
        data = json.loads(request.body)
        if len(request.body) > 20_000 * 3:
            return Answer(200, {"errcode": 460101, "errmsg": "message too long"})
        assert data["msgtype"] == "text"
        self.texts.append(data["text"]["content"])
        return Answer(200, {"errcode": 0, "errmsg": "ok"})


class FakeWeCom(FakeMessenger):
    def take(self, request: Request) -> Answer:
        if request.query.get("key") != self.token:
            return Answer(200, {"errcode": 93000, "errmsg": "invalid webhook url"})
        content = json.loads(request.body)["text"]["content"]
        if len(content.encode()) > 2_048:
            return Answer(200, {"errcode": 40058, "errmsg": "text.content exceed max length 2048"})
        self.texts.append(content)
        return Answer(200, {"errcode": 0, "errmsg": "ok"})


class FakeFeishu(FakeMessenger):
    def take(self, request: Request) -> Answer:
        if request.path != f"/open-apis/bot/v2/hook/{self.token}":
            return Answer(200, {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"})
        data = json.loads(request.body)
        key = f"{data.get('timestamp')}\n{self.secret}".encode()
        sign = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
        if data.get("sign") != sign or abs(self._now() // 1000 - int(data["timestamp"])) > 3_600:
            return Answer(200, {"code": 19021, "msg": "sign match fail or timestamp is not within one hour"})
        if len(request.body) > 20_480 * 2:
            return Answer(200, {"code": 9499, "msg": "Bad Request"})
        post = data["content"]["post"]["zh_cn"]
        lines = ["".join(part["text"] for part in line) for line in post["content"]]
        self.texts.append("\n\n".join((post["title"], "\n".join(lines))))
        return Answer(200, {"code": 0, "msg": "success", "data": {}})
