"""The life of an incident, on virtual time."""

from __future__ import annotations

from core_kit import MINUTE, SECOND, START, World, alert, context, no_data, recovered

from agent.core.incident_policy import Ended, Language, Mandatory, Notes
from agent.core.model import IncidentState, MemberState
from agent.core.policy import Classification, Policy, Route
from agent.core.reason import Reason
from integrations.api import RemoteState, TicketState
from rules.api import AlertState

PENDING = AlertState.PENDING
INACTIVE = AlertState.INACTIVE


def test_a_fault_gathers_its_members_and_opens_one_ticket():
    world = World(context())
    first = world.evaluate(alert(mountpoint="/"), after=0)
    assert (first.incident.state, first.reason, first.wishes) == (IncidentState.GATHERING, Reason.NEW_FAULT, {})
    assert first.wake_at == START + SECOND
    opened = world.tick(SECOND)
    assert (opened.incident.state, opened.reason) == (IncidentState.OPEN, Reason.GATHERED)
    ticket = opened.wishes["desk"]
    assert (ticket.state, ticket.episode, ticket.opened_at) == (TicketState.OPEN, 1, START + SECOND)
    assert (ticket.impact, ticket.urgency, ticket.priority) == (2, 2, 3)
    assert "DiskFull on /" in ticket.title
    assert ticket.facts["key"] == opened.incident.key
    assert [entry.kind for entry in world.history].count("class") == 1


def test_nothing_is_written_while_nothing_changes():
    world = World(context())
    world.opened()
    for value in (0.96, 0.97, 0.98):
        decision = world.evaluate(alert(world.now, value=value))
        assert (decision.changed, decision.reason) == (False, Reason.NOTHING_CHANGED)
        assert not decision.wishes
        assert not decision.timeline


def test_pending_alerts_open_nothing():
    world = World(context())
    assert world.evaluate(alert(START, PENDING)).incident is None


def test_vanishing_proves_nothing():
    world = World(context())
    world.opened()
    for _ in range(1000):
        decision = world.evaluate()
    assert (decision.incident.state, decision.changed) == (IncidentState.OPEN, False)


def test_missing_data_holds_the_ticket_open_and_says_so():
    world = World(context())
    world.opened()
    held = world.evaluate(no_data())
    assert (held.incident.state, held.reason) == (IncidentState.NO_DATA, Reason.NO_DATA)
    (note,) = held.wishes["desk"].notes
    assert note.text.startswith("No data since 2025-10-09 08:53:36 UTC. That is no recovery")
    world.tick(7 * 24 * 60 * MINUTE)
    assert world.live.state is IncidentState.NO_DATA
    back = world.evaluate(alert())
    assert (back.incident.state, back.reason) == (IncidentState.OPEN, Reason.FIRING_AGAIN)


def test_policy_may_close_what_has_no_data_but_never_as_recovered():
    world = World(context(no_data_close_after=60 * MINUTE))
    world.opened()
    held = world.evaluate(no_data())
    assert held.wake_at == world.now + 60 * MINUTE
    world.tick(60 * MINUTE - 1)
    assert world.live
    closed = world.tick(1)
    assert (closed.reason, closed.incident.ended) == (Reason.NO_DATA_TOO_LONG, Ended.NOT_MONITORED)
    assert "not a recovery" in closed.wishes["desk"].resolution_text


def test_recovery_takes_evidence_of_every_member_a_cool_down_and_two_evaluations():
    world = World(context())
    world.opened(alert(mountpoint="/"), alert(mountpoint="/home"))
    half = world.evaluate(recovered(mountpoint="/"))
    assert half.incident.state is IncidentState.OPEN
    both = world.evaluate(recovered(mountpoint="/home", evidence=0.41))
    assert (both.incident.state, both.wake_at) == (IncidentState.RECOVERING, None)
    assert world.tick(10 * MINUTE).incident.state is IncidentState.RECOVERING, "time alone is no evaluation"
    done = world.evaluate()
    assert (done.incident.state, done.reason, done.incident.ended) == (
        IncidentState.RESOLVED,
        Reason.RECOVERED,
        Ended.RESOLVED_BY_US,
    )
    ticket = done.wishes["desk"]
    assert ticket.state is TicketState.RESOLVED
    assert 'mountpoint="/home" severity="warning": evidence 0.41 at 2025-10-09 08:53:51 UTC' in ticket.resolution_text


