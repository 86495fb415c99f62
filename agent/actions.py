"""What a person has the running agent do: send again what was refused, and drill.

A drill is a marked test incident that goes the whole way, opened, noted and resolved by decisions of the core. It is
made from a rule's own labels and texts, under a policy without waits, and its key differs from the real fault's, so
that an exercise never meets a real incident. A drill that nobody resolves stays open: that is what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from agent.book import Book
from agent.core.decision import Context, Draft
from agent.core.group import Bucket, drill, group
from agent.core.life import finish
from agent.core.model import Incident, IncidentState, NoteLine
from agent.core.outbox import RowState
from agent.core.reason import Kind, Reason
from agent.delivery import Delivery
from agent.http.tocsin_api import NotFound, Refused
from rules.api import Alert, AlertingRule, AlertState, did_you_mean, exercise_alert

NOTE_LIMIT = 2_000


class Actions:
    """What the command can have the agent do: exercises, and sending again what was refused."""

    def __init__(
        self,
        book: Book,
        rules: Callable[[], Mapping[str, tuple[str, AlertingRule]]],
        instance: str,
        delivery: Callable[[], Delivery],
        now: Callable[[], int],
    ) -> None:
        self._book = book
        self._rules = rules
        self._instance = instance
        self._delivery = delivery
        self._now = now

    async def retry(self, incident: str | None) -> Mapping[str, Any]:
        """Try the parked and waiting rows of one incident, or of all, now."""
        rows = [row for row in self._delivery().rows() if incident in (None, row.incident)]
        if incident is not None and not rows:
            raise NotFound(f"no outbox row belongs to an incident {incident[:80]!r}; list them with: tocsin outbox")
        waiting = [row for row in rows if row.state in (RowState.REJECTED, RowState.PENDING, RowState.IN_DOUBT)]
        for row in waiting:
            await self._delivery().retry(row.incident, row.backend)
        return {"retried": len(waiting)}

    def drill(self, rule: str, labels: Mapping[str, str]) -> Mapping[str, Any]:
        """Open one; NotFound when there is no such rule, Refused when this exercise runs already."""
        alert = self._alert(rule, labels, self._now())
        ctx = self._context()
        bucket = drill(next(iter(group([alert], ctx.tree, ctx.classifier, {}).values())))
        if bucket.key in self._book.live:
            raise Refused(
                f"this exercise runs already as incident {self._book.live[bucket.key].id}; resolve that one first"
            )
        incident = self._book.exercise(replace(bucket, group_wait=0), ctx)
        if incident is None or incident.state is not IncidentState.OPEN:
            reason = incident.reason if incident else "policy leaves it without a ticket"
            raise Refused(f"the exercise was not opened: {reason}")
        return {"incident": incident.id}

    def drill_note(self, incident: str, text: str) -> Mapping[str, Any]:
        """Add a work note to an exercise."""
        found, now = self._find(incident), self._now()
        draft = Draft(found, found, now)
        line = NoteLine(seq=len(found.notes) + 1, at=now, text=text[:NOTE_LIMIT])
        draft.change(notes=(*found.notes, line), last_note_at=now)
        draft.log(Kind.NOTE, Reason(found.reason), note=str(line.seq), about="drill")
        self._book.believe(finish(draft, self._book.ctx))
        return {"incident": found.id}

    def drill_resolve(self, incident: str) -> Mapping[str, Any]:
        """End an exercise as if every member had recovered on evidence."""
        found, now = self._find(incident), self._now()
        alerts = tuple(
            Alert(
                rule=found.rule, group="drill", file="drill", labels=member.labels, annotations={},
                state=AlertState.INACTIVE, reason="recovered", since=member.since, evaluated_at=now, value=0.0,
                fired_at=member.fired_at, resolved_at=now, evidence_value=0.0,
            )
            for member in found.members
        )  # fmt: skip
        bucket = Bucket(
            key=found.key, rule=found.rule, ci=found.ci, grouping=found.grouping, backends=found.backends, group_wait=0,
            group_interval=found.group_interval, paths=("drill",), alerts=alerts, test=True,
        )  # fmt: skip
        self._book.exercise(bucket, self._context())
        return {"incident": found.id}

    def _context(self) -> Context:
        ctx = self._book.ctx
        policy = msgspec.structs.replace(ctx.policy, cool_down=0, good_evaluations=0, again=())
        return msgspec.structs.replace(ctx, policy=policy)

    def _alert(self, name: str, labels: Mapping[str, str], now: int) -> Alert:
        rules = self._rules()
        if name not in rules:
            hint = did_you_mean(name, list(rules))
            raise NotFound(f"no alert rule is called {name[:80]!r}" + (f"; {hint}" if hint else ""))
        file, rule = rules[name]
        return exercise_alert(rule, file, {"instance": self._instance, **labels}, now)

    def _find(self, name: str) -> Incident:
        for incident in self._book.live.values():
            if incident.id == name:
                if not incident.test:
                    raise Refused(f"incident {name} is real; only an exercise is steered by hand")
                return incident
        raise NotFound(f"no exercise {name[:80]!r} is open")
