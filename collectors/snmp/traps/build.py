"""From the section ``collect.snmp`` to the settings of the receiver."""

from __future__ import annotations

from collections.abc import Callable

from collectors._options import Reveal
from collectors.snmp.load import all_shipped
from collectors.snmp.options import Options
from collectors.snmp.traps.senders import Watched
from collectors.snmp.traps.station import Settings


def build(options: Options, reveal: Reveal, nudge: Callable[[str], object]) -> Settings:
    """The settings that options without a mistake ask for. ``nudge`` has a target polled out of turn, by its name.

    The notifications of all profiles are known, whatever profile a target has: an OID means the same everywhere. Of two
    with one OID that of a person's own profile counts.
    """
    if options.traps is None:
        raise ValueError("no traps are asked for")
    profiles = [*options.profiles.values(), *all_shipped().values()]
    return Settings(
        options.traps,
        options.credentials,
        reveal,
        tuple(
            Watched(target.key, target.host, _labels({**target.labels, "instance": target.key, "job": options.job}))
            for target in options.targets
        ),
        tuple(trap for profile in profiles for trap in profile.traps),
        nudge,
    )


def _labels(pairs: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in pairs.items() if value))
