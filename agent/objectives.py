"""How the objectives stand, from the series that their rules record; for ``tocsin status``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rules.api import SeriesWindow, Vector, compile_expr, parse

if TYPE_CHECKING:
    from agent.config.slo import Slo
    from agent.core.calendar import Calendar


def objective_rows(
    slos: tuple[Slo, ...], calendars: Mapping[str, Calendar], series: SeriesWindow, now: int
) -> list[Mapping[str, Any]]:
    """One for each objective. ``objective`` and ``availability`` are in percent, ``budget_left`` is a share of 1 and
    negative when overspent. What is not known yet is None.
    """
    if not slos:
        return []
    availability, left = (
        _by_slo(series, name, now) for name in ("slo:availability:ratio", "slo:error_budget:remaining")
    )
    return [
        {
            "name": slo.name,
            "service": slo.service,
            "objective": slo.objective,
            "availability": _rounded(availability.get(slo.name), 100),
            "budget_left": _rounded(left.get(slo.name), 1),
            "planned_now": slo.name in calendars and calendars[slo.name].planned(now),
        }
        for slo in slos
    ]


def _by_slo(series: SeriesWindow, name: str, now: int) -> Mapping[str, float]:
    found = compile_expr(parse(name)).instant(series, now)
    elements = found.elements if isinstance(found, Vector) else ()
    return {dict(element.labels).get("slo", ""): element.value for element in elements}


def _rounded(value: float | None, scale: int) -> float | None:
    return None if value is None else round(value * scale, 4)
