"""WeCom (Enterprise WeChat), by a group robot: messages only (developer.work.weixin.qq.com, group robots).

- ``POST /cgi-bin/webhook/send?key=``: the key is the only secret, nothing is signed.
- HTTP 200 says nothing: ``errcode`` 0 is success.
- 20 messages a minute. A text has at most 2048 bytes of UTF-8, not characters; it is shown as it is, and mentions stand
  outside it.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from integrations._hook import Hook, HookOptions, Soft, fitted
from integrations._one_way import OneWay
from integrations._sent_record import Message
from integrations.api import Capabilities, CredentialRef, Ports, Ref

_LIMIT = 2_048
_SOFT = Soft(busy=(45009,), login=(93000, 40001, 40014), doubtful=(-1,))


class Options(HookOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    key: Annotated[
        CredentialRef, Meta(description="The `key` of the robot's address", examples=[{"credential": "wecom-key"}])
    ]
    url: Annotated[str, Meta(description="Address of WeCom", examples=["https://qyapi.weixin.qq.com"])] = (
        "https://qyapi.weixin.qq.com"
    )


def build(name: str, options: Options, ports: Ports) -> OneWay:
    limits = Capabilities(
        uncertainty=0, idempotent=False, title_limit=_LIMIT // 4, body_limit=_LIMIT, note_limit=_LIMIT, rate=0.3,
        burst=2,
    )  # fmt: skip
    return OneWay(name, WeComRobot(name, options, ports), limits, ports)


class _Reply(msgspec.Struct):
    errcode: int
    errmsg: str = ""


class WeComRobot(Hook):
    def __init__(self, name: str, options: Options, ports: Ports) -> None:
        super().__init__(name, options.url, [options.key.credential], ports, options.connection)
        self._options = options

    async def post(self, message: Message) -> Ref | None:
        key = self.secret(self._options.key.credential)
        text = fitted(message, self._options.language, _LIMIT, in_bytes=True)
        payload = {"msgtype": "text", "text": {"content": text}}
        reply = await self.send(f"/cgi-bin/webhook/send?{urlencode({'key': key})}", payload)
        said = reply.json(_Reply)
        _SOFT.check(self.name, reply, said.errcode, said.errmsg)
        return None
