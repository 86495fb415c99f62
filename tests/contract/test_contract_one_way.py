"""The contract for backends that cannot be read, and the proof that no case of the contract is left out in silence."""

from __future__ import annotations

from types import ModuleType

import contract_cases
import contract_faults
import contract_one_way
import pytest
from contract_bench import enrolment
from contract_one_way import *  # noqa: F403 - the cases are collected here, with this folder's fixtures

from integrations.api import available

INSTEAD = {
    "a_credential_that_no_header_can_carry": "a_credential_that_no_request_can_carry",
    "a_huge_reply_is_not_kept": "a_spoilt_reply_leaves_it_in_doubt",
    "a_lost_twin_repair_can_be_repeated": "an_end_in_doubt_is_told_again",
    "a_note_is_posted_once": "notes_are_told_once_in_order",
    "a_note_whose_reply_was_lost_is_there_once": "a_note_in_doubt_is_never_told_twice",
    "a_resolve_whose_reply_was_lost_is_done_once": "an_end_in_doubt_is_told_again",
    "a_server_that_speaks_no_tls_is_not_sent": "no_connection_is_not_sent",
    "a_slow_server_is_given_up_on_in_time": "a_slow_server_is_given_up_on_in_time",
    "a_spoilt_reply_to_a_change_leaves_it_in_doubt": "a_spoilt_reply_leaves_it_in_doubt",
    "a_spoilt_reply_to_a_read_is_no_answer": "the_book_answers_and_the_server_is_not_asked",
    "a_ticket_is_no_twin_of_itself_or_of_another_fault": "a_ticket_of_another_fault_is_left_alone",
    "a_ticket_of_another_fault_is_left_alone": "a_ticket_of_another_fault_is_left_alone",
    "an_echoed_secret_is_redacted": "nothing_shows_a_secret",
    "cancellation_leaves_nothing_behind": "cancellation_leaves_nothing_behind",
    "capabilities_are_stated": "capabilities_say_that_it_cannot_be_read",
    "create_carries_every_field": "create_shows_one_fault",
    "create_lost_before_commit": "an_opening_in_doubt_is_sent_again",
    "create_opens_one_ticket": "create_shows_one_fault",
    "created_reads_as_it_was_returned": "the_book_answers_and_the_server_is_not_asked",
    "doctor_finds_nothing_wrong": "doctor_finds_nothing_wrong_and_sends_nothing",
    "doctor_says_what_is_wrong_and_raises_nothing": "doctor_says_what_is_wrong_and_raises_nothing",
    "empty_id_is_refused": "empty_id_is_refused",
    "episodes_are_told_apart_oldest_first": "episodes_are_told_apart",
    "every_status_is_an_outcome": "every_status_is_an_outcome",
    "find_knows_nothing_of_an_unknown_id": "the_book_answers_and_the_server_is_not_asked",
    "find_shows_ended_tickets_too": "episodes_are_told_apart",
    "footer_round_trip": "create_shows_one_fault",
    "hostile_payloads_arrive_inert": "hostile_text_arrives_inert",
    "hostile_text_arrives_inert": "hostile_text_arrives_inert",
    "impact_and_urgency_are_read_back": "the_book_answers_and_the_server_is_not_asked",
    "late_commit_is_found_later": "a_late_commit_is_folded_or_said_to_be_a_repetition",
    "list_open_is_ours_of_this_ci_and_environment": "list_open_is_of_this_ci_and_environment",
    "long_body_is_cut_and_the_footer_kept": "long_text_is_cut_between_characters_and_arrives",
    "long_note_is_cut_and_posted_once": "long_text_is_cut_between_characters_and_arrives",
    "long_title_is_cut_between_characters": "long_text_is_cut_between_characters_and_arrives",
    "notes_come_in_order_and_only_new_ones": "notes_are_told_once_in_order",
    "notes_do_not_touch_title_and_body": "notes_are_told_once_in_order",
    "nothing_shows_a_secret": "nothing_shows_a_secret",
    "reading_changes_nothing": "the_book_answers_and_the_server_is_not_asked",
    "redirects_are_not_followed": "redirects_are_not_followed",
    "reference_has_a_number_and_a_link": "create_shows_one_fault",
    "refused_connection_is_not_sent": "no_connection_is_not_sent",
    "reopen_by_wish": "reopened_only_by_wish_and_resolved_again",
    "reopened_can_be_resolved_again": "reopened_only_by_wish_and_resolved_again",
    "reply_of_create_lost_after_commit": "an_opening_in_doubt_is_sent_again",
    "reset_before_and_in_the_middle_of_the_reply": "reset_before_and_in_the_middle_of_the_reply",
    "resolve": "resolve_ends_it_with_the_evidence_and_missing_notes",
    "resolve_posts_the_missing_notes_first": "resolve_ends_it_with_the_evidence_and_missing_notes",
    "resolve_twice_is_resolve_once": "resolve_twice_is_told_once",
    "retire_twin_links_and_resolves": "twins_are_ended_and_the_kept_one_stays_open",
    "retire_twin_twice_is_once": "twins_are_ended_and_the_kept_one_stays_open",
    "retry_after_is_passed_on": "retry_after_is_passed_on",
    "same_wish_again_changes_nothing": "same_wish_again_says_nothing_new",
    "times_are_milliseconds": "the_book_answers_and_the_server_is_not_asked",
    "twins_are_found": "twins_are_ended_and_the_kept_one_stays_open",
    "unauthorised_once_and_then_fine": "what_was_provably_not_done_is_no_repetition",
    "unknown_name_is_not_sent": "no_connection_is_not_sent",
    "unknown_ticket_reads_as_none": "the_book_answers_and_the_server_is_not_asked",
    "what_a_status_means_for_a_change": "what_a_status_means",
    "what_a_status_means_for_a_read": "the_book_answers_and_the_server_is_not_asked",
    "wrong_credential": "wrong_credential",
}
"""Case of a backend that can be read: the case that stands for it where it cannot."""

NOBODY_SEEN = {
    "acknowledged_by_a_person", "assigned_by_a_person", "cancelled_is_not_reopened_even_by_wish",
    "deleted_ticket_reads_as_none_and_cannot_be_changed", "list_open_finds_what_people_hold",
    "nothing_is_written_on_what_a_person_cancelled", "put_on_hold_by_a_person",
    "resolving_what_a_person_ended_is_success", "resolving_what_a_person_ends_meanwhile_is_success",
    "what_a_person_ended_stays_ended_without_reopen", "what_people_set_is_not_overwritten",
}  # fmt: skip
"""Not applicable: what people do does not come back. Only messages are written, so none of it is undone either."""

NO_FACTS = {"facts_that_do_not_fit_are_refused"}
"""Not applicable: the facts of a ticket stay in the book, which takes any; nothing can be rebuilt from a message."""


def _cases(module: ModuleType) -> set[str]:
    return {name.removeprefix("test_") for name in vars(module) if name.startswith("test_")}


def test_every_case_of_the_contract_stands_here_or_says_why_not() -> None:
    cases = _cases(contract_cases) | _cases(contract_faults)
    assert cases == INSTEAD.keys() | NOBODY_SEEN | NO_FACTS
    assert set(INSTEAD.values()) <= _cases(contract_one_way)


@pytest.mark.parametrize("type_name", available())
async def test_the_enrolment_says_the_truth_about_reading(type_name: str, tmp_path: object) -> None:
    async with enrolment(type_name).bench(tmp_path) as built:  # type: ignore[arg-type]  # pytest's is a Path
        assert built.integration.capabilities.readable is not getattr(enrolment(type_name), "ONE_WAY", False)
