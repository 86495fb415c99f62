"""The section ``slo``: service level objectives, from which ordinary rules are made (``agent.config.slo_rules``)."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta, field

from agent.core.section import Section, Text

DAY = 86_400_000
OWN_LABELS = frozenset({"slo", "service", "severity", "component", "category", "window", "alertname"})
"""Labels that the generated rules set themselves."""

_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} ([01][0-9]|2[0-3]):[0-5][0-9]$"
ClockTime = Annotated[str, Meta(pattern=_CLOCK, extra={"form": "a time of the day, 00:00 to 24:00"})]
Moment = Annotated[str, Meta(pattern=_MOMENT, extra={"form": "a date and time such as 2026-12-24 22:00"})]
LabelValue = Annotated[str, Meta(min_length=1, max_length=64)]
Expression = Annotated[str, Meta(min_length=1, max_length=4_000)]


class Weekday(Enum):
    """A day of the week, as Alertmanager writes it."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Weekly(Section, frozen=True):
    """A window that comes every week. One that ends at or before its start ends on the next day."""

    weekdays: Annotated[
        tuple[Weekday, ...],
        Meta(min_length=1, max_length=7, description="the days it starts on", examples=[["saturday", "sunday"]]),
    ]
    start_time: Annotated[ClockTime, Meta(description="when it starts", examples=["01:00"])]
    end_time: Annotated[ClockTime, Meta(description="when it ends", examples=["03:00"])]

    def __post_init__(self) -> None:
        if self.start_time == "24:00":
            raise ValueError("start_time cannot be 24:00; write 00:00 and the day after")


class Dated(Section, frozen=True):
    """A window that comes once."""

    start: Annotated[Moment, Meta(description="when it starts", examples=["2026-12-24 22:00"])]
    end: Annotated[Moment, Meta(description="when it ends", examples=["2026-12-25 06:00"])]


class Planned(Section, frozen=True):
    """Planned time: what happens in it does not count, neither as good nor as bad."""

    location: Annotated[
        str,
        Meta(
            description="the time zone of the windows, by its name in the IANA database",
            min_length=1,
            max_length=64,
            examples=["Asia/Shanghai"],
        ),
    ] = "UTC"
    weekly: Annotated[tuple[Weekly, ...], Meta(max_length=50, description="windows that come every week")] = ()
    dated: Annotated[tuple[Dated, ...], Meta(max_length=500, description="windows that come once")] = ()

    def __post_init__(self) -> None:
        if not self.weekly and not self.dated:
            raise ValueError("no window is planned; write weekly or dated, or leave it out")


class Severities(Section, frozen=True):
    """The label `severity` of the two grades of an alert."""

    fast: Annotated[LabelValue, Meta(description="the budget is gone within days", examples=["critical"])] = "critical"
    slow: Annotated[
        LabelValue, Meta(description="the budget does not last to the end of the window", examples=["warning"])
    ] = "warning"


class Slo(Section, frozen=True):
    """A service level objective. Either `good` and `total`, or `indicator`."""

    name: Annotated[
        str,
        Meta(
            description="the name; it is the label `slo` of all that is recorded, and part of the alert's name",
            pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
            extra={"form": "1 to 64 of a-z, 0-9, '-', '_'"},
            examples=["shop-orders"],
        ),
    ]
    service: Annotated[
        Text,
        Meta(description="the service it is about; one of the catalogue, when that lists any", examples=["web-shop"]),
    ] = ""
    good: Annotated[
        Expression | None,
        Meta(
            description="selector of the counters of good events",
            examples=['shop_requests_total{code!~"5.."}'],
        ),
    ] = None
    total: Annotated[
        Expression | None, Meta(description="selector of the counters of all events", examples=["shop_requests_total"])
    ] = None
    indicator: Annotated[
        Expression | None,
        Meta(
            description="expression that is 1 while the service works and 0 while it does not; of several series the "
            "lowest counts",
            examples=['node_systemd_unit_state{name="nginx.service", state="active"}'],
        ),
    ] = None
    objective: Annotated[
        float, Meta(description="percent of the events, or of the time, that must be good", ge=50, lt=100)
    ] = 99.9
    window: Annotated[
        int,
        Meta(
            extra={"unit": "ms"},
            description="the time over which the objective is meant, up to now",
            ge=7 * DAY,
            le=90 * DAY,
        ),
    ] = 30 * DAY
    planned: Annotated[Planned | None, Meta(description="planned time, which does not count")] = None
    severity: Annotated[Severities, Meta(description="severities of the alert")] = Severities()
    component: Annotated[LabelValue, Meta(description="the label `component` of the alert")] = "service"
    category: Annotated[LabelValue, Meta(description="the label `category` of the alert")] = "software"
    labels: Annotated[
        dict[
            Annotated[
                str,
                Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", extra={"form": "a label name (letters, digits, '_')"}),
            ],
            LabelValue,
        ],
        Meta(description="further labels of the alert", max_length=16, examples=[{"team": "shop"}]),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if taken := sorted(OWN_LABELS & self.labels.keys()):
            raise ValueError(f"labels cannot set {', '.join(taken)}: the rules set it themselves; take it out")
        if self.indicator is not None and (self.good is not None or self.total is not None):
            raise ValueError("indicator stands beside good or total; write one or the other")
        if self.indicator is None and (self.good is None or self.total is None):
            raise ValueError("it needs good and total, or indicator")
