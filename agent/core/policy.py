"""Policy as the ITSM owner writes it: the sections route, receivers, catalogue, classification and incident.

Plain values without behaviour. ``agent.config`` binds YAML to them, and ``docs/configuration.md`` is generated from
their descriptions. A ``__post_init__`` that raises ``ValueError`` explains a combination that cannot work: its text
goes to the person who wrote the section.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.core.incident_policy import IncidentPolicy
from agent.core.section import MINUTE, Duration, Grade, MatcherText, PriorityGrade, Section, Text

SEVERITY_LABEL = "severity"


# ---------------------------------------------------------------- route, receivers


class Route(Section, frozen=True):
    """A node of the routing tree, with Alertmanager's words. What a node does not say it takes from its parent.

    The fault key always holds the rule name and the CI, so ``alertname`` and ``ci`` in ``group_by`` are allowed and
    change nothing; every further label splits the incidents. ``...`` stands for all labels. ``severity`` is a state of
    the fault and never part of its identity, so it cannot be grouped by.
    """

    receiver: Annotated[str | None, Meta(description="name of an entry of `receivers`", examples=["desk"])] = None
    matchers: Annotated[
        tuple[MatcherText, ...],
        Meta(description="all must match; the root has none", examples=[['severity="critical"']]),
    ] = ()
    group_by: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="labels that make two faults of one rule on one CI two incidents; `ci` and `alertname` "
            "always count; `...` for every label; at the root `[alertname, ci]`",
            examples=[["alertname", "ci"], ["alertname", "ci", "mountpoint"], ["..."]],
        ),
    ] = None
    group_wait: Annotated[
        Duration | None,
        Meta(description="how long a new incident gathers members before its ticket is opened; at the root `0s`"),
    ] = None
    group_interval: Annotated[
        Duration | None, Meta(description="least time between two notes about changed members; at the root `5m`")
    ] = None
    continue_: Annotated[bool, Meta(description="try the following siblings too after this route matched")] = (
        msgspec.field(name="continue", default=False)
    )
    routes: Annotated[tuple[Route, ...], Meta(description="children, tried in order; the first that matches wins")] = ()

    def __post_init__(self) -> None:
        if self.group_by and SEVERITY_LABEL in self.group_by:
            raise ValueError(
                "group_by cannot hold `severity`: a fault that gets worse must stay one incident; "
                "take it out, or route on it with `matchers`"
            )


class Receiver(Section, frozen=True):
    """Where the incidents of a route go."""

    name: Annotated[str, Meta(min_length=1, max_length=200, description="the name routes use", examples=["desk"])]
    integration: Annotated[
        str,
        Meta(
            min_length=1, max_length=200, description="name of an entry of `integrations`", examples=["servicenow-prod"]
        ),
    ]


DEFAULT_GROUP_BY = ("alertname", "ci")
DEFAULT_GROUP_WAIT = 0
"""On one device all members of a group come from one evaluation: waiting longer would only delay the ticket."""
DEFAULT_GROUP_INTERVAL = 5 * MINUTE


# ---------------------------------------------------------------- catalogue


class Criticality(Enum):
    """How much the organisation depends on a service."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Service(Section, frozen=True):
    """A service of the catalogue."""

    name: Annotated[Text, Meta(min_length=1, description="name of the service", examples=["web-shop"])]
    criticality: Annotated[Criticality, Meta(description="decides the impact of its faults")] = Criticality.MEDIUM
    assignment_group: Annotated[Text, Meta(description="who looks after it", examples=["Shop operations"])] = ""


class CatalogueCi(Section, frozen=True):
    """A configuration item other than this host, or this host under its name in the CMDB."""

    id: Annotated[
        Text,
        Meta(min_length=1, description="stable id: survives a rename and a new address", examples=["serial:FOX1234"]),
    ]
    name: Annotated[Text, Meta(description="what people call it; the id when empty", examples=["core-switch-1"])] = ""
    matchers: Annotated[
        tuple[MatcherText, ...],
        Meta(description="alerts with these labels are about this CI; none: only found by its id"),
    ] = ()
    service: Annotated[Text, Meta(description="name of an entry of `services`")] = ""
    criticality: Annotated[Criticality | None, Meta(description="overrides that of the service")] = None
    assignment_group: Annotated[Text, Meta(description="overrides that of the service")] = ""


class Catalogue(Section, frozen=True):
    """Services, and which CI belongs to which."""

    services: Annotated[tuple[Service, ...], Meta(description="the services")] = ()
    cis: Annotated[
        tuple[CatalogueCi, ...], Meta(description="the configuration items; the first that matches wins")
    ] = ()

    def __post_init__(self) -> None:
        known = {service.name for service in self.services}
        for ci in self.cis:
            if ci.service and ci.service not in known:
                raise ValueError(f"ci {ci.id!r} names the service {ci.service!r}, which `services` does not list")


