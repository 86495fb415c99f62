"""The outbox against a model backend, one step at a time, with a crash possible between any two.

The machine plays agent, disk, network and server: fire, resolve, look, claim, send, lose, commit late, crash, jump the
clock. After every step: at most one ticket (I1), and the newest wish is still in the row (I2). At the end the faults
stop, and the ticket says what was wished last. The weakened machines below show that the checks bite.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agent.core import outbox
from agent.core.outbox import OutboxError, OutboxRow, RowState, Verb
from agent.delivery.adopt import choose
from integrations.api import Note, Ref, Remote, RemoteState, Ticket, TicketState

WINDOW_MS = 120_000
LATEST_MS = 110_000
"""How late the server may act: within W, or no protocol without its help can hold I1."""


@dataclass
class Request:
    verb: Verb
    wish: Ticket
    ref: Ref | None
    until: int


class OutboxMachine(RuleBasedStateMachine):
    window_ms = WINDOW_MS

    @initialize()
    def begin(self) -> None:
        self.now = 1_700_000_000_000
        self.tickets: dict[str, Remote] = {}
        self.notes: dict[str, set[str]] = {}
        self.flying: list[Request] = []
        self.wanted = Ticket(
            correlation_id="toc-" + "a" * 32, episode=1, state=TicketState.OPEN, title="t", body="b", impact=1,
            urgency=1, priority=1, opened_at=self.now, ci="c", ci_id="c", environment="e",
        )  # fmt: skip
        self.disk: OutboxRow = outbox.wish(None, "i", "b", self.wanted, self.now)
        self.row = self.disk

    def commit(self, row: OutboxRow) -> None:
        assert row.revision > self.row.revision or row is self.row
        self.row = self.disk = row

    # The incident.

    @precondition(lambda self: self.wanted.state is TicketState.OPEN and len(self.wanted.notes) < 5)
    @rule()
    def fires_on(self) -> None:
        more = Note(f"n{len(self.wanted.notes)}", "text")
        self.wanted = msgspec.structs.replace(self.wanted, notes=(*self.wanted.notes, more))
        self.commit(outbox.wish(self.row, "i", "b", self.wanted, self.now))

    @rule()
    def resolves(self) -> None:
        self.wanted = msgspec.structs.replace(self.wanted, state=TicketState.RESOLVED)
        self.commit(outbox.wish(self.row, "i", "b", self.wanted, self.now))

    # The worker, step by step.

    @precondition(lambda self: self.row.state in (RowState.PENDING, RowState.IN_DOUBT))
    @rule(jitter=st.floats(0, 0.99))
    def look(self, jitter: float) -> None:
        row = self.row
        if row.ref is not None:
            self.commit(outbox.found(row, self.tickets[row.ref.id], self.now))
            self.claimed()
            return
        choice = choose(row, list(self.tickets.values()), (), can_reopen=True)
        if choice.keep is not None:
            self.commit(outbox.found(row, choice.keep, self.now))
            self.claimed()
        elif row.state is RowState.IN_DOUBT:
            self.commit(outbox.absent(row, self.now, self.window_ms, jitter=jitter))
            if self.row.state is RowState.PENDING:
                self.claimed()
        else:
            self.claimed()

    def claimed(self) -> None:
        self.commit(outbox.claim(self.row))

    @precondition(lambda self: self.row.state is RowState.SENDING)
    @rule(late=st.integers(0, LATEST_MS), jitter=st.floats(0, 0.99))
    def send_and_lose(self, late: int, jitter: float) -> None:
        """The request leaves; whether and when the server acts, nobody here knows."""
        self.flying.append(Request(self.row.verb, self.row.wish, self.row.ref, self.now + late))
        self.commit(outbox.doubt(self.row, self.now, "lost", jitter=jitter))

    @precondition(lambda self: self.row.state is RowState.SENDING)
    @rule(late=st.integers(0, LATEST_MS))
    def send_and_crash(self, late: int) -> None:
        self.flying.append(Request(self.row.verb, self.row.wish, self.row.ref, self.now + late))
        self.crash()

    @precondition(lambda self: self.row.state is RowState.SENDING)
    @rule()
    def send_and_hear(self) -> None:
        remote = self.serve(Request(self.row.verb, self.row.wish, self.row.ref, self.now))
        settle = outbox.created if self.row.verb is Verb.CREATE else outbox.sent
        self.commit(settle(self.row, remote, self.now))

    @precondition(lambda self: self.row.state is RowState.SENDING)
    @rule()
    def served_and_crash_before_settling(self) -> None:
        self.serve(Request(self.row.verb, self.row.wish, self.row.ref, self.now))
        self.crash()

    @precondition(lambda self: self.row.state is RowState.SENDING)
    @rule(jitter=st.floats(0, 0.99), after=st.none() | st.floats(0, 4000))
    def refused(self, jitter: float, after: float | None) -> None:
        self.commit(outbox.not_sent(self.row, self.now, "refused", retry_after=after, jitter=jitter))

    @precondition(lambda self: self.row.unsettled)
    @rule()
    def rejected(self) -> None:
        self.commit(outbox.rejected(self.row, "400"))

    @rule()
    def retry(self) -> None:
        self.commit(outbox.retry(self.row, self.now))

    @rule()
    def crash(self) -> None:
        self.row = self.disk
        self.commit(outbox.restart(self.row, self.now))

    # The world.

    @rule(seconds=st.integers(0, 200))
    def time_passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1000
            self.land()

    @rule(delta=st.integers(-(10**11), 10**11))
    def clock_jumps(self, delta: int) -> None:
        self.now += delta
        for request in self.flying:
            request.until += delta
        self.tickets = {key: msgspec.structs.replace(remote, created_at=None) for key, remote in self.tickets.items()}
        self.commit(outbox.rebase(self.row, delta))

    def land(self) -> None:
        due = [request for request in self.flying if request.until <= self.now]
        self.flying = [request for request in self.flying if request.until > self.now]
        for request in due:
            self.serve(request)

    def serve(self, request: Request) -> Remote:
        if request.verb is Verb.CREATE:
            ref = Ref(str(len(self.tickets) + 1))
            self.tickets[ref.id] = Remote(
                ref=ref, correlation_id=request.wish.correlation_id, state=RemoteState.NEW, raw_state="new",
                episode=request.wish.episode, created_at=self.now,
            )  # fmt: skip
            self.notes[ref.id] = set()
            return self.tickets[ref.id]
        assert request.ref is not None
        self.notes[request.ref.id] |= {note.marker for note in request.wish.notes}
        remote = self.tickets[request.ref.id]
        if request.wish.state is TicketState.RESOLVED:
            remote = msgspec.structs.replace(remote, state=RemoteState.RESOLVED)
            self.tickets[request.ref.id] = remote
        return remote

    # What must hold.

    @invariant()
    def one_ticket(self) -> None:
        assert len(self.tickets) <= 1, self.tickets

    @invariant()
    def the_wish_is_kept_and_the_numbers_are_in_order(self) -> None:
        row = self.row
        assert row.wish == self.wanted
        assert row.sent_version <= row.claimed_version <= row.version
        assert (row.state is not RowState.DONE) or row.sent_version == row.version
        assert row.state is RowState.REJECTED or row.due_at <= self.now + outbox.RETRY_AFTER_CAP_MS

    def teardown(self) -> None:
        if not hasattr(self, "row"):
            return
        self.commit(outbox.retry(self.row, self.now))
        for _ in range(2000):
            self.now += 1000
            self.land()
            if self.row.state is RowState.SENDING:
                self.send_and_hear()
            elif self.row.unsettled and self.row.due_at <= self.now:
                self.look(0.5)
            self.one_ticket()
            if self.row.state is RowState.DONE:
                break
        assert self.row.state is RowState.DONE
        (remote,) = self.tickets.values()
        assert remote.state.active is (self.wanted.state is TicketState.OPEN)
        assert self.notes[remote.ref.id] == {note.marker for note in self.wanted.notes}


OutboxMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
TestOutbox = OutboxMachine.TestCase


class WithoutWindow(OutboxMachine):
    window_ms = 0


class WithoutSearch(OutboxMachine):
    def look(self, jitter: float = 0.0) -> None:
        if self.row.state is RowState.IN_DOUBT:
            self.commit(outbox.absent(self.row, self.now + WINDOW_MS, WINDOW_MS, jitter=jitter))
        if self.row.state is RowState.PENDING:
            self.claimed()

    look = precondition(lambda self: self.row.unsettled and self.row.state is not RowState.SENDING)(
        rule(jitter=st.floats(0, 0.99))(look)
    )


class ForgetfulRestart(OutboxMachine):
    def restarted(self) -> None:
        self.row = self.disk
        if self.row.state is RowState.SENDING:
            self.send_and_hear()  # it was being sent, so send it again

    crash = rule()(restarted)


@pytest.mark.parametrize("weakened", [WithoutWindow, WithoutSearch, ForgetfulRestart])
def test_a_weakened_outbox_is_caught(weakened: type[OutboxMachine]) -> None:
    few = settings(OutboxMachine.TestCase.settings, max_examples=300, phases=[Phase.generate], derandomize=True)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(weakened, settings=few)


def pending() -> OutboxRow:
    wanted = Ticket(
        correlation_id="toc-" + "a" * 32, episode=1, state=TicketState.OPEN, title="t", body="b", impact=1, urgency=1,
        priority=1, opened_at=0, ci="c", ci_id="c", environment="e",
    )  # fmt: skip
    return outbox.wish(None, "i", "b", wanted, 0)


def test_the_same_wish_is_no_transition() -> None:
    row = pending()
    assert outbox.wish(row, "i", "b", row.wish, 99) is row


@pytest.mark.parametrize("attempts", range(20))
def test_back_off_is_between_two_seconds_and_five_minutes(attempts: int) -> None:
    low, high = outbox.backoff_ms(attempts, 0.0), outbox.backoff_ms(attempts, 0.999999)
    assert low == 2_000
    assert low <= high <= 300_000
    assert attempts < 8 or high > 299_000


def test_a_server_s_own_time_is_kept_up_to_an_hour() -> None:
    row = outbox.not_sent(pending(), 0, "429", retry_after=90, jitter=0.0)
    assert row.due_at == 90_000
    assert outbox.not_sent(row, 0, "429", retry_after=1e9, jitter=0.0).due_at == 3_600_000


def test_a_row_in_the_wrong_state_is_refused() -> None:
    with pytest.raises(OutboxError):
        outbox.claim(outbox.claim(pending()))


def test_a_parked_row_keeps_its_doubt() -> None:
    doubtful = outbox.doubt(outbox.claim(pending()), 5, "lost", jitter=0.0)
    parked = outbox.rejected(doubtful, "400")
    assert outbox.retry(parked, 9).state is RowState.IN_DOUBT
    assert outbox.retry(parked, 9).doubt_since == 5


def test_timers_of_a_strange_clock_do_not_hold_a_row_back() -> None:
    later = outbox.not_sent(pending(), 10**15, "refused", retry_after=None, jitter=0.0)
    assert outbox.restart(later, 1_000).due_at <= 1_000 + outbox.RETRY_AFTER_CAP_MS


def test_a_ticket_keeps_the_name_of_its_first_wish() -> None:
    row = pending()
    renamed = msgspec.structs.replace(row.wish, correlation_id="toc-other", environment="moved", title="changed")
    later = outbox.wish(row, "i", "b", renamed, 1).wish
    assert (later.correlation_id, later.environment) == (row.wish.correlation_id, row.wish.environment)
    assert later.title == "changed"