def test_enough_evaluations_wait_for_the_cool_down():
    world = World(context())
    world.opened()
    world.evaluate(recovered())
    decision = world.evaluate()
    assert decision.wake_at == world.now + 45 * SECOND
    assert world.tick(45 * SECOND - 1).incident.state is IncidentState.RECOVERING
    assert world.tick(1).incident.state is IncidentState.RESOLVED


def test_firing_again_during_the_cool_down_is_the_same_episode():
    world = World(context())
    world.opened()
    world.evaluate(recovered())
    world.evaluate()
    back = world.evaluate(alert())
    assert (back.incident.state, back.reason, back.incident.episode) == (IncidentState.OPEN, Reason.FIRING_AGAIN, 1)
    assert back.incident.recovering_since is None
    world.evaluate(recovered())
    assert world.tick(MINUTE).incident.state is IncidentState.RECOVERING, "evaluations count anew"


def test_evidence_lost_during_the_cool_down_holds():
    world = World(context())
    world.opened()
    world.evaluate(recovered())
    assert world.evaluate(no_data()).incident.state is IncidentState.NO_DATA


def test_a_condition_that_is_back_but_pending_stops_the_cool_down():
    world = World(context())
    world.opened()
    world.evaluate(recovered())
    for _ in range(20):
        decision = world.evaluate(alert(state=PENDING))
    assert (decision.incident.state, decision.incident.reason) == (IncidentState.RECOVERING, "condition_back")
    assert not decision.changed
    dropped = world.evaluate(alert(state=INACTIVE, reason="pending_dropped"))
    assert dropped.incident.recovering_since == world.now
    world.cooled()
    assert world.last.reason == "recovered"


def test_a_pending_condition_that_is_never_heard_of_again_does_not_hold_the_ticket_for_good():
    world = World(context())
    world.opened()
    world.evaluate(recovered())
    world.evaluate(alert(state=PENDING))
    pending_at = world.now
    world.cooled()
    assert world.last.reason == "recovered"
    assert world.last.recovering_since == pending_at + 15 * SECOND, "the cool-down started over"


def test_a_removed_rule_is_no_recovery():
    world = World(context())
    world.opened(alert(mountpoint="/"), alert(mountpoint="/home"))
    world.evaluate(recovered(mountpoint="/"))
    world.cooled(alert(state=INACTIVE, reason="rule_removed", mountpoint="/home"))
    assert (world.last.reason, world.last.ended) == ("no_longer_monitored", Ended.NOT_MONITORED)
    assert "not a recovery" in world.sent[-1][2].resolution_text


def test_an_end_for_an_unknown_reason_is_no_recovery():
    world = World(context())
    world.opened()
    world.cooled(alert(state=INACTIVE, reason="something_new"))
    assert world.live.state is IncidentState.NO_DATA


def test_where_two_rules_make_one_alert_the_worse_news_counts():
    world = World(context())
    world.opened()
    decision = world.evaluate(recovered(), alert())
    assert decision.incident.state is IncidentState.OPEN


def test_new_members_are_told_once_per_group_interval():
    world = World(context())
    world.opened(alert(mountpoint="/"))
    for number in range(40):
        world.evaluate(alert(mountpoint=f"/{number}"))
    times = [at for at, _, ticket in world.sent if ticket.notes]
    assert [round((at - START) / MINUTE) for at in times] == [5, 10]
    first = world.live.notes[0].text
    assert first.count("\n- mountpoint") + first.count("\n- instance") >= 19


def test_a_due_note_needs_no_alert():
    world = World(context())
    world.opened(alert(mountpoint="/"))
    joined = world.evaluate(alert(mountpoint="/home"))
    assert joined.wake_at == START + SECOND + 5 * MINUTE
    world.now = joined.wake_at
    assert 'mountpoint="/home"' in world.tick(0).wishes["desk"].notes[0].text


