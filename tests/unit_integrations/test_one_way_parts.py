"""Signatures, texts and the decisions about messages in doubt, without a server."""

from __future__ import annotations

from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations import _sent_record as sent
from integrations import alertmanager, dingtalk, feishu
from integrations._hook import fitted
from integrations._message_text import Language
from integrations._sent_record import Kind, Message, Record
from integrations.api import Note, Ports, Ref, Secret, Ticket, TicketState

KEY = "toc-0123456789abcdef0123456789abcdef"
DINGTALK = "jcUpW0QmtKduN03n4JqQ0PBosVjqnM8gU7fIIvsDmCM="
FEISHU = "XprR1de+0SSBnwWyU/4k6x2TL+Q2SJlM5NNEdAv7MWg="


def wish(**changes: Any) -> Ticket:
    values: dict[str, Any] = {
        "correlation_id": KEY, "episode": 1, "state": TicketState.OPEN, "title": "磁盘满 web-1", "body": "正文 body",
        "impact": 1, "urgency": 2, "priority": 2, "opened_at": 0, "ci": "web-1", "ci_id": "5d0f", "environment": "prod",
        **changes,
    }  # fmt: skip
    return Ticket(**values)


def record(**changes: Any) -> Record:
    values = {"id": 7, "ticket": wish(), "ref": Ref("7"), "created_at": 0, "updated_at": 0, **changes}
    return Record(**values)


def message(kind: Kind, **changes: Any) -> Message:
    return Message(**{"id": "x", "kind": kind, "ticket": wish(), "ref": Ref("7"), **changes})


def test_the_two_signatures_that_look_alike_are_not() -> None:
    """Made with OpenSSL: ``printf MESSAGE | openssl dgst -sha256 -mac HMAC -macopt key:KEY -binary | base64``."""
    assert dingtalk.signature("SECabc", 1_700_000_000_000) == DINGTALK
    assert feishu.signature("SECabc", 1_700_000_000) == FEISHU


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("language", Language)
def test_every_message_has_words_in_both_languages(kind: Kind, language: Language) -> None:
    text = fitted(message(kind, repeated=True, unsure=3), language, 5_000)
    assert "磁盘满 web-1" in text.splitlines()[0]
    assert text.endswith(f"web-1 · {KEY} · 1")
    assert ("May be a repetition" in text) is (language is Language.EN)
    assert ("3" in text.split("磁盘满")[1].replace(KEY, "")) is (kind is Kind.RESOLVED)


@given(st.text(max_size=3_000), st.text(max_size=3_000), st.integers(600, 4_000), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_text_fits_and_keeps_its_last_line(title: str, body: str, limit: int, in_bytes: bool) -> None:
    said = message(Kind.OPENED, ticket=wish(title=title, body=body))
    text = fitted(said, Language.ZH, limit, in_bytes=in_bytes, keyword="告警")
    assert (len(text.encode()) if in_bytes else len(text)) <= limit
    assert KEY in text.splitlines()[-1]
    assert "告警" in text


def test_a_keyword_stands_once() -> None:
    text = fitted(message(Kind.OPENED), Language.EN, 2_000, keyword="磁盘满")
    assert text.count("磁盘满") == 1


def _settled(before: Record, said: Message) -> Record:
    return sent.settle(sent.claim(before, said, 1), "", "", 1)


NOTES = (Note("n/1", "one"), Note("n/2", "two"), Note("n/3", "three"))


@pytest.mark.parametrize(
    ("idempotent", "arrives"), [*product((True, False), product((True, False), repeat=4))]
)  # every way in which four messages can be lost or only their replies
def test_whatever_is_lost_the_end_is_told_last_and_no_note_twice(idempotent: bool, arrives: tuple[bool, ...]) -> None:
    """Each message's reply is lost once; it arrived or not. What was told is as the contract says."""
    line = _settled(record(), sent.opening(record(), idempotent=idempotent))
    told: dict[str, Message] = {}
    shown: list[Message] = []

    def deliver(said: Message) -> None:
        if not (idempotent and said.id in told):
            shown.append(said)
        told[said.id] = said

    wishes = [
        wish(notes=NOTES[:1]),
        wish(notes=NOTES[:2]),
        wish(notes=NOTES),
        wish(notes=NOTES, state=TicketState.RESOLVED),
    ]
    for wanted, arrived in zip(wishes, arrives, strict=True):
        said = sent.following(line, wanted, idempotent=idempotent, notes=True)
        assert said is not None
        line = sent.claim(line, said, 1)
        if arrived:
            deliver(said)
    for _ in range(9):
        said = sent.following(line, wishes[-1], idempotent=idempotent, notes=True)
        if said is None:
            break
        deliver(said)
        line = _settled(line, said)
    assert line.state is TicketState.RESOLVED
    assert shown[-1].kind is Kind.RESOLVED
    markers = [note.marker for each in shown if not each.repeated for note in each.notes]
    if idempotent:
        assert sorted(markers) == ["n/1", "n/2", "n/3"]
        assert not any(each.repeated for each in shown)
        assert [each.kind for each in shown].count(Kind.RESOLVED) == 1
    else:
        assert len(markers) == len(set(markers))
        assert shown[-1].unsure + len(set(markers)) >= 3
        assert shown[-1].repeated


def test_nothing_is_due_when_everything_was_told() -> None:
    line = _settled(record(), sent.opening(record(), idempotent=True))
    assert sent.following(line, wish(), idempotent=True, notes=True) is None
    assert sent.following(line, wish(notes=NOTES), idempotent=True, notes=False) is None
    ended = msgspec.structs.replace(line, state=TicketState.RESOLVED)
    assert sent.following(ended, wish(state=TicketState.RESOLVED), idempotent=True, notes=True) is None
    assert sent.following(ended, wish(notes=NOTES), idempotent=True, notes=True) is None


@pytest.mark.parametrize("label", ["tocsin_id", "with-dash", "", "ünicode", "alertname", "1st"])
def test_a_label_that_alertmanager_would_refuse_or_that_is_ours_is_refused(label: str) -> None:
    options = msgspec.convert({"url": "http://127.0.0.1:9093", "labels": {label: "x"}}, alertmanager.Options)
    with pytest.raises(ValueError, match="labels names"):
        alertmanager.build("am", options, Ports(lambda _: Secret("x"), None, lambda: 0))  # type: ignore[arg-type]  # no database
