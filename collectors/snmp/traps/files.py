"""The two small files that the receiver keeps in the state directory."""

from __future__ import annotations

import os
from pathlib import Path

ENGINE = "snmp-engine.json"
"""Our engine's id and starts, and what is known of other engines (``engine.py``)."""
TRAPS = "snmp-traps.json"
"""What was counted (``ledger.py``), and what came lately (``receiver.py``), so that it is not counted again."""


def replace(path: Path, data: bytes) -> None:
    """Put a file in place as a whole, readable by us alone; OSError leaves the old one."""
    beside = path.with_name(f"{path.name}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
