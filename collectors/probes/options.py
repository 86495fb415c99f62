"""The section ``collect.probes``: which targets, by which modules, how often."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from collectors.probes.modules import Module, Modules

__all__ = ["Modules", "Options", "TargetOptions"]

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}$", extra={"form": "a short name"})]
LabelName = Annotated[
    str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", extra={"form": "a label name (letters, digits, '_')"})
]
Interval = Annotated[int, Meta(extra={"unit": "ms"}, ge=1_000, le=240_000)]
_SHORT = {"http": "http_2xx", "tcp": "tcp_connect", "icmp": "icmp", "grpc": "grpc", "unix": "unix_connect"}


class TargetOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """One target: `module` and `target`, or one of `http`, `tcp`, `icmp`, `grpc`, `unix`, which is the target of the
    module `http_2xx`, `tcp_connect`, `icmp`, `grpc`, `unix_connect`.
    """

    name: Annotated[
        Name | None,
        Meta(
            description="What people call it; becomes the label `name`. Must be there only once.",
            examples=["shop"],
        ),
    ] = None
    module: Annotated[
        str, Meta(description="One of `modules`, or one that is there without (see probes).", examples=["ssh_banner"])
    ] = ""
    target: Annotated[
        str,
        Meta(description="What is probed; becomes the label `instance`.", max_length=2_048, examples=["db1:5432"]),
    ] = ""
    http: Annotated[str, Meta(description="A URL.", max_length=2_048, examples=["https://shop.example.net/"])] = ""
    tcp: Annotated[str, Meta(description="HOST:PORT.", max_length=2_048, examples=["db1:5432"])] = ""
    icmp: Annotated[str, Meta(description="A host.", max_length=2_048, examples=["10.0.0.1"])] = ""
    grpc: Annotated[str, Meta(description="HOST:PORT.", max_length=2_048, examples=["api:50051"])] = ""
    unix: Annotated[str, Meta(description="The path of a socket.", max_length=2_048, examples=["/run/x.sock"])] = ""
    interval: Annotated[
        Interval | None,
        Meta(description="Time between two probes; that of all targets when left out.", examples=["1m"]),
    ] = None
    labels: Annotated[
        dict[LabelName, str],
        Meta(description="Further labels of its series.", max_length=32, examples=[{"site": "hangzhou-1"}]),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        written = [key for key in ("module", "target") if getattr(self, key)]
        short = [key for key in _SHORT if getattr(self, key)]
        if len(short) > 1 or (short and written):
            both = " and ".join([*written, *short])
            raise ValueError(f"{both} are given together; write module and target, or one of {', '.join(_SHORT)}")
        if not short and len(written) < 2:
            raise ValueError(f"says nothing to probe; write module and target, or one of {', '.join(_SHORT)}")
        if reserved := {"instance", "job", "module", "name"} & set(self.labels):
            raise ValueError(f"labels: {', '.join(sorted(reserved))} cannot be set here")

    @property
    def resolved(self) -> tuple[str, str]:
        """The module's name and the target."""
        for key, module in _SHORT.items():
            if given := str(getattr(self, key)):
                return module, given
        return self.module, self.target

    @property
    def key(self) -> str:
        """What tells this target from others."""
        module, target = self.resolved
        return self.name or f"{module}:{target}"


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """Written as a list, it is the list of targets."""

    targets: Annotated[
        tuple[TargetOptions, ...],
        Meta(description="What is probed.", max_length=10_000, examples=[[{"name": "gw", "icmp": "10.0.0.1"}]]),
    ] = ()
    modules: Annotated[
        dict[str, Module],
        Meta(
            description="Modules by name, or the path of a blackbox_exporter modules file.",
            max_length=1_000,
            examples=[{"gone": {"prober": "http", "http": {"valid_status_codes": [404, 410]}}}],
        ),
    ] = field(default_factory=dict)
    job: Annotated[
        str, Meta(description="The label `job` of all targets.", min_length=1, max_length=128, examples=["probes"])
    ] = "blackbox"
    interval: Annotated[
        Interval,
        Meta(
            description="Time between two probes of a target. At least `collect.interval`, and at most 4m: rules look "
            "back 5 minutes."
        ),
    ] = 30_000
    limit: Annotated[
        int,
        Meta(
            description="Targets that are probed at the same time. One that takes longer than a second gives "
            "its place to the next.",
            ge=1,
            le=1_000,
        ),
    ] = 100

    @property
    def used(self) -> frozenset[str]:
        """Names of the modules that targets ask for."""
        return frozenset(target.resolved[0] for target in self.targets)
