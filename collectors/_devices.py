"""What commands do with network devices. SNMP is loaded when one of them runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from collectors._options import Reveal

if TYPE_CHECKING:
    from collectors.snmp.discover import Plan
    from collectors.snmp.record import Recorded
    from collectors.snmp.replayed import Played


class CannotAskError(Exception):
    """A device cannot be asked, or does not answer; the text says why, and what helps."""


class RecordedWrongError(Exception):
    """A file is no recording; the text says in which line."""


class Neighbour(msgspec.Struct, frozen=True):
    """One line, as the device at this end tells it; what it does not tell is empty."""

    protocol: str
    local_port: str
    name: str
    port: str
    chassis: str
    addresses: tuple[str, ...] = ()


class DiscoveredDevice(msgspec.Struct, frozen=True):
    """A device that answered ``credential``; or an agent that answers none of them, which then is empty."""

    address: str
    credential: str = ""
    version: str = ""
    name: str = ""
    description: str = ""
    sys_object_id: str = ""
    profiles: tuple[str, ...] = ()
    interfaces: int | None = None
    wide: bool | None = None
    """Whether its interfaces have 64-bit counters; None without interfaces."""
    engine_id: str = ""
    neighbours: tuple[Neighbour, ...] = ()
    configured: str = ""
    """The target of this address."""
    problem: str = ""


class Dependency(msgspec.Struct, frozen=True):
    """``ci`` is reached by way of ``parents``, each of which is enough."""

    ci: str
    parents: tuple[str, ...]


class DeviceVerdict(Protocol):
    """What is wrong with a device, or (``well``) what it is. ``dead``: it cannot be polled at all."""

    @property
    def target(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def fix(self) -> str: ...

    @property
    def well(self) -> bool: ...

    @property
    def dead(self) -> bool: ...


def examine_devices(
    options: Any, names: Collection[str], reveal: Reveal, wall: Callable[[], float]
) -> AsyncIterator[DeviceVerdict]:
    """Try the devices with these names; ``options`` of SNMP without a mistake, ``wall`` gives Unix seconds."""
    from collectors.snmp.examine import examine_devices as examine  # noqa: PLC0415 - see above

    return examine(options, names, reveal, wall)


async def record_device(
    options: Any, host: str, roots: Sequence[str], reveal: Reveal, at: float, *, credential: str = "",
    port: int | None = None, redact: bool = False, walked: Callable[[int], None] = lambda _: None,
) -> Recorded:  # fmt: skip
    """Walk a device, a target by its name or any other by its address; everything it has when no roots are given.

    ``at`` is now (Unix seconds). Raises CannotAskError.
    """
    from collectors.snmp.options import Options  # noqa: PLC0415 - see above
    from collectors.snmp.record import EVERYTHING, record, target_of  # noqa: PLC0415

    known = Options() if options is None else options
    given = target_of(known, host, credential, port)
    return await record(known, given, roots or EVERYTHING, reveal, at, redact=redact, walked=walked)


def replayed_device(files: Sequence[tuple[str, bytes]], name: str, own: Mapping[str, Any]) -> Played:
    """What a device would have given that was recorded in these files (name and content), each at its time.

    ``name`` is its label ``instance``; empty: as the recordings say. ``own`` are profiles beside the shipped ones.
    Raises RecordedWrongError.
    """
    from collectors.snmp.recording import RecordingError, read  # noqa: PLC0415 - see above
    from collectors.snmp.replayed import replayed  # noqa: PLC0415

    recordings = []
    for file, content in files:
        try:
            recordings.append(read(content))
        except RecordingError as error:
            raise RecordedWrongError(f"{file}:{error}") from None
    said = next((each.device for each in recordings if each.device), "device")
    return replayed(recordings, name or said, own)


def plan_discovery(
    options: Any, networks: Sequence[str], names: Sequence[str], rate: float, port: int
) -> tuple[Plan, Callable[[Reveal, Callable[[], None]], AsyncIterator[DiscoveredDevice]]]:
    """What would be asked, and what asks it: with a way to the secrets, told of each address that is done with.

    ``names`` are those of credentials; ``rate`` is packets a second. Raises CannotAskError, the second one too.
    """
    from collectors.snmp.discover import discover, plan  # noqa: PLC0415 - see above
    from collectors.snmp.options import Options  # noqa: PLC0415

    known = Options() if options is None else options
    wanted = plan(known, networks, names, rate, port)
    return wanted, lambda reveal, asked: discover(known, wanted, reveal, asked)


def discovered_as_yaml(devices: Sequence[DiscoveredDevice], root: str, port: int) -> str:
    """Devices as entries of the configuration; ``root`` is the one that all others are behind, if anybody says."""
    from collectors.snmp.found import as_yaml  # noqa: PLC0415 - see above

    return as_yaml(devices, root, port)


def discovered_dependencies(devices: Sequence[DiscoveredDevice], root: str) -> Sequence[Dependency]:
    """Who is behind whom."""
    from collectors.snmp.found import dependencies  # noqa: PLC0415 - see above

    return dependencies(devices, root)
