"""The configuration as values: what each key means, its default and its bounds.

``docs/configuration.md`` is generated from this module.

The policy sections (route, receivers, catalogue, classification, incident) are defined where they are used, in
``agent.core.policy``; the options of a collector or an integration in its own module, found by name.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from msgspec import Meta, field

from agent.config.slo import Slo
from agent.core.incident_policy import IncidentPolicy
from agent.core.policy import Catalogue, Classification, Receiver, Route
from agent.core.section import Section

_MS = {"unit": "ms"}
"""Marks a duration, like ``agent.core.policy.Duration``; msgspec takes each bound only once, so ours stand here."""

LISTEN_ADDRESS = r"(off|\[[0-9a-fA-F:.]+\]:[0-9]{1,5}|[A-Za-z0-9.-]+:[0-9]{1,5})"


class LogLevel(Enum):
    """The least serious line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LabelName = Annotated[
    str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", extra={"form": "a label name (letters, digits, '_')"})
]

IntegrationName = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", extra={"form": "1 to 64 of a-z, 0-9, '-', '_'"})
]


class Identity(Section, frozen=True):
    """Who this agent is. The environment and the CI are part of every fault's identity: change them with care."""

    environment: Annotated[
        str,
        Meta(
            description="Which world this machine belongs to; tickets of different environments never meet.",
            pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
            extra={"form": "1 to 32 of a-z, 0-9, '-', '_'"},
            examples=["prod"],
        ),
    ] = "default"
    ci: Annotated[
        str,
        Meta(
            description="The configuration item of this machine in the ITSM. `auto` takes the machine-id as identity, "
            "which survives a rename, and the host name as what people see.",
            min_length=1,
            max_length=128,
            examples=["auto", "CI0012345"],
        ),
    ] = "auto"
    labels: Annotated[
        dict[LabelName, str],
        Meta(
            description="Labels added to every alert of this agent.", max_length=32, examples=[{"site": "hangzhou-1"}]
        ),
    ] = field(default_factory=dict)


class CollectorChoice(Section, frozen=True):
    """Which collectors run, in name order. A built-in one that the configuration does not mention has no options yet:
    its module is imported only where the machine has something for it.
    """

    options: dict[str, Any] = field(default_factory=dict)
    """Options of those that are mentioned, already bound to their ``Options``."""
    untouched: tuple[str, ...] = ()

    @property
    def enabled(self) -> tuple[str, ...]:
        return tuple(sorted({*self.options, *self.untouched}))


class Targets(Section, frozen=True):
    """A kind of targets: its options (already bound to its ``Options``), None when there are none, and the directory
    where relative paths in its modules begin.
    """

    options: Any = None
    base: str = ""


class Collect(Section, frozen=True):
    """What is measured, and how often."""

    interval: Annotated[
        int, Meta(extra=_MS, description="Time between two collections.", ge=1_000, le=3_600_000, examples=["15s"])
    ] = 15_000
    deadline: Annotated[
        int,
        Meta(
            extra=_MS,
            description="A collector still running after this time is given up for the cycle; the others are not "
            "delayed. "
            "Must not be longer than `interval`.",
            ge=100,
            le=600_000,
            examples=["5s"],
        ),
    ] = 5_000
    max_series: Annotated[
        int,
        Meta(
            description="So many series are held in memory, about 1.1 kB each. Samples of further ones are refused, "
            "which is counted, logged and shown by `tocsin status`.",
            ge=1_000,
            le=10_000_000,
            examples=[200_000],
        ),
    ] = 100_000
    max_samples: Annotated[
        int,
        Meta(
            description="So many samples are held in memory, about 8 bytes each. How many are needed: series times the "
            "collections in the longest window that a rule looks over.",
            ge=10_000,
            le=1_000_000_000,
            examples=[20_000_000],
        ),
    ] = 8_000_000
    host: Annotated[
        CollectorChoice,
        Meta(
            description="Collectors of this host by name. Every one is on, but for those marked as off; a mapping "
            "tunes one, `on` and `off` switch it. `others: off` leaves only those that are mentioned.",
            examples=[{"filesystem": {"expect": ["/data"]}, "netclass": "off"}],
        ),
    ] = CollectorChoice()
    probes: Annotated[
        Targets,
        Meta(
            description="Services that are probed from here: a mapping, or only the list of targets.",
            examples=[[{"name": "shop", "http": "https://shop.example.net/health", "interval": "30s"}]],
        ),
    ] = Targets()
    snmp: Annotated[
        Targets,
        Meta(
            description="Network devices that are asked from here by SNMP, and traps that come here.",
            examples=[{"targets": [{"host": "10.0.0.1", "credential": "lab"}]}],
        ),
    ] = Targets()
    procfs: Annotated[
        str, Meta(description="Where the host's /proc is.", pattern="^/", extra={"form": "an absolute path"})
    ] = "/proc"
    sysfs: Annotated[
        str, Meta(description="Where the host's /sys is.", pattern="^/", extra={"form": "an absolute path"})
    ] = "/sys"
    rootfs: Annotated[
        str,
        Meta(
            description="Where the host's root file system is, when the agent runs in a container.",
            pattern="^/",
            extra={"form": "an absolute path"},
        ),
    ] = "/"


LintName = Annotated[
    str, Meta(pattern=r"^(lint/)?[a-z][a-z-]*$", extra={"form": "the name of a check"}, examples=["lint/irate"])
]


