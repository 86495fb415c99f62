"""A message in words for people, in English or Chinese: plain text, which no messenger interprets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from integrations._sent_record import Kind, Message
from integrations._text import clean, clean_line, cut


class Language(Enum):
    """Of the few words around a ticket's own text."""

    EN = "en"
    ZH = "zh"


_HEADS: Mapping[Language, Mapping[Kind, str]] = {
    Language.EN: {
        Kind.OPENED: "Opened",
        Kind.NOTED: "News",
        Kind.RESOLVED: "Resolved",
        Kind.REOPENED: "Open again",
        Kind.REFRESHED: "Still open",
    },
    Language.ZH: {
        Kind.OPENED: "故障",
        Kind.NOTED: "进展",
        Kind.RESOLVED: "恢复",
        Kind.REOPENED: "再次发生",
        Kind.REFRESHED: "仍未恢复",
    },
}
_REPEATED = {
    Language.EN: "(May be a repetition: the answer to the first message was lost.)",
    Language.ZH: "(可能重复:上一条消息没有收到应答。)",
}
_UNSURE = {
    Language.EN: "({} notes may not have arrived.)",
    Language.ZH: "(有 {} 条进展可能未送达。)",
}


def heading(message: Message, language: Language) -> str:
    """One line: what happened, how bad, and the ticket's title."""
    return f"[{_HEADS[language][message.kind]}] P{message.ticket.priority} {clean_line(message.ticket.title)}"


def details(message: Message, language: Language) -> str:
    """Everything below the heading, without surrounding blanks."""
    ticket = message.ticket
    parts = []
    if message.kind in (Kind.OPENED, Kind.REOPENED, Kind.REFRESHED):
        parts.append(ticket.body)
    parts += [note.text for note in message.notes]
    if message.kind is Kind.RESOLVED:
        parts.append(ticket.resolution_text)
        if message.unsure:
            parts.append(_UNSURE[language].format(message.unsure))
    if message.repeated:
        parts.insert(0, _REPEATED[language])
    return "\n\n".join(text for part in parts if (text := clean(part).strip()))


def reference(message: Message) -> str:
    """The last line, never cut further: which CI, and the id by which the messages of one fault belong together."""
    ticket = message.ticket
    return f"{cut(clean_line(ticket.ci), 80)} · {ticket.correlation_id} · {ticket.episode}"
