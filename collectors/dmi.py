"""What the firmware says of the machine, from /sys/class/dmi/id (kernel Documentation/ABI/testing/sysfs-class-dmi).

Read once: it cannot change while the machine runs. Serial numbers are readable by root only and left out otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import CollectorError, Sample, gauge, labels

_FILES = (
    "bios_date", "bios_release", "bios_vendor", "bios_version", "board_asset_tag", "board_name", "board_serial",
    "board_vendor", "board_version", "chassis_asset_tag", "chassis_serial", "chassis_vendor", "chassis_version",
    "product_family", "product_name", "product_serial", "product_sku", "product_uuid", "product_version", "sys_vendor",
)  # fmt: skip
METRICS = (
    gauge(
        "node_dmi_info",
        "Maker, model and firmware of the machine; always 1.",
        *("system_vendor" if name == "sys_vendor" else name for name in _FILES),
    ),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Dmi:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._info: Sample | None = None

    def collect(self) -> Iterator[Sample]:
        if self._info is None:
            found = {name: self._text(name) for name in _FILES}
            found["system_vendor"] = found.pop("sys_vendor")
            if not any(found.values()):
                return
            self._info = Sample("node_dmi_info", labels(**found), 1.0)
        yield self._info

    def _text(self, name: str) -> str:
        try:
            return self._sys.attribute(f"class/dmi/id/{name}") or ""
        except CollectorError:  # serial numbers are for root
            return ""


def build(options: Options, host: HostFS) -> Dmi:
    return Dmi(host)
