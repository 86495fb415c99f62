"""The section ``collect.snmp``: which devices, with which credentials and profiles, how often."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from collectors.snmp.credentials import CredentialOptions
from collectors.snmp.engines import Choice
from collectors.snmp.profile import Profile
from collectors.snmp.select import AUTO
from collectors.snmp.traps.options import TrapOptions

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$", extra={"form": "a short name"})]
LabelName = Annotated[
    str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", extra={"form": "a label name (letters, digits, '_')"})
]
Interval = Annotated[int, Meta(extra={"unit": "ms"}, ge=1_000, le=240_000)]
Timeout = Annotated[int, Meta(extra={"unit": "ms"}, ge=100, le=60_000)]
Host = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$|^[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_.-]+)?$",
        max_length=253,
        extra={"form": "an address or a host name"},
    ),
]
RESERVED = frozenset({"instance", "job", "module"})


class TargetOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """One device."""

    host: Annotated[Host, Meta(description="Its address, or a name that leads there.", examples=["10.0.0.1"])]
    credential: Annotated[
        str, Meta(description="One of `credentials`.", min_length=1, max_length=128, examples=["lab"])
    ]
    name: Annotated[
        Name | None,
        Meta(description="What people call it; becomes the label `instance` in place of `host`.", examples=["sw1"]),
    ] = None
    profile: Annotated[
        str | tuple[str, ...],
        Meta(
            description="`auto`: what fits its sysObjectID and what it answers. Or one profile, or several.",
            examples=["auto", ["interfaces", "bgp4"]],
        ),
    ] = AUTO
    interval: Annotated[
        Interval | None,
        Meta(description="Time between two polls; that of all devices when left out.", examples=["30s"]),
    ] = None
    port: Annotated[int, Meta(description="UDP port of its agent.", ge=1, le=65_535)] = 161
    timeout: Annotated[Timeout, Meta(description="How long a reply may take before the request is repeated.")] = 2_000
    retries: Annotated[int, Meta(description="How often a request without a reply is repeated.", ge=0, le=10)] = 2
    traps_from: Annotated[
        tuple[Host, ...],
        Meta(
            description="Further addresses or names that its traps come from; not needed over SNMPv3.",
            max_length=32,
            examples=[["192.0.2.1"]],
        ),
    ] = ()
    labels: Annotated[
        dict[LabelName, str],
        Meta(description="Further labels of its series.", max_length=32, examples=[{"site": "hangzhou-1"}]),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if reserved := RESERVED & set(self.labels):
            raise ValueError(f"labels: {', '.join(sorted(reserved))} cannot be set here")
        if not self.profile:
            raise ValueError("profile: names no profile; write auto, or leave it out")

    @property
    def key(self) -> str:
        """What tells this device from others; its label `instance`."""
        return self.name or self.host

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of the profiles; none for ``auto``."""
        if isinstance(self.profile, str):
            return () if self.profile == AUTO else (self.profile,)
        return () if self.profile == (AUTO,) else self.profile


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """Written as a list, it is the list of targets."""

    targets: Annotated[
        tuple[TargetOptions, ...],
        Meta(
            description="Which devices.",
            max_length=10_000,
            examples=[[{"host": "10.0.0.1", "name": "sw1", "credential": "lab"}]],
        ),
    ] = ()
    credentials: Annotated[
        dict[str, CredentialOptions],
        Meta(
            description="How devices are asked, by a name of your own.",
            max_length=1_000,
            examples=[{"public": {"version": 2, "community": {"credential": "snmp-ro"}}}],
        ),
    ] = field(default_factory=dict)
    interval: Annotated[
        Interval,
        Meta(
            description="Time between two polls of a device. At least `collect.interval`, and at most 4m: rules look "
            "back 5 minutes."
        ),
    ] = 60_000
    liveness: Annotated[
        Interval,
        Meta(
            description="Time between two times that a device is asked whether it is there, which is one small packet "
            "and gives `up`. Never longer than the device's own interval.",
        ),
    ] = 30_000
    engine: Annotated[
        Choice,
        Meta(
            description="What speaks SNMP: `auto` is `gufo` where it is installed and can do what the credential asks "
            "for, else `pysnmp`."
        ),
    ] = Choice.AUTO
    job: Annotated[str, Meta(description="The label `job` of all devices.", min_length=1, max_length=128)] = "snmp"
    limit: Annotated[
        int,
        Meta(
            description="Devices that are asked at the same time. One that takes longer than a second gives its "
            "place to the next; those that were slow or silent last time get at most half of the places.",
            ge=1,
            le=10_000,
        ),
    ] = 500
    profiles: Annotated[
        dict[str, Profile],
        Meta(
            description="Profiles of your own by name, or the path of a folder with a file for each, such as "
            "/etc/tocsin/snmp.d. One with the name of a shipped profile takes its place.",
            max_length=1_000,
            examples=[{"sensor": {"scalars": [{"name": "roomTemperature", "oid": "1.3.6.1.4.1.99999.1.1.0"}]}}],
        ),
    ] = field(default_factory=dict)
    traps: Annotated[TrapOptions | None, Meta(description="Traps and informs; not taken when left out.")] = None

    @property
    def used(self) -> frozenset[str]:
        """Names of the credentials that devices ask for."""
        return frozenset(target.credential for target in self.targets)
