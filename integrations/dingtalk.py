"""DingTalk, by a custom robot of a group: messages only (open.dingtalk.com, custom robots).

- ``POST /robot/send?access_token=``; with signing also ``timestamp`` (milliseconds) and ``sign`` in the query: base64
  of HMAC-SHA256 with the secret as the key over ``timestamp``, a line break and the secret.
- HTTP 200 says nothing: ``errcode`` 0 is success.
- 20 messages a minute; after more than that the robot is silent for ten minutes.
- About 20 kB a message. A text is shown as it is; mentions stand outside it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from integrations._hook import Hook, HookOptions, Soft, fitted
from integrations._one_way import OneWay
from integrations._sent_record import Message
from integrations.api import Capabilities, CredentialRef, Ports, Ref

_LIMIT = 15_000
"""Bytes of text, of about 20 kB that a message may have."""
_SOFT = Soft(busy=(130101, 410100, 90030), login=(300001, 310000, 400101, 400102, 400106), doubtful=(-1,), pause=600.0)


class Options(HookOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    token: Annotated[
        CredentialRef,
        Meta(description="The `access_token` of the robot's address", examples=[{"credential": "dingtalk-token"}]),
    ]
    secret: Annotated[
        CredentialRef | None,
        Meta(
            description="The robot's signing secret (`SEC...`), where signing is its security setting",
            examples=[{"credential": "dingtalk-secret"}],
        ),
    ] = None
    keyword: Annotated[
        str,
        Meta(description="A keyword that the robot demands in each message. Empty: none", examples=["Tocsin"]),
    ] = ""
    url: Annotated[str, Meta(description="Address of DingTalk", examples=["https://oapi.dingtalk.com"])] = (
        "https://oapi.dingtalk.com"
    )


def build(name: str, options: Options, ports: Ports) -> OneWay:
    limits = Capabilities(
        uncertainty=0, idempotent=False, title_limit=_LIMIT // 4, body_limit=_LIMIT, note_limit=_LIMIT, rate=0.3,
        burst=2,
    )  # fmt: skip
    return OneWay(name, DingTalkRobot(name, options, ports), limits, ports)


class _Reply(msgspec.Struct):
    errcode: int
    errmsg: str = ""


def signature(secret: str, timestamp: int) -> str:
    """DingTalk's: the secret is the key, and stands in the message, too."""
    message = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


class DingTalkRobot(Hook):
    def __init__(self, name: str, options: Options, ports: Ports) -> None:
        secret = [options.secret.credential] if options.secret else []
        super().__init__(name, options.url, [options.token.credential, *secret], ports, options.connection)
        self._options = options

    async def post(self, message: Message) -> Ref | None:
        options = self._options
        query = {"access_token": self.secret(options.token.credential)}
        if options.secret is not None:
            timestamp = self._ports.now()
            sign = signature(self.secret(options.secret.credential), timestamp)
            query |= {"timestamp": str(timestamp), "sign": sign}
        text = fitted(message, options.language, _LIMIT, in_bytes=True, keyword=options.keyword)
        payload = {"msgtype": "text", "text": {"content": text}, "at": {"isAtAll": False}}
        reply = await self.send(f"/robot/send?{urlencode(query)}", payload)
        said = reply.json(_Reply)
        _SOFT.check(self.name, reply, said.errcode, said.errmsg)
        return None
