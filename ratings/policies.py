"""What must be true before a rating act: state and item, not person's role."""

import datetime

from ratings.models import RatingAssignment
from sessions.models import AdverseEvent, AssessmentSchedule, Dose, StudySession
from sessions.policies import infusion_start
from studyportal.accounts.models import User


def firewall_reason(rater: User, session: StudySession) -> str:
    """Return why `rater` may not rate this session, or an empty string.

    Who ran a session, gave its doses or heard of its adverse events may guess the treatment (madrs.md, Rater firewall).
    """
    if session.conducted_by_id == rater.pk:
        return "ran this session"
    if Dose.objects.filter(session=session, given_by=rater).exists():
        return "gave a dose in this session"
    if AdverseEvent.objects.filter(session=session, reported_by=rater).exists():
        return "recorded an adverse event of this session"
    return ""


def due_window(
    session: StudySession, assessment: AssessmentSchedule
) -> tuple[datetime.datetime, datetime.datetime] | None:
    """Return the window of an assessment, counted from the infusion's actual start, else from the planned session."""
    anchor = infusion_start(session) or session.planned_at
    if anchor is None:
        return None
    due = anchor + datetime.timedelta(hours=assessment.offset_hours)
    return (
        due - datetime.timedelta(hours=assessment.window_before_hours),
        due + datetime.timedelta(hours=assessment.window_after_hours),
    )


def is_within_window(assignment: RatingAssignment, moment: datetime.datetime) -> bool | None:
    """Return whether a rating's start lies in its window; None while the window is not known."""
    window = due_window(assignment.session, assignment.assessment)
    return None if window is None else window[0] <= moment <= window[1]
