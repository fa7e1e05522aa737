"""What must be true before a rating act: state and item, not person's role."""

import datetime
from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from ratings.models import RatingAssignment
from ratings.windows import Window
from sessions.models import AdverseEvent, AssessmentSchedule, Dose, StudySession
from sessions.policies import infusion_start
from studyportal.accounts.models import User

Knowing = Mapping[UUID, Mapping[UUID, str]]


def who_may_know(sessions: Collection[StudySession]) -> Knowing:
    """Return by session who may have guessed the treatment there, and why: the rater firewall (madrs.md).

    Who ran a session, gave its doses or heard of its adverse events is refused as its rater.
    """
    known: dict[UUID, dict[UUID, str]] = defaultdict(dict)
    keys = [session.pk for session in sessions]
    for session, person in AdverseEvent.objects.filter(session__in=keys).values_list("session_id", "reported_by_id"):
        known[session][person] = "recorded an adverse event of this session"
    for session, person in Dose.objects.filter(session__in=keys).values_list("session_id", "given_by_id"):
        known[session][person] = "gave a dose in this session"
    for held in sessions:
        if held.conducted_by_id is not None:
            known[held.pk][held.conducted_by_id] = "ran this session"
    return known


def firewall_reason(rater: User, session: StudySession) -> str:
    """Return why `rater` may not rate this session, or an empty string."""
    return who_may_know([session]).get(session.pk, {}).get(rater.pk, "")


def due_window(session: StudySession, assessment: AssessmentSchedule) -> Window | None:
    """Return the window of an assessment, counted from the infusion's actual start, else from the planned session."""
    anchor = infusion_start(session) or session.planned_at
    if anchor is None:
        return None
    return window_from(anchor, assessment.offset_hours, assessment.window_before_hours, assessment.window_after_hours)


def window_from(
    anchor: datetime.datetime, offset_hours: float, window_before_hours: float, window_after_hours: float
) -> Window:
    """Return the window of what is due so many hours after the infusion's start."""
    due = anchor.astimezone(datetime.UTC) + datetime.timedelta(hours=offset_hours)
    return Window(
        due - datetime.timedelta(hours=window_before_hours), due + datetime.timedelta(hours=window_after_hours)
    )


def is_within_window(assignment: RatingAssignment, moment: datetime.datetime) -> bool | None:
    """Return whether a rating's start lies in its window; None until the infusion, which the window is counted from.

    A planned date only says when to come: a pre-dose rating is not judged by it.
    """
    if infusion_start(assignment.session) is None:
        return None
    window = due_window(assignment.session, assignment.assessment)
    return None if window is None else window.holds(moment)
