"""The format of scenario files: which keys there are, and what each holds. ``docs/testing-rules.md`` explains them."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.core.section import Duration, Section
from rules.api import Labels, Node

TOP_KEY = "scenarios"
"""What tells a scenario file from a file of ``promtool test rules``."""
MAX_SERIES = 10_000
MAX_RUN = 31 * 86_400_000
"""The longest scenario in ms."""


class Written:
    """A part of the file as it stands there, or nothing."""

    def __init__(self, node: Node | None) -> None:
        self.node = node


class SeriesName:
    """``up{job="a"}`` as metric name and labels."""

    def __init__(self, name: str, labels: Labels) -> None:
        self.name = name
        self.labels = labels


class Values:
    """One value for each step; None where nothing is given."""

    def __init__(self, values: tuple[float | None, ...]) -> None:
        self.values = values


class Moment:
    """A time, in ms since the epoch."""

    def __init__(self, at: int) -> None:
        self.at = at


NOTHING = Written(None)
BEGIN = Moment(1_767_225_600_000)
"""2026-01-01T00:00:00Z."""


class InputSeries(Section, frozen=True):
    """One series, given by a collector."""

    series: SeriesName
    values: Values
    collector: Annotated[str, Meta(min_length=1, max_length=100)] = "scenario"


class PersonAct(Enum):
    """What a person does to a ticket."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    NOTE = "note"
    PRIORITISE = "prioritise"
    HOLD = "hold"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    CLOSE = "close"
    CANCEL = "cancel"


class Person(Section, frozen=True):
    """A person's act. ``ticket`` is a number; without it the newest ticket of the backend is meant."""

    act: PersonAct
    ticket: str = ""
    backend: str = ""
    who: Annotated[str, Meta(min_length=1, max_length=100)] = "kim"
    text: str = ""
    owner: str = ""
    priority: Annotated[int, Meta(ge=1, le=4)] = 3


class Step(Section, frozen=True):
    """Something that is done, or expected, at a time of the scenario."""

    at: Duration
    expect: Written = NOTHING
    person: Person | None = None
    collectors_down: tuple[str, ...] = ()
    collectors_up: tuple[str, ...] = ()
    backends_down: tuple[str, ...] = ()
    backends_up: tuple[str, ...] = ()
    restart: Duration | None = None
    reload: Written = NOTHING

    def __post_init__(self) -> None:
        lists = (self.collectors_down, self.collectors_up, self.backends_down, self.backends_up)
        given = [self.expect.node, self.person, *(names or None for names in lists), self.restart, self.reload.node]
        if sum(each is not None for each in given) != 1:
            raise ValueError(
                "a step does or expects one thing: one of expect, person, collectors_down, collectors_up, "
                "backends_down, backends_up, restart, reload"
            )


class Scenario(Section, frozen=True):
    """One entry of ``scenarios``."""

    name: Annotated[str, Meta(min_length=1)]
    steps: Annotated[tuple[Written, ...], Meta(min_length=1)]
    input_series: Annotated[tuple[InputSeries, ...], Meta(max_length=MAX_SERIES)] = ()
    interval: Annotated[int, Meta(ge=1_000, extra={"unit": "ms"})] | None = None
    host: Annotated[str, Meta(min_length=1, max_length=253)] = "host"
    start_timestamp: Moment = BEGIN
    tickets: Annotated[int, Meta(ge=0)] | None = None


class ScenarioFile(Section, frozen=True):
    """A whole file."""

    scenarios: Annotated[tuple[Written, ...], Meta(min_length=1)]
    config: Written = NOTHING


class Kind(Enum):
    """What an expected value is compared as."""

    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    """Of the scenario, written as ``5m15s`` after its start."""
    LABELS = "labels"


class Table(msgspec.Struct, frozen=True):
    """The keys an entry of a list may have."""

    keys: dict[str, Kind | Table | tuple[Kind | Table]]
    """By name: a value, a mapping, or (in a tuple) a list of them."""


TEXT, NUMBER, TIME, LABELS = Kind.TEXT, Kind.NUMBER, Kind.TIME, Kind.LABELS
_GRADES = {"severity": TEXT, "impact": NUMBER, "urgency": NUMBER, "priority": NUMBER}
_CLASS = {"category": TEXT, "subcategory": TEXT, "service": TEXT, "assignment_group": TEXT, "ci": TEXT}
_ALERT = Table(
    {
        "alertname": TEXT, "state": TEXT, "reason": TEXT, "labels": LABELS, "annotations": LABELS, "value": NUMBER,
        "since": TIME, "fired_at": TIME, "no_data_since": TIME,
    }
)  # fmt: skip
_MEMBER = Table(
    {
        "state": TEXT, "labels": LABELS, "value": TEXT, "summary": TEXT, "evidence_value": TEXT, "fired_at": TIME,
        "changed_at": TIME,
    }
)  # fmt: skip
_TIMERS = Table(dict.fromkeys(("group_wait", "note", "cool_down", "no_data_close", "stand_by", "reopens"), TIME))
_INCIDENT = Table(
    {
        "rule": TEXT, "state": TEXT, "reason": TEXT, "episode": NUMBER, **_GRADES, **_CLASS, "grouping": LABELS,
        "members": (_MEMBER,), "opened_at": TIME, "resolved_at": TIME, "ended": TEXT, "resolution": TEXT,
        "previous": TEXT, "timers": _TIMERS,
    }
)  # fmt: skip
_TICKET = Table(
    {
        "number": TEXT, "backend": TEXT, "state": TEXT, "title": TEXT, "body": TEXT, "impact": NUMBER,
        "urgency": NUMBER, "priority": NUMBER, **_CLASS, "episode": NUMBER, "owner": TEXT, "notes": (TEXT,),
        "opened_at": TIME, "ended_at": TIME, "ended_by": TEXT, "resolution_code": TEXT, "resolution_text": TEXT,
    }
)  # fmt: skip
_WISH = Table({"at": TIME, "act": TEXT, "backend": TEXT, "ticket": TEXT, "text": TEXT})
EXPECT = Table({"alerts": (_ALERT,), "incidents": (_INCIDENT,), "tickets": (_TICKET,), "wishes": (_WISH,)})
"""What ``expect`` may hold. Lists are compared whole, the entries in them only by the keys that are written."""