def test_notes_stop_at_the_cap_and_the_last_says_so():
    world = World(context(notes=Notes(max=5, reserved=2, members=3)))
    world.opened(alert(mountpoint="/"))
    for number in range(20):
        world.evaluate(alert(mountpoint=f"/{number}"), after=6 * MINUTE)
    assert len(world.live.notes) == 3
    assert "history only" in world.live.notes[-1].text
    assert "history only" not in world.live.notes[-2].text
    worse = world.evaluate(alert(mountpoint="/x", severity="critical"))
    assert worse.reason is Reason.REGRADED
    assert len(worse.wishes["desk"].notes) == 4


def test_getting_worse_raises_the_grade_at_once_and_nothing_lowers_it():
    world = World(context())
    world.opened(alert())
    worse = world.evaluate(alert(), alert(severity="critical"))
    assert (worse.reason, worse.incident.priority, worse.incident.severity) == (Reason.REGRADED, 2, "critical")
    assert "now P2" in worse.wishes["desk"].notes[0].text
    better = world.evaluate(alert(), recovered(severity="critical"))
    assert (better.incident.priority, better.incident.urgency) == (2, 1)


def test_a_ticket_without_a_mandatory_field_waits_visibly_and_opens_when_it_is_set():
    world = World(context(mandatory=(Mandatory.CATEGORY, Mandatory.ASSIGNMENT_GROUP)))
    world.evaluate(alert(), after=0)
    held = world.tick(SECOND)
    assert (held.incident.state, held.reason, held.wishes) == (
        IncidentState.GATHERING,
        Reason.MANDATORY_MISSING,
        {},
    )
    assert held.timeline[-1].detail == {"missing": "assignment_group"}
    assert not world.evaluate(alert()).changed
    config = Policy(classification=Classification(default_assignment_group="Linux"), incident=world.ctx.policy)
    world.ctx = context(config)
    mended = world.evaluate(alert())
    assert mended.wishes["desk"].assignment_group == "Linux"


def test_a_fault_that_is_over_before_its_ticket_opens_still_gets_its_record():
    world = World(context(Policy(route=Route(receiver="desk", group_wait=30 * SECOND))))
    world.evaluate(alert(), after=0)
    world.evaluate(recovered())
    opened = world.evaluate()
    assert (opened.incident.state, opened.wishes["desk"].state) == (IncidentState.RECOVERING, TicketState.OPEN)
    world.cooled()
    assert world.last.ended is Ended.RESOLVED_BY_US


def test_a_hold_keeps_the_ticket_from_being_resolved():
    world = World(context())
    world.opened()
    world.see(RemoteState.ON_HOLD)
    decision = world.cooled(recovered())
    assert (decision.incident.state, decision.incident.reason) == (IncidentState.RECOVERING, "waiting_for_hold")
    assert len(decision.incident.notes) == 1
    for _ in range(10):
        assert not world.evaluate().changed
    lifted = world.see(RemoteState.IN_PROGRESS)
    assert lifted.wake_at == world.now + 1
    assert world.tick(1).reason is Reason.RECOVERED


def test_members_that_are_over_and_told_are_forgotten_in_a_long_incident():
    world = World(context())
    world.opened(alert(pid="0"))
    for number in range(1, 300):
        world.evaluate(alert(pid="0"), alert(pid=str(number)), after=3 * MINUTE)
        world.evaluate(alert(pid="0"), recovered(pid=str(number)), after=3 * MINUTE)
    assert len(world.live.members) < 220
    assert world.live.members[0].state is MemberState.FIRING


def test_chinese_annotations_are_taken_for_chinese_tickets():
    world = World(context(language=Language.ZH))
    texts = {
        "summary": "Disk full", "summary_zh": "磁盘已满",
        "runbook_url": "runbooks/Disk.md", "runbook_url_zh": "runbooks/Disk.md#含义",
    }  # fmt: skip
    assert "磁盘已满" in world.opened(alert(annotations=texts)).title
    assert world.live.members[0].runbook == "runbooks/Disk.md#含义"
    english = World(context())
    assert "Disk full" in english.opened(alert(annotations=texts)).title
    assert english.live.members[0].runbook == "runbooks/Disk.md"
    untranslated = World(context(language=Language.ZH))
    untranslated.opened(alert(annotations={"summary": "Disk full", "runbook_url": "runbooks/Disk.md"}))
    assert untranslated.live.members[0].runbook == "runbooks/Disk.md"
