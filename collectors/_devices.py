"""What commands do with network devices. SNMP is loaded when one of them runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from collectors._options import Reveal

if TYPE_CHECKING:
    from collectors.snmp.record import Recorded
    from collectors.snmp.replayed import Played


class CannotAskError(Exception):
    """A device cannot be asked, or does not answer; the text says why, and what helps."""


class RecordedWrongError(Exception):
    """A file is no recording; the text says in which line."""


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