# ---------------------------------------------------------------- classification


class Category(Section, frozen=True):
    """A category as people read it."""

    en: Annotated[Text, Meta(min_length=1, description="English name", examples=["Hardware"])]
    zh: Annotated[Text, Meta(min_length=1, description="Chinese name", examples=["硬件"])]


class ClassRule(Section, frozen=True):
    """A row of the classification table. For each field the first matching row that sets it wins."""

    matchers: Annotated[
        tuple[MatcherText, ...], Meta(min_length=1, description="all must match the labels of the alert")
    ]
    category: Annotated[Text, Meta(description="key of `categories`")] = ""
    subcategory: Annotated[Text, Meta(description="free text")] = ""
    service: Annotated[Text, Meta(description="name of the service")] = ""
    assignment_group: Annotated[Text, Meta(description="who gets the ticket")] = ""
    impact: Annotated[Grade | None, Meta(description="overrides the catalogue")] = None
    urgency: Annotated[Grade | None, Meta(description="overrides the severity")] = None


Matrix = tuple[
    tuple[PriorityGrade, PriorityGrade, PriorityGrade],
    tuple[PriorityGrade, PriorityGrade, PriorityGrade],
    tuple[PriorityGrade, PriorityGrade, PriorityGrade],
]


class Classification(Section, frozen=True):
    """Category, service, group, impact, urgency and priority of an incident.

    Order per field: a row of `rules`, then the alert's own label (`category`, `component` or `subcategory`, `service`,
    `assignment_group`), then the catalogue, then the defaults here.
    """

    categories: Annotated[dict[str, Category], Meta(description="the category tree's first level, with its names")] = (
        msgspec.field(
            default_factory=lambda: {
                "hardware": Category(en="Hardware", zh="硬件"),
                "software": Category(en="Software", zh="软件"),
                "network": Category(en="Network", zh="网络"),
                "system": Category(en="System", zh="系统"),
                "facility": Category(en="Facility", zh="机房设施"),
                "security": Category(en="Security", zh="安全"),
            }
        )
    )
    rules: Annotated[tuple[ClassRule, ...], Meta(description="the classification table, first row first")] = ()
    groups: Annotated[
        dict[str, Text], Meta(description="assignment group by category", examples=[{"network": "Network team"}])
    ] = msgspec.field(default_factory=dict)
    default_category: Annotated[str, Meta(description="when nothing else says")] = "system"
    default_service: Annotated[Text, Meta(description="when nothing else says")] = ""
    default_assignment_group: Annotated[
        Text, Meta(description="when nothing else says; empty leaves it to the ITSM")
    ] = ""
    default_impact: Annotated[Grade, Meta(description="of a CI the catalogue does not know")] = 2
    default_urgency: Annotated[Grade, Meta(description="of a severity that `severities` does not list")] = 2
    severities: Annotated[dict[str, Grade], Meta(description="urgency by the alert's `severity` label")] = (
        msgspec.field(default_factory=lambda: {"critical": 1, "warning": 2, "info": 3})
    )
    criticalities: Annotated[dict[Criticality, Grade], Meta(description="impact by criticality of the service")] = (
        msgspec.field(
            default_factory=lambda: {
                Criticality.CRITICAL: 1,
                Criticality.HIGH: 1,
                Criticality.MEDIUM: 2,
                Criticality.LOW: 3,
            }
        )
    )
    matrix: Annotated[
        Matrix, Meta(description="priority: one row per impact 1 to 3, in it one number per urgency 1 to 3")
    ] = ((1, 2, 3), (2, 3, 4), (3, 4, 4))

    def __post_init__(self) -> None:
        named = [("default_category", self.default_category), *(("groups", name) for name in self.groups)]
        named += [(f"rules[{number}]", rule.category) for number, rule in enumerate(self.rules) if rule.category]
        for where, category in named:
            if category not in self.categories:
                choices = ", ".join(sorted(self.categories))
                raise ValueError(f"{where}: {category!r} is not one of `categories` ({choices})")


class Policy(Section, frozen=True):
    """The five sections together, as the core wants them."""

    route: Annotated[Route, Meta(description="the routing tree")] = Route(receiver="desk")
    receivers: Annotated[tuple[Receiver, ...], Meta(description="where incidents go")] = (
        Receiver(name="desk", integration="desk"),
    )
    catalogue: Annotated[Catalogue, Meta(description="services and CIs")] = Catalogue()
    classification: Annotated[Classification, Meta(description="category, group, grade")] = Classification()
    incident: Annotated[IncidentPolicy, Meta(description="the life of an incident")] = IncidentPolicy()
