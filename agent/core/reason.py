"""The name of every decision. It goes to the timeline, the log, the ticket's history and ``tocsin explain``."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What a timeline entry tells."""

    STATE = "state"
    MEMBER = "member"
    CLASS = "class"
    ROUTE = "route"
    NOTE = "note"
    PERSON = "person"


class Reason(Enum):
    """Why an incident is as it is."""

    NOTHING_CHANGED = "nothing_changed"
    # a new episode
    NEW_FAULT = "new_fault"
    NEW_EPISODE = "new_episode"
    GATHERED = "gathered"
    MANDATORY_MISSING = "mandatory_missing"
    ROUTED = "routed"
    CLASSIFIED = "classified"
    # its life
    MEMBERS_CHANGED = "members_changed"
    REGRADED = "regraded"
    NO_DATA = "no_data"
    FIRING_AGAIN = "firing_again"
    RECOVERING = "recovering"
    CONDITION_BACK = "condition_back"
    WAITING_FOR_HOLD = "waiting_for_hold"
    # its end
    RECOVERED = "recovered"
    RECOVERED_AFTER_PERSON = "recovered_after_person"
    NO_LONGER_MONITORED = "no_longer_monitored"
    NO_DATA_TOO_LONG = "no_data_too_long"
    SUPERSEDED = "superseded"
    # firing again after the end
    REOPENED_WITHIN_WINDOW = "reopened_within_window"
    REOPENED_PERSON_HAS_IT_OPEN = "reopened_person_has_it_open"
    LEFT_TO_PERSON = "left_to_person"
    # people
    ACKNOWLEDGED = "acknowledged"
    PUT_ON_HOLD = "put_on_hold"
    TAKEN_OFF_HOLD = "taken_off_hold"
    CHANGED_BY_PERSON = "changed_by_person"
    RESOLVED_BY_PERSON = "resolved_by_person"
    CLOSED_BY_PERSON = "closed_by_person"
    CANCELLED_BY_PERSON = "cancelled_by_person"
    TICKET_GONE = "ticket_gone"
    REOPENED_BY_PERSON = "reopened_by_person"
    REOPENED_STILL_FIRING = "reopened_still_firing"
    SEEN = "seen"
    # a lost state
    ADOPTED = "adopted"
    NOT_ADOPTED = "not_adopted"
