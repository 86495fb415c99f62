"""Feishu (Lark), by a custom bot of a group: messages only (open.feishu.cn, custom bots).

- ``POST /open-apis/bot/v2/hook/TOKEN``; with signing also ``timestamp`` (seconds) and ``sign`` in the body: base64 of
  HMAC-SHA256 over nothing, with ``timestamp``, a line break and the secret as the key. DingTalk's signature is another.
- HTTP 200 says nothing: ``code`` 0 is success.
- 100 messages a minute, 5 a second, and 20 kB each.
- In a message of the type ``text`` a mention can be written; in one of the type ``post`` a text is only text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Annotated

import msgspec
from msgspec import Meta

from integrations._hook import Hook, HookOptions, Soft, fitted
from integrations._http import segment
from integrations._one_way import OneWay
from integrations._sent_record import Message
from integrations.api import Capabilities, CredentialRef, Ports, Ref

_LIMIT = 12_000
"""Bytes of text, of the 20 kB that a body may have."""
_SOFT = Soft(busy=(11232,), login=(19001, 19021, 19022, 19024))


class Options(HookOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    token: Annotated[
        CredentialRef,
        Meta(
            description="The last part of the bot's address, after `/hook/`", examples=[{"credential": "feishu-token"}]
        ),
    ]
    secret: Annotated[
        CredentialRef | None,
        Meta(
            description="The bot's signing secret, where signing is one of its security settings",
            examples=[{"credential": "feishu-secret"}],
        ),
    ] = None
    keyword: Annotated[
        str, Meta(description="A keyword that the bot demands in each message. Empty: none", examples=["Tocsin"])
    ] = ""
    url: Annotated[
        str, Meta(description="Address of Feishu, or of Lark outside China", examples=["https://open.larksuite.com"])
    ] = "https://open.feishu.cn"


def build(name: str, options: Options, ports: Ports) -> OneWay:
    limits = Capabilities(
        uncertainty=0, idempotent=False, title_limit=_LIMIT // 4, body_limit=_LIMIT, note_limit=_LIMIT, rate=1.5,
        burst=4,
    )  # fmt: skip
    return OneWay(name, FeishuBot(name, options, ports), limits, ports)


class _Reply(msgspec.Struct):
    code: int
    msg: str = ""


def signature(secret: str, timestamp: int) -> str:
    """Feishu's: the time and the secret are the key, and the message is empty."""
    key = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


class FeishuBot(Hook):
    def __init__(self, name: str, options: Options, ports: Ports) -> None:
        secret = [options.secret.credential] if options.secret else []
        super().__init__(name, options.url, [options.token.credential, *secret], ports, options.connection)
        self._options = options

    async def post(self, message: Message) -> Ref | None:
        options = self._options
        payload: dict[str, object] = {}
        if options.secret is not None:
            timestamp = self._ports.now() // 1000
            payload = {
                "timestamp": str(timestamp),
                "sign": signature(self.secret(options.secret.credential), timestamp),
            }
        text = fitted(message, options.language, _LIMIT, in_bytes=True, keyword=options.keyword)
        title, _, rest = text.partition("\n\n")
        content = [[{"tag": "text", "text": line}] for line in rest.split("\n")]
        post = {"zh_cn": {"title": title, "content": content}}
        payload |= {"msg_type": "post", "content": {"post": post}}
        path = f"/open-apis/bot/v2/hook/{segment(self.secret(options.token.credential))}"
        reply = await self.send(path, payload)
        said = reply.json(_Reply)
        _SOFT.check(self.name, reply, said.code, said.msg)
        return None
