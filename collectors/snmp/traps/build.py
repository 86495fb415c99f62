"""From the section ``collect.snmp`` to the settings of the receiver."""

from __future__ import annotations

from collectors._options import Reveal
from collectors._targets import TargetScheduler
from collectors.snmp.build import KIND
from collectors.snmp.device import Device
from collectors.snmp.load import all_shipped
from collectors.snmp.options import Options
from collectors.snmp.profile import Every
from collectors.snmp.traps.senders import Watched
from collectors.snmp.traps.station import Settings


def build(options: Options, reveal: Reveal, targets: TargetScheduler | None) -> Settings:
    """The settings that options without a mistake ask for. ``targets`` polls the devices, where there are any.

    The notifications of all profiles are known, whatever profile a target has: an OID means the same everywhere. Of two
    with one OID that of a person's own profile counts.
    """

    def nudge(name: str) -> None:
        for source in (f"{KIND}/{name}", *(f"{KIND}/{name}:{every.value}" for every in (Every.FAST, Every.SLOW))):
            if targets is not None:
                targets.nudge(source)

    def engines() -> dict[bytes, str]:
        devices = () if targets is None else targets.states()
        return {each.engine_id: each.about.name for each in devices if isinstance(each, Device) and each.engine_id}

    if options.traps is None:
        raise ValueError("no traps are asked for")
    profiles = [*options.profiles.values(), *all_shipped().values()]
    return Settings(
        options.traps,
        options.credentials,
        reveal,
        tuple(
            Watched(
                target.key,
                (target.host, *target.traps_from),
                _labels({**target.labels, "instance": target.key, "job": options.job}),
            )
            for target in options.targets
        ),
        tuple(trap for profile in profiles for trap in profile.traps),
        nudge,
        engines,
    )


def _labels(pairs: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in pairs.items() if value))
