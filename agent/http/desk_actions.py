"""What people can do at the embedded desk, as one table for the page's forms and for the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from integrations.api import BadInput, DeskBook, DeskTicket, RemoteState

Perform = Callable[[DeskBook, str, Mapping[str, str]], Awaitable[DeskTicket]]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do with a ticket.

    ``fields`` are the form's fields besides ``who``, in order; those in ``optional`` may be empty. ``states`` are those
    in which the page offers it; the desk itself has the last word.
    """

    label: str
    fields: tuple[str, ...]
    optional: frozenset[str]
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


_NONE: frozenset[str] = frozenset()

ACTIONS: Mapping[str, Action] = {
    "acknowledge": Action("Acknowledge", ("note",), frozenset({"note"}), ACTIVE, _acknowledge),
    "note": Action("Add a note", ("text",), _NONE, frozenset(RemoteState), _note),
    "resolve": Action("Resolve", ("text", "code"), frozenset({"code"}), ACTIVE, _resolve),
    "assign": Action("Assign", ("owner", "group"), frozenset({"owner", "group"}), ACTIVE, _assign),
    "prioritise": Action("Change priority", ("priority",), _NONE, ACTIVE, _prioritise),
    "hold": Action("Put on hold", ("reason",), _NONE, ACTIVE - {RemoteState.ON_HOLD}, _hold),
    "cancel": Action("Cancel", ("reason",), _NONE, ACTIVE, _cancel),
    "reopen": Action("Reopen", ("note",), _NONE, RESOLVED, _reopen),
    "close": Action("Close", (), _NONE, RESOLVED, _close),
}


async def perform(desk: DeskBook, ticket: str, action: str, form: Mapping[str, str]) -> DeskTicket:
    """Do ``action``; raises DeskError with a text for the person."""
    known = ACTIONS.get(action)
    if known is None:
        raise BadInput(f"there is no action {action[:40]!r}; there are: {', '.join(ACTIONS)}")
    unknown = set(form) - {"who", *known.fields}
    if unknown:
        raise BadInput(
            f"{action} takes who and {', '.join(known.fields) or 'nothing else'}; not {', '.join(sorted(unknown))}"
        )
    if not form.get("who"):
        raise BadInput("who is empty; say who you are")
    return await known.perform(desk, ticket, form)
