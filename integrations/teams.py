"""Microsoft Teams, by a workflow that posts what its HTTP trigger receives: messages only.

- The address is the secret: the credential is everything after the host, with the query (``sig=`` is the signature).
- The workflow's template "Post to a channel when a webhook request is received" takes an adaptive card and answers 202.
  An address of the old connectors answers 200 with ``1``, and 200 with a sentence when it failed.
- The card's text runs are literal: nothing in them is a link, a mention or a format.
- At most four messages a second, 28 kB each.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from integrations._hook import Hook, HookOptions, fitted
from integrations._message_text import heading
from integrations._one_way import OneWay
from integrations._sent_record import Message
from integrations._text import cut
from integrations.api import Capabilities, CredentialRef, NotSent, Ports, Ref

_LIMIT = 4_000
"""Characters; JSON may take six bytes for one."""


class Options(HookOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Annotated[
        str,
        Meta(
            description="Host of the workflow's address, as `https://HOST`",
            examples=["https://default0123.45.environment.api.powerplatform.com"],
        ),
    ]
    hook: Annotated[
        CredentialRef,
        Meta(
            description="The secret part of the address: everything after the host, with the query",
            examples=[{"credential": "teams-hook"}],
        ),
    ]


def build(name: str, options: Options, ports: Ports) -> OneWay:
    limits = Capabilities(
        uncertainty=0, idempotent=False, title_limit=_LIMIT // 4, body_limit=_LIMIT, note_limit=_LIMIT, rate=2, burst=4
    )
    return OneWay(name, TeamsHook(name, options, ports), limits, ports)


class TeamsHook(Hook):
    def __init__(self, name: str, options: Options, ports: Ports) -> None:
        super().__init__(name, options.url, [options.hook.credential], ports, options.connection)
        self._options = options

    async def post(self, message: Message) -> Ref | None:
        text = fitted(message, self._options.language, _LIMIT)
        card = {
            "type": "AdaptiveCard",
            "version": "1.4",
            "fallbackText": cut(heading(message, self._options.language), 200),
            "body": [
                {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": paragraph}]}
                for paragraph in text.split("\n\n")
            ],
        }
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        path = "/" + self.secret(self._options.hook.credential).lstrip("/")
        reply = await self.send(path, {"type": "message", "attachments": [attachment]})
        if "HTTP error 429" in reply.said:
            raise NotSent(f"{self.name}: Teams takes no more messages for now; it said: {reply.said}", retry_after=30)
        if reply.status != 202 and (reply.status, reply.said) != (200, "1"):
            raise reply.unexpected(f"answered {reply.status} where 202 was expected")
        return None
