"""Why an incident is as it is: its history as an ordered list of decisions in words, and what would change it next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from agent.core import standby
from agent.core.incident_policy import IncidentPolicy, Then
from agent.core.model import Incident, IncidentState, MemberState, TimelineEntry
from agent.core.reason import Kind, Reason
from agent.core.timers import give_up_due, note_due, resolve_due, waits_for_hold

Detail = Mapping[str, str]


class Line(msgspec.Struct, frozen=True):
    """One decision in words. ``at`` is None for what has not happened yet."""

    at: int | None
    reason: str
    text: str


def explain(incident: Incident, timeline: Iterable[TimelineEntry], policy: IncidentPolicy) -> tuple[Line, ...]:
    """The decisions about this incident, oldest first, then how it stands and what comes next.

    The same for every order in which entries of different times are given; entries of one moment keep theirs.
    """
    own = sorted((entry for entry in timeline if entry.incident == incident.id), key=lambda entry: entry.at)
    told = [Line(entry.at, entry.reason, _told(entry)) for entry in own]
    if incident.test:
        told.insert(
            0, Line(incident.created_at, "drill", "a drill: nothing is broken, and every value below is made up")
        )
    return (*told, Line(None, incident.reason, _stands(incident)), *_next(incident, policy))


def duration(ms: int) -> str:
    """A length of time as people write it: ``45s``, ``5m``, ``1h30m``, ``2d``."""
    seconds = max(0, ms) // 1000
    parts = []
    for name, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts[:2]) or "0s"


def _told(entry: TimelineEntry) -> str:
    if entry.kind == Kind.NOTE.value:
        return f"note {entry.detail.get('note', '')} written: {entry.detail.get('about', '').replace('_', ' ')}"
    try:
        words = _WORDS[Reason(entry.reason)]
    except (ValueError, KeyError):
        return ", ".join([entry.reason, *(f"{name} {entry.detail[name]}" for name in sorted(entry.detail))])
    return words(entry.detail)


def _with(text: str, *names: str) -> Callable[[Detail], str]:
    """Words followed by those of the named details that are there."""

    def words(detail: Detail) -> str:
        given = [f"{name.replace('_', ' ')}: {detail[name]}" for name in names if detail.get(name)]
        return f"{text} ({'; '.join(given)})" if given else text

    return words


def _classified(detail: Detail) -> str:
    fields = ("category", "subcategory", "service", "assignment_group", "impact", "urgency")
    known = "; ".join(f"{field.replace('_', ' ')} {detail[field]}" for field in fields if detail.get(field))
    unknown = [field.replace("_", " ") for field in fields if not detail.get(field)]
    nothing = f"; nothing says which {' or '.join(unknown)}" if unknown else ""
    return f"classified and graded: {detail.get('cell', '')}; {known}{nothing}"


def _about_members(detail: Detail) -> str:
    states = (("firing", "firing"), ("no_data", "without data"), ("recovered", "over"), ("retired", "not monitored"))
    said = [f"{words} {detail[state]}" for state, words in states if detail.get(state)]
    said += [f"evidence {detail['evidence']}"] if detail.get("evidence") else []
    return "members changed: " + "; ".join(said)


def _age(text: str) -> Callable[[Detail], str]:
    def words(detail: Detail) -> str:
        age = detail.get("age_ms", "")
        ago = f", {duration(int(age))} after it ended as {detail.get('ended', '')}" if age.isdigit() else ""
        return text + ago

    return words


_WORDS: Mapping[Reason, Callable[[Detail], str]] = {
    Reason.NEW_FAULT: _with("first firing of this fault", "rule", "ci", "episode"),
    Reason.NEW_EPISODE: _with("fires again; the table `again` asks for a new ticket", "rule", "ci", "episode"),
    Reason.ROUTED: _with("routed by the tree", "path", "backends"),
    Reason.CLASSIFIED: _classified,
    Reason.GATHERED: _with("group_wait is over: ticket opened"),
    Reason.MANDATORY_MISSING: _with("held back: a mandatory field is empty; set it in `classification`", "missing"),
    Reason.MEMBERS_CHANGED: _about_members,
    Reason.REGRADED: _with("got worse, so the grade was raised", "from", "to", "cell", "severity"),
    Reason.NO_DATA: _with("the evidence is missing: held open, which is no recovery"),
    Reason.FIRING_AGAIN: _with("fires on fresh data: open, and the cool-down starts over"),
    Reason.RECOVERING: _with("evidence shows that all members are over: the cool-down runs"),
    Reason.CONDITION_BACK: _with("the condition is true again and waits for the rule's `for`: the cool-down waits too"),
    Reason.WAITING_FOR_HOLD: _with("over, but a person holds the ticket: not resolved until the hold ends"),
    Reason.RECOVERED: _with("resolved on evidence after the cool-down", "evidence"),
    Reason.RECOVERED_AFTER_PERSON: _with("over; a person had ended the ticket already", "ended", "evidence"),
    Reason.NO_LONGER_MONITORED: _with("closed as no longer monitored: the rule or CI left the configuration"),
    Reason.NO_DATA_TOO_LONG: _with("closed as no longer monitored: without data beyond `no_data_close_after`"),
    Reason.SUPERSEDED: _with("still firing after a person's word had stood its time: a new ticket follows"),
    Reason.REOPENED_WITHIN_WINDOW: _age("fires again; the table `again` reopens the same ticket"),
    Reason.REOPENED_PERSON_HAS_IT_OPEN: _age("fires again; a person has the ticket open, so it goes on there"),
    Reason.LEFT_TO_PERSON: _with("fires again; the table `again` leaves it to people", "ended"),
    Reason.ACKNOWLEDGED: _with("a person took the ticket", "backend", "owner"),
    Reason.PUT_ON_HOLD: _with("a person put the ticket on hold", "backend"),
    Reason.TAKEN_OFF_HOLD: _with("the hold ended", "backend"),
    Reason.CHANGED_BY_PERSON: _with("a person changed the ticket", "backend", "owner", "assignment_group", "priority"),
    Reason.RESOLVED_BY_PERSON: _with("a person resolved the ticket", "backend", "number", "raw"),
    Reason.CLOSED_BY_PERSON: _with("a person closed the ticket", "backend", "number", "raw"),
    Reason.CANCELLED_BY_PERSON: _with("a person cancelled the ticket", "backend", "number", "raw"),
    Reason.TICKET_GONE: _with("the ticket was deleted or merged away", "backend", "number"),
    Reason.REOPENED_BY_PERSON: _with("a person opened the ticket again", "backend", "number"),
    Reason.REOPENED_STILL_FIRING: _with("still firing after a person resolved it: reopened", "backends"),
    Reason.SEEN: _with("the ticket exists", "backend", "number", "url"),
    Reason.ADOPTED: _with("rebuilt from an open ticket after the state was lost", "ticket", "members", "members_left"),
}


def _stands(incident: Incident) -> str:
    counts = {state: sum(member.state is state for member in incident.members) for state in MemberState}
    members = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    try:
        why = _WORDS[Reason(incident.reason)]({})
    except (ValueError, KeyError):
        why = incident.reason
    return f"{incident.state.value} ({why}); members: {members}; P{incident.priority}"


def _next(incident: Incident, policy: IncidentPolicy) -> Iterable[Line]:
    """What would change it, without a new alert."""
    if incident.state is IncidentState.RESOLVED:
        for row in policy.again:
            if row.ended is incident.ended:
                within = duration(row.within)
                yield _hence(
                    f"if it fires again within {within} of the end: {row.then.value}; the first such row counts"
                )
        yield _hence("if it fires again and no row of `again` fits: new")
        return
    person = standby.stands_by(incident)
    if person is not None:
        after, then = standby.verdict(person, policy)
        wait = "" if then is Then.LEAVE else f" {duration(after)} after the person's act"
        yield _hence(f"a person ended the ticket ({person.state}); while it fires: {then.value}{wait}")
    if note_due(incident, policy) is not None:
        yield _hence(f"changed members are told in a note, one per {duration(incident.group_interval)}")
    if incident.state is IncidentState.RECOVERING:
        yield _hence(_recovering(incident, policy))
    if give_up_due(incident, policy) is not None:
        yield _hence(f"without data for {duration(policy.no_data_close_after or 0)}: closed as no longer monitored")
    if incident.state in (IncidentState.OPEN, IncidentState.NO_DATA):
        yield _hence("evidence that every member is over starts the cool-down; missing data resolves nothing")


def _recovering(incident: Incident, policy: IncidentPolicy) -> str:
    if waits_for_hold(incident, policy):
        return "resolved when the person takes the ticket off hold"
    if resolve_due(incident, policy) is not None:
        return f"resolved when the cool-down of {duration(policy.cool_down)} is over"
    return (
        f"resolved after {duration(policy.cool_down)} and {policy.good_evaluations} evaluations without the fault "
        f"({incident.good_evaluations} so far)"
    )


def _hence(text: str) -> Line:
    return Line(None, "next", text)
