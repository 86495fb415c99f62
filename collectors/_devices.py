"""What commands do with network devices. SNMP is loaded when one of them runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Any, Protocol

from collectors._options import Reveal


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
