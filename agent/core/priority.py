"""The grade of an incident: priority is a cell of the table impact x urgency."""

from __future__ import annotations

from agent.core.policy import Classification, Criticality


def urgency_of(severity: str, config: Classification) -> int:
    """Urgency by the alert's severity label."""
    return config.severities.get(severity, config.default_urgency)


def impact_of(criticality: Criticality | None, config: Classification) -> int:
    """Impact by the criticality of the CI or its service; None when the catalogue knows neither."""
    if criticality is None:
        return config.default_impact
    return config.criticalities.get(criticality, config.default_impact)


def priority_of(impact: int, urgency: int, config: Classification) -> int:
    """The cell of the table, 1 (P1) to 4 (P4). ``impact`` and ``urgency`` are 1 to 3."""
    return config.matrix[impact - 1][urgency - 1]
