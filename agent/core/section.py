"""What the sections of a policy are made of."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MINUTE = 60_000
"""ms."""

Duration = Annotated[int, Meta(ge=0, extra={"unit": "ms"})]
"""A length of time in milliseconds. In YAML it is written as Prometheus writes it: ``90s``, ``5m``, ``1h30m``.

The marker for whoever binds text to values is ``extra == {"unit": "ms"}``.
"""

Grade = Annotated[int, Meta(ge=1, le=3, description="1 high, 2 medium, 3 low")]
PriorityGrade = Annotated[int, Meta(ge=1, le=4, description="1 (P1) to 4 (P4)")]
MatcherText = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=2048,
        description="a matcher as Alertmanager writes it; regular expressions match the whole value",
        examples=['severity="critical"', "mountpoint!~/var/lib/docker/.*"],
    ),
]
Text = Annotated[str, Meta(max_length=255)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the configuration: unknown keys are refused."""
