"""Any order of alerts, timers, people and deliveries keeps the invariants of ``agent.core.incident``."""

from __future__ import annotations

from core_kit import MINUTE, SECOND, World, alert, context, no_data, recovered
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.core.incident_policy import Ended, Notes, StandBy, StandByNew, Then, ThenNew
from agent.core.model import IncidentState, MemberState
from agent.core.reason import Reason
from integrations.api import RemoteState, TicketState
from rules.api import AlertState

MOUNTS = ("/", "/home", "/var")
SEVERITIES = ("warning", "critical")
GAPS = (1, SECOND, 15 * SECOND, MINUTE, 6 * MINUTE, 31 * MINUTE, 24 * 60 * MINUTE)
MAKERS = {
    "fire": alert,
    "no_data": no_data,
    "recover": recovered,
    "pend": lambda **labels: alert(state=AlertState.PENDING, **labels),
    "drop": lambda **labels: alert(state=AlertState.INACTIVE, reason="pending_dropped", **labels),
    "remove": lambda **labels: alert(state=AlertState.INACTIVE, reason="rule_removed", **labels),
    "odd": lambda **labels: alert(state=AlertState.INACTIVE, reason="???", **labels),
}
STATES = st.sampled_from([*RemoteState, None])
POLICIES = st.sampled_from(
    [
        {},
        {"no_data_close_after": 60 * MINUTE},
        {
            "resolved_by_person": StandBy(after=0, then=Then.REOPEN),
            "closed_by_person": StandByNew(after=0, then=ThenNew.NEW),
            "cancelled_by_person": StandByNew(after=MINUTE, then=ThenNew.NEW),
            "ticket_gone": StandByNew(after=0, then=ThenNew.NEW),
        },
    ]
)


class IncidentLife(RuleBasedStateMachine):
    """A model of what the tickets show: the last wish by episode, and which of them a person cancelled or closed."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(context(notes=Notes(max=4, reserved=2, members=2)))
        self.evidence: dict = {}
        self.wished: dict[int, TicketState] = {}
        self.theirs: set[int] = set()
        self.episodes: list[int] = []
        self.sent = 0

    @precondition(lambda self: not self.episodes)
    @rule(policy=POLICIES)
    def configure(self, policy) -> None:
        self.world.ctx = context(notes=Notes(max=4, reserved=2, members=2), **policy)

    @rule(
        alerts=st.lists(
            st.tuples(st.sampled_from(sorted(MAKERS)), st.sampled_from(MOUNTS), st.sampled_from(SEVERITIES)),
            max_size=4,
            unique_by=lambda each: each[1:],
        ),
        after=st.sampled_from(GAPS),
    )
    def evaluate(self, alerts, after) -> None:
        made = [MAKERS[what](mountpoint=mount, severity=severity) for what, mount, severity in alerts]
        live = self.world.live
        for each in made:
            known = live is not None and any(member.labels == each.labels for member in live.members)
            if each.state in (AlertState.FIRING, AlertState.NO_DATA) or each.reason == "???":
                self.evidence[each.labels] = False
            elif each.reason == "recovered" and known:
                self.evidence[each.labels] = True
        self.check(self.world.evaluate(*made, after=after))

    @rule(after=st.sampled_from(GAPS))
    def pass_time(self, after) -> None:
        self.check(self.world.tick(after))

    @precondition(lambda self: self.world.decision is not None and self.world.decision.wake_at is not None)
    @rule()
    def ring_the_timer(self) -> None:
        at = self.world.decision.wake_at
        decision = self.world.tick(max(0, at - self.world.now))
        self.check(decision)
        assert decision.changed, "a timer rings for something"

    @precondition(lambda self: bool(self.wished))
    @rule(state=STATES, owner=st.sampled_from(["", "wang"]))
    def person_or_delivery(self, state, owner) -> None:
        incident = self.world.live or self.world.last
        if incident is None or incident.episode not in self.wished:
            return
        decision = self.world.see(state, owner=owner)
        if state is None:
            self.wished.pop(incident.episode)
        if state in (RemoteState.CANCELLED, RemoteState.CLOSED):
            self.theirs.add(incident.episode)
        elif state is not None:
            self.theirs.discard(incident.episode)
        self.check(decision)

    def check(self, decision) -> None:
        for _, _, ticket in self.world.sent[self.sent :]:
            if ticket.reopen:
                assert ticket.episode not in self.theirs, "reopened against a person"
            self.wished[ticket.episode] = ticket.state
            assert len(ticket.notes) <= 4
            assert len({note.marker for note in ticket.notes}) == len(ticket.notes)
        self.sent = len(self.world.sent)
        incident = decision.incident
        if incident is None:
            return
        if not self.episodes or incident.episode != self.episodes[-1]:
            assert incident.episode == len(self.episodes) + 1, "episodes count up by one"
            self.episodes.append(incident.episode)
        just_ended = incident.state is IncidentState.RESOLVED and decision.reason in (
            Reason.RECOVERED,
            Reason.RECOVERED_AFTER_PERSON,
        )
        if just_ended:
            assert all(member.state is MemberState.RECOVERED for member in incident.members)
            assert all(self.evidence[member.labels] for member in incident.members), "resolved without evidence"
        if incident.state is IncidentState.RESOLVED:
            assert incident.ended is not None
            assert incident.resolution
        if incident.ended is Ended.RESOLVED_BY_US:
            assert incident.resolved_at <= self.world.now

    @invariant()
    def at_most_one_open_ticket_is_wished_for(self) -> None:
        assert sum(state is TicketState.OPEN for state in self.wished.values()) <= 1

    @invariant()
    def a_live_incident_has_a_reason_to_live(self) -> None:
        live = self.world.live
        if live is not None and live.state is IncidentState.OPEN:
            assert any(member.state is MemberState.FIRING for member in live.members)


TestIncidentLife = IncidentLife.TestCase
TestIncidentLife.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
