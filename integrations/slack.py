"""Slack, by an incoming webhook: messages only (docs.slack.dev, Incoming webhooks).

- The address is the secret: ``https://hooks.slack.com/services/T.../B.../...``; the credential is what follows
  ``/services/``.
- Success is the plain text ``ok``. A message cannot be read back or folded: what is in doubt is sent again and says
  that it may be a repetition.
- ``&``, ``<`` and ``>`` begin links and mentions, so they are escaped; formatting is switched off.
- One message per second; more is 429 with Retry-After.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from msgspec import Meta

from integrations._hook import Hook, HookOptions, fitted
from integrations._one_way import OneWay
from integrations._sent_record import Message
from integrations.api import Capabilities, CredentialRef, Ports, Ref

_LIMIT = 12_000
"""Characters before escaping; Slack cuts a text after 40,000, and an escape takes at most five for one."""


class Options(HookOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    hook: Annotated[
        CredentialRef,
        Meta(
            description="The secret part of the webhook's address, after `/services/`",
            examples=[{"credential": "slack-hook"}],
        ),
    ]
    url: Annotated[str, Meta(description="Address of Slack's webhooks", examples=["https://hooks.slack-gov.com"])] = (
        "https://hooks.slack.com"
    )


def build(name: str, options: Options, ports: Ports) -> OneWay:
    limits = Capabilities(
        uncertainty=0, idempotent=False, title_limit=_LIMIT // 4, body_limit=_LIMIT, note_limit=_LIMIT, rate=1, burst=1
    )
    return OneWay(name, SlackHook(name, options, ports), limits, ports)


class SlackHook(Hook):
    def __init__(self, name: str, options: Options, ports: Ports) -> None:
        super().__init__(name, options.url, [options.hook.credential], ports, options.connection)
        self._options = options

    async def post(self, message: Message) -> Ref | None:
        text = fitted(message, self._options.language, _LIMIT)
        for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(plain, escaped)
        payload = {"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
        path = f"/services/{quote(self.secret(self._options.hook.credential), safe='/')}"
        reply = await self.send(path, payload)
        if reply.status != 200 or reply.said != "ok":
            raise reply.unexpected("did not answer `ok`")
        return None