class AllowedLint(Section, frozen=True):
    """Checks that some rules may fail, and why."""

    lints: Annotated[tuple[LintName, ...], Meta(description="Names of checks.", min_length=1, examples=[["flap"]])]
    rules: Annotated[
        tuple[str, ...],
        Meta(
            description="Names of rules; `*` and `?` stand for any text and any letter.",
            min_length=1,
            examples=[["Old*"]],
        ),
    ]
    reason: Annotated[
        str, Meta(description="Why, for whoever reads this next.", min_length=1, examples=["moves once a day"])
    ]


class Lints(Section, frozen=True):
    """Which of the checks of `tocsin check` (`docs/lints/`) are left out. Nothing here changes what is evaluated."""

    off: Annotated[
        tuple[LintName, ...], Meta(description="Checks that are left out for every rule.", examples=[["irate"]])
    ] = ()
    allow: Annotated[
        tuple[AllowedLint, ...], Meta(description="Checks that are left out for some rules.", max_length=1000)
    ] = ()


class Rules(Section, frozen=True):
    """What is evaluated."""

    packs: Annotated[
        tuple[str, ...],
        Meta(description="Shipped rule packs (and those of installed plugins) by name.", examples=[["host", "self"]]),
    ] = ("host", "self")
    files: Annotated[
        tuple[str, ...],
        Meta(
            description="Prometheus rule files, or globs of them. A relative path starts at this file's directory. "
            "A path without a wildcard must exist; a glob may match nothing.",
            max_length=1000,
            examples=[["/etc/tocsin/rules.d/*.yml"]],
        ),
    ] = ()
    lints: Annotated[Lints, Meta(description="Which checks of rules are left out.")] = Lints()


class Backend(Section, frozen=True):
    """One entry of ``integrations``: its type and the options of that type (already bound to its ``Options``)."""

    type: str
    options: Any


class Listen(Section, frozen=True):
    """The HTTP listener: metrics, query API, desk page."""

    address: Annotated[
        str,
        Meta(
            description="Address and port, or `off`. Ignored under socket activation.",
            pattern=f"^{LISTEN_ADDRESS}$",
            extra={"form": "HOST:PORT, [IPV6]:PORT or off"},
            examples=["127.0.0.1:9787"],
        ),
    ] = "127.0.0.1:9787"
    names: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:-]{1,253}$", extra={"form": "a host name or address"})], ...],
        Meta(description="Host names, besides loopback, under which clients may address the listener.", max_length=32),
    ] = ()
    allow_remote: Annotated[
        bool,
        Meta(
            description="Confirms that an address beyond loopback is wanted. Whoever reaches it can read metrics and "
            "incidents: put TLS and a login in front of it."
        ),
    ] = False


class State(Section, frozen=True):
    """What the agent remembers."""

    directory: Annotated[
        str,
        Meta(
            description="Where the state is kept. `auto`: the service manager's state directory, else "
            "/var/lib/tocsin for root, else the user's own state directory.",
            pattern="^(auto|/.*)$",
            extra={"form": "an absolute path, or auto"},
            examples=["/var/lib/tocsin"],
        ),
    ] = "auto"
    keep_resolved: Annotated[
        int,
        Meta(
            extra=_MS,
            description="How long a resolved incident and its history are kept.",
            ge=3_600_000,
            examples=["90d"],
        ),
    ] = 7_776_000_000


class Log(Section, frozen=True):
    """What is written to standard error (the journal, under systemd)."""

    level: Annotated[LogLevel, Meta(description="The least serious line that is written.")] = LogLevel.INFO


class Config(Section, frozen=True):
    """The whole configuration. Every section may be left out."""

    identity: Annotated[Identity, Meta(description="Who this agent is.")] = Identity()
    collect: Annotated[Collect, Meta(description="What is measured, and how often.")] = Collect()
    rules: Annotated[Rules, Meta(description="What is evaluated.")] = Rules()
    route: Annotated[Route, Meta(description="Which alerts become one incident, and where it goes.")] = Route()
    receivers: Annotated[
        tuple[Receiver, ...],
        Meta(
            description="Names that routes use for integrations. Left out: one for each integration, of the same name.",
            max_length=1000,
        ),
    ] = ()
    catalogue: Annotated[
        Catalogue, Meta(description="CIs and services; a mapping, or the path of a file that holds it.")
    ] = Catalogue()
    classification: Annotated[
        Classification, Meta(description="From labels to category, impact, urgency, priority.")
    ] = Classification()
    incident: Annotated[IncidentPolicy, Meta(description="The life of an incident.")] = IncidentPolicy()
    slo: Annotated[
        tuple[Slo, ...],
        Meta(
            description="Service level objectives; each makes recording rules and a burn-rate alert (docs/slo.md).",
            max_length=50,
        ),
    ] = ()
    integrations: Annotated[
        dict[IntegrationName, Backend],
        Meta(
            description="ITSM systems by a name of your choice. Left out: the embedded desk, under the name `desk`.",
            max_length=32,
            examples=[{"desk": {"type": "desk"}}],
        ),
    ] = field(default_factory=dict)
    listen: Annotated[Listen, Meta(description="The HTTP listener.")] = Listen()
    state: Annotated[State, Meta(description="What the agent remembers.")] = State()
    log: Annotated[Log, Meta(description="What is written to standard error.")] = Log()
    credentials_directory: Annotated[
        str | None,
        Meta(
            description="Directory with one file per credential (mode 0600, directory 0700), for when the service "
            "manager's `LoadCredential=` is not used. A credential of the service manager with the same name wins.",
            examples=["/etc/tocsin/credentials"],
        ),
    ] = None
