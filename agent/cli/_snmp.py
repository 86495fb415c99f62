"""What the actions of ``tocsin snmp`` share."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.cli._errors import USAGE, CommandError

_OID = re.compile(r"\.?([0-2](\.(0|[1-9][0-9]{0,9})){1,127})", re.ASCII)


def roots(given: Sequence[str]) -> tuple[str, ...]:
    """OIDs as they are written inside: without a dot in front."""
    found = []
    for text in given:
        match = _OID.fullmatch(text)
        if match is None:
            raise CommandError(f"{text[:100]!a} is no OID in numbers; write it like 1.3.6.1.2.1.2", USAGE)
        found.append(match[1])
    return tuple(found)
