"""What every act on a session begins with: its row under lock, its window, and no time that has not come yet."""

import datetime

from sessions.models import StudySession
from sessions.policies import Window, session_window
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.errors import InvalidInput


def locked_session(session: StudySession, by: User, permission: Permission) -> StudySession:
    """Return the session's row locked, after checking the person.

    Raises:
        NotPermitted: the role does not include `permission` at the participant's site.
    """
    locked = (
        StudySession.objects.select_for_update(of=("self",))
        .select_related("participant__study", "participant__site", "period")
        .get(pk=session.pk)
    )
    check(by, permission, locked.participant.study, locked.participant.site)
    return locked


def window_of(session: StudySession) -> Window:
    """Return the window of a session's start from the rows as they are now."""
    siblings = StudySession.objects.filter(participant=session.participant).select_related("period")
    return session_window(session, siblings.prefetch_related("doses__planned"))


def refuse_future(field: str, moment: datetime.datetime) -> None:
    """Refuse an actual time that has not come yet; a minute is left for clocks that differ.

    Raises:
        InvalidInput: naming `field`.
    """
    if moment > clock.now() + datetime.timedelta(minutes=1):
        raise InvalidInput("The time lies in the future.", fields={field: "Enter the actual time, not a later one."})


def session_name(session: StudySession) -> str:
    """Return how the trail names a session."""
    return f"{session.participant.number} period {session.period.number}"
