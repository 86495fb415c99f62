"""The life of an incident as the ITSM owner writes it: the section ``incident``. See ``agent.core.policy``."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta

from agent.core.section import MINUTE, Duration, Section


class Language(Enum):
    """Language of ticket text."""

    EN = "en"
    ZH = "zh"


class Ended(Enum):
    """How an episode ended, as the table `again` sees it."""

    RESOLVED_BY_US = "resolved_by_us"
    RESOLVED_BY_PERSON = "resolved_by_person"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    GONE = "gone"
    NOT_MONITORED = "not_monitored"
    SUPERSEDED = "superseded"


class Then(Enum):
    """What to do about a fault whose ticket has ended."""

    REOPEN = "reopen"
    NEW = "new"
    LEAVE = "leave"


class ThenNew(Enum):
    """What to do where the ticket itself cannot or must not come back."""

    NEW = "new"
    LEAVE = "leave"


REOPENABLE = frozenset({Ended.RESOLVED_BY_US, Ended.RESOLVED_BY_PERSON})


class Again(Section, frozen=True):
    """What a fault does that fires again after its episode ended. The first row that fits wins; none: ``new``."""

    ended: Annotated[Ended, Meta(description="how the last episode ended")]
    within: Annotated[
        Duration, Meta(description="the row counts while the end is at most this long ago", examples=["30m"])
    ]
    then: Annotated[
        Then, Meta(description="`reopen` the same ticket, open a `new` one, or `leave` it without a ticket")
    ]

    def __post_init__(self) -> None:
        if self.ended is Ended.SUPERSEDED:
            raise ValueError("a ticket that ended as `superseded` is followed by a new one at once; take this row out")
        if self.then is Then.REOPEN and self.ended not in REOPENABLE:
            raise ValueError(
                f"a ticket that ended as `{self.ended.value}` is not reopened: it was meant to stay ended; "
                "use `new` or `leave`"
            )


class StandBy(Section, frozen=True):
    """A person resolved the ticket while the fault was still there: we stand by it for `after`, and then do `then`."""

    after: Annotated[Duration, Meta(description="how long the person's word stands", examples=["30m"])] = 30 * MINUTE
    then: Annotated[Then, Meta(description="`reopen` the ticket, open a `new` one, or `leave` it to people")] = (
        Then.REOPEN
    )


class StandByNew(Section, frozen=True):
    """As above, where the ticket itself does not come back."""

    after: Annotated[Duration, Meta(description="how long the person's word stands", examples=["30m"])] = 30 * MINUTE
    then: Annotated[
        ThenNew, Meta(description="open a `new` ticket that names the old one, or `leave` it to people")
    ] = ThenNew.NEW


class OnHold(Enum):
    """What recovery does to a ticket that a person put on hold."""

    WAIT = "wait"
    RESOLVE = "resolve"


class Notes(Section, frozen=True):
    """Bounds on work notes, so that a ticket stays readable. What is not noted is in the timeline."""

    max: Annotated[int, Meta(ge=1, le=1000, description="notes per ticket at most")] = 40
    reserved: Annotated[
        int,
        Meta(ge=0, le=1000, description="of these, kept for re-grading and reopening; the rest is for changed members"),
    ] = 10
    members: Annotated[
        int, Meta(ge=1, le=200, description="members listed in a ticket or note; the rest are counted")
    ] = 20

    def __post_init__(self) -> None:
        if self.reserved > self.max:
            raise ValueError(f"notes.reserved ({self.reserved}) is larger than notes.max ({self.max}); lower it")


class Mandatory(Enum):
    """A field that must not be empty when a ticket is opened. CI, times, title and description never are."""

    CATEGORY = "category"
    SUBCATEGORY = "subcategory"
    SERVICE = "service"
    ASSIGNMENT_GROUP = "assignment_group"


class IncidentPolicy(Section, frozen=True):
    """The life of an incident."""

    language: Annotated[Language, Meta(description="language of ticket text")] = Language.EN
    cool_down: Annotated[
        Duration,
        Meta(description="how long the evidence of recovery must last before the ticket is resolved", examples=["60s"]),
    ] = MINUTE
    good_evaluations: Annotated[
        int, Meta(ge=2, le=1000, description="evaluations without the fault that the cool-down must hold at least")
    ] = 2
    no_data_close_after: Annotated[
        Duration | None,
        Meta(
            description="close an incident without data as no longer monitored after this time; not set: hold it open",
            examples=["24h"],
        ),
    ] = None
    again: Annotated[tuple[Again, ...], Meta(description="what a fault that fires again does, by end and age")] = (
        Again(ended=Ended.RESOLVED_BY_US, within=30 * MINUTE, then=Then.REOPEN),
        Again(ended=Ended.RESOLVED_BY_PERSON, within=10 * MINUTE, then=Then.REOPEN),
    )
    resolved_by_person: Annotated[StandBy, Meta(description="a person resolved it, and it still fires")] = StandBy()
    closed_by_person: Annotated[StandByNew, Meta(description="a person closed it, and it still fires")] = StandByNew()
    cancelled_by_person: Annotated[StandByNew, Meta(description="a person cancelled it, and it still fires")] = (
        StandByNew(then=ThenNew.LEAVE)
    )
    ticket_gone: Annotated[
        StandByNew, Meta(description="the ticket was deleted or merged away, and it still fires")
    ] = StandByNew(after=5 * MINUTE)
    on_hold: Annotated[
        OnHold, Meta(description="recovered while a person holds the ticket: `wait` for the hold to end, or `resolve`")
    ] = OnHold.WAIT
    notes: Annotated[Notes, Meta(description="bounds on work notes")] = Notes()
    mandatory: Annotated[
        tuple[Mandatory, ...],
        Meta(description="fields without which no ticket is sent; it waits, visibly, until they are set"),
    ] = (Mandatory.CATEGORY,)
