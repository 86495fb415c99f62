"""What people can do at the embedded desk, as one table for the page's forms and for the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum

import msgspec

from integrations.api import BadInput, DeskBook, DeskTicket, RemoteState

Perform = Callable[[DeskBook, str, Mapping[str, str]], Awaitable[DeskTicket]]


class Kind(Enum):
    """How a field is filled in on the page."""

    LINE = "line"
    TEXT = "text"
    PRIORITY = "priority"


class Field(msgspec.Struct, frozen=True):
    """``name`` is the parameter of the API, ``label`` what a person reads beside it."""

    name: str
    label: str
    kind: Kind = Kind.LINE
    optional: bool = False


class Action(msgspec.Struct, frozen=True):
    """One thing to do with a ticket.

    ``fields`` are those besides ``who``, in order. ``states`` are those in which the page offers it; the desk itself
    has the last word.
    """

    label: str
    fields: tuple[Field, ...]
    states: frozenset[RemoteState]
    perform: Perform


ACTIVE = frozenset(state for state in RemoteState if state.active)
RESOLVED = frozenset({RemoteState.RESOLVED})


def _acknowledge(desk: DeskBook, ticket: str, form: Mapping[str, str]) -> Awaitable[DeskTicket]:
    return desk.acknowledge(ticket, form["who"], form.get("note", ""))


def _assign(desk: DeskBook, ticket: str, form: Mapping[str, str]) -> Awaitable[DeskTicket]:
    return desk.assign(ticket, form["who"], form.get("owner", ""), form.get("group") or None)


def _note(desk: DeskBook, ticket: str, form: Mapping[str, str]) -> Awaitable[DeskTicket]:
    return desk.note(ticket, form["who"], form.get("text", ""))


def _prioritise(desk: DeskBook, ticket: str, form: Mapping[str, str]) -> Awaitable[DeskTicket]:
    text = form.get("priority", "")
    if text not in ("1", "2", "3", "4"):
        raise BadInput(f"priority is {text[:20]!r}; write 1, 2, 3 or 4")
    return desk.prioritise(ticket, form["who"], int(text))


def _hold(desk: DeskBook, ticket: str, form: Mapping[str, str]) -> Awaitable[DeskTicket]:
    return desk.hold(ticket, form["who"], form.get("reason", ""))


def _resolve(desk: DeskBook, ticket: str, form: Mapping[str, str]) -> Awaitable[DeskTicket]:
    return desk.resolve(ticket, form["who"], form.get("code", "") or "Solution provided", form.get("text", ""))


def _reopen(desk: DeskBook, ticket: str, form: Mapping[str, str]) -> Awaitable[DeskTicket]:
    return desk.reopen(ticket, form["who"], form.get("note", ""))


def _close(desk: DeskBook, ticket: str, form: Mapping[str, str]) -> Awaitable[DeskTicket]:
    return desk.close(ticket, form["who"])


def _cancel(desk: DeskBook, ticket: str, form: Mapping[str, str]) -> Awaitable[DeskTicket]:
    return desk.cancel(ticket, form["who"], form.get("reason", ""))


_REASON = Field("reason", "Why", Kind.TEXT)

ACTIONS: Mapping[str, Action] = {
    "acknowledge": Action("Acknowledge", (Field("note", "Note", Kind.TEXT, optional=True),), ACTIVE, _acknowledge),
    "note": Action("Add a note", (Field("text", "Note", Kind.TEXT),), frozenset(RemoteState), _note),
    "resolve": Action(
        "Resolve",
        (Field("text", "What was wrong, and what was done", Kind.TEXT), Field("code", "Code", optional=True)),
        ACTIVE,
        _resolve,
    ),
    "assign": Action(
        "Assign", (Field("owner", "Owner", optional=True), Field("group", "Group", optional=True)), ACTIVE, _assign
    ),
    "prioritise": Action("Change priority", (Field("priority", "Priority", Kind.PRIORITY),), ACTIVE, _prioritise),
    "hold": Action("Put on hold", (_REASON,), ACTIVE - {RemoteState.ON_HOLD}, _hold),
    "cancel": Action("Cancel", (_REASON,), ACTIVE, _cancel),
    "reopen": Action("Reopen", (Field("note", "Why", Kind.TEXT),), RESOLVED, _reopen),
    "close": Action("Close", (), RESOLVED, _close),
}


async def perform(desk: DeskBook, ticket: str, action: str, form: Mapping[str, str]) -> DeskTicket:
    """Do ``action``; raises DeskError with a text for the person."""
    known = ACTIONS.get(action)
    if known is None:
        raise BadInput(f"there is no action {action[:40]!r}; there are: {', '.join(ACTIONS)}")
    fields = [field.name for field in known.fields]
    unknown = sorted(set(form) - {"who", *fields})
    if unknown:
        raise BadInput(f"{action} takes who and {', '.join(fields) or 'nothing else'}; not {unknown[0][:40]!r}")
    if not form.get("who"):
        raise BadInput("who is empty; say who you are")
    return await known.perform(desk, ticket, form)
