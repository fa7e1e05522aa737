"""A rater's worklist: what is due when, in words; never a score."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field

from ratings.models import RatingAssignment
from ratings.policies import due_window
from ratings.selectors import assignments_of
from ratings.visibility import closed_by
from ratings.windows import Window
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.errors import NotPermitted
from studyportal.studies.models import Study

GROUPS = (
    ("started", "Under way", "Begun and not signed yet"),
    ("closing", "Closing soon", "The window closes within two hours"),
    ("open", "Open now", "The window is open"),
    ("today", "Within 24 hours", "The window opens within a day"),
    ("missed", "Window missed", "Rate it still: the departure from the window is recorded with the rating"),
    ("later", "Later", "The window is not open yet"),
    ("undated", "Waiting for a date", "The session has no date yet"),
    ("signed", "Signed", "Read, or correct with a reason"),
)


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One line of the worklist."""

    assignment: RatingAssignment
    state: str
    window: str
    closed_by: RatingAssignment | None = None


@dataclass(slots=True)
class Group:
    """Work items of one state."""

    state: str
    title: str
    hint: str
    items: list[WorkItem] = field(default_factory=list)


def worklist(rater: User, study: Study) -> list[Group]:
    """Return the rater's work items by what is to be done, the most urgent group first; empty groups are left out."""
    now = clock.now()
    assignments = list(assignments_of(rater, study))
    groups = {state: Group(state, title, hint) for state, title, hint in GROUPS}
    timed = [(assignment, due_window(assignment.session, assignment.assessment)) for assignment in assignments]
    for assignment, window in sorted(timed, key=_urgency):
        state = state_of(assignment, window, now)
        zone = assignment.session.participant.site.time_zone
        words = window.words(now, zone) if window and state not in {"signed", "started"} else ""
        covered = closed_by(assignment, assignments, now) if state == "signed" else None
        groups[state].items.append(WorkItem(assignment, state, words, covered))
    groups["signed"].items.reverse()
    return [group for group in groups.values() if group.items]


def state_of(assignment: RatingAssignment, window: Window | None, now: datetime.datetime) -> str:
    """Return the group that a work item belongs to."""
    if assignment.status in {RatingAssignment.Status.SIGNED, RatingAssignment.Status.STARTED}:
        return str(assignment.status)
    return window.state(now) if window else "undated"


def open_sheet(rater: User, assignment: RatingAssignment) -> None:
    """Refuse a signed rating's scores while they would anchor another interview.

    Raises:
        NotPermitted: another interview with this participant is due or under way; the message names it.
    """
    hiding = hidden_by(rater, assignment)
    if hiding is not None:
        msg = f"Earlier ratings of {assignment.session.participant} are hidden until {hiding.assessment} is signed."
        raise NotPermitted(msg)


def hidden_by(rater: User, assignment: RatingAssignment) -> RatingAssignment | None:
    """Return the interview that keeps a signed rating's scores out of the rater's sight, or None."""
    siblings: Iterable[RatingAssignment] = assignments_of(rater, assignment.session.participant.study).filter(
        session__participant=assignment.session.participant
    )
    return closed_by(assignment, siblings, clock.now())


def _urgency(timed: tuple[RatingAssignment, Window | None]) -> tuple[bool, datetime.datetime, str]:
    assignment, window = timed
    return (window is None, window.closes if window else assignment.assigned_at, assignment.code)
