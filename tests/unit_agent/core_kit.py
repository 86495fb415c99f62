"""What the tests of the core share: a context, alerts, and a world that calls the core the way the agent does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import msgspec

from agent.core.classify import build_classifier
from agent.core.decision import Context, Decision
from agent.core.group import Bucket, group
from agent.core.identity import correlation_id
from agent.core.incident import step
from agent.core.incident_policy import IncidentPolicy
from agent.core.model import Ci, Incident, IncidentState, TimelineEntry
from agent.core.people import observe
from agent.core.policy import Policy, Route
from agent.core.route import build_tree
from agent.render import TemplateWords
from integrations.api import Ref, Remote, RemoteState, Ticket
from rules.api import Alert, AlertState

START = 1_760_000_000_000
SECOND = 1_000
MINUTE = 60_000
OWN = Ci(id="machine-1", name="web-1")


def whole(pattern: str):
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def regex(pattern: str):
    try:
        return whole(pattern)
    except re.error as error:
        raise ValueError(str(error)) from error


def context(policy: Policy | None = None, cannot_reopen: frozenset[str] = frozenset(), **incident: object) -> Context:
    policy = policy or Policy(route=Route(receiver="desk", group_wait=1_000))
    if incident:
        policy = msgspec.structs.replace(policy, incident=IncidentPolicy(**incident))
    return Context(
        policy=policy.incident,
        tree=build_tree(policy.route, policy.receivers, regex),
        classifier=build_classifier(
            policy.classification, policy.catalogue, own=OWN, instance="web-1:9100", compile_regex=regex
        ),
        words=TemplateWords(policy.incident, policy.classification.categories),
        environment="prod",
        config_hash="0123456789abcdef",
        cannot_reopen=cannot_reopen,
    )


def alert(
    at: int = START,
    state: AlertState = AlertState.FIRING,
    *,
    rule: str = "DiskFull",
    reason: str = "",
    value: float = 0.95,
    evidence: float | None = None,
    annotations: dict[str, str] | None = None,
    **labels: str,
) -> Alert:
    named = {"alertname": rule, "instance": "web-1:9100", "severity": "warning", **labels}
    return Alert(
        rule=rule,
        group="disks",
        file="host.rules.yml",
        labels=tuple(sorted((name, text) for name, text in named.items() if text)),
        annotations=annotations or {"summary": f"{rule} on {labels.get('mountpoint', '/')}"},
        state=state,
        reason=reason,
        since=at,
        evaluated_at=at,
        value=value,
        fired_at=at,
        evidence_value=evidence,
        expr="disk_used > 0.9",
    )


def recovered(at: int = START, *, evidence: float | None = 0.4, **labels: str) -> Alert:
    return alert(at, AlertState.INACTIVE, reason="recovered", evidence=evidence, **labels)


def no_data(at: int = START, **labels: str) -> Alert:
    return alert(at, AlertState.NO_DATA, reason="evidence_missing", **labels)


@dataclass
class World:
    """One fault key: keeps what the agent keeps, and hands over what it hands over."""

    ctx: Context
    now: int = START
    live: Incident | None = None
    last: Incident | None = None
    decision: Decision | None = None
    history: list[TimelineEntry] = field(default_factory=list)
    sent: list[tuple[int, str, Ticket]] = field(default_factory=list)

    def evaluate(self, *alerts: Alert, after: int = 15 * SECOND) -> Decision:
        """An evaluation ``after`` ms later."""
        self.now += after
        live = {self.live.key: self.live} if self.live else {}
        alerts = tuple(replace(each, evaluated_at=self.now) for each in alerts)
        buckets = group(alerts, self.ctx.tree, self.ctx.classifier, live)
        assert len(buckets) <= 1
        bucket: Bucket | None = next(iter(buckets.values()), None)
        return self._take(step(self.live, self.last, bucket, self.ctx, self.now, self.now))

    def tick(self, after: int) -> Decision:
        """Only time passes."""
        self.now += after
        return self._take(step(self.live, self.last, None, self.ctx, self.now))

    def see(
        self, state: RemoteState | None, *, backend: str = "desk", incident: Incident | None = None, **fields: object
    ) -> Decision:
        """The backend shows its ticket."""
        incident = incident or self.live or self.last
        assert incident is not None
        seen = None if state is None else remote(incident, state, self.ctx, backend, **fields)
        return self._take(observe(incident, backend, seen, self.ctx, self.now))

    def opened(self, *alerts: Alert) -> Incident:
        """Fire, wait for the group, and have an open ticket."""
        self.evaluate(*(alerts or (alert(self.now),)), after=0)
        self.tick(SECOND)
        assert self.live is not None
        assert self.live.state is IncidentState.OPEN
        return self.live

    def cooled(self, *over: Alert) -> Decision:
        """Recover, and let the default cool-down pass."""
        decision = self.evaluate(*over)
        for _ in range(4):
            decision = self.evaluate()
        return decision

    def _take(self, decision: Decision) -> Decision:
        if decision.wake_at is not None:
            assert decision.wake_at > self.now
        self.decision = decision
        self.history.extend(decision.timeline)
        self.sent.extend((self.now, backend, ticket) for backend, ticket in decision.wishes.items())
        incident = decision.incident
        if incident is not None:
            again = msgspec.json.decode(msgspec.json.encode(incident), type=Incident)
            assert again == incident, "the store must give back what it was given"
            if incident.state is IncidentState.RESOLVED:
                self.last, self.live = incident, None
            else:
                self.live = incident
        return decision


def remote(incident: Incident, state: RemoteState, ctx: Context, backend: str = "desk", **fields: object) -> Remote:
    given = {"ref": Ref(id="7", number="INC0000007"), "episode": incident.episode, **fields}
    return Remote(
        correlation_id=correlation_id(ctx.environment, incident.key, backend),
        state=state,
        raw_state=state.value,
        **given,
    )
