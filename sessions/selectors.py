"""Reads of sessions, always for somebody."""

from django.db.models import Prefetch, QuerySet

from participants.models import Participant
from participants.selectors import participant_for
from sessions.models import AdverseEvent, Dose, StudySession
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, sites_with
from studyportal.errors import NotFound
from studyportal.studies.models import Study


def sessions_for(viewer: User, study: Study) -> QuerySet[StudySession]:
    """Sessions of the sites where the viewer may see any, by participant and period."""
    return (
        StudySession.objects.filter(
            participant__study=study, participant__site__in=sites_with(viewer, Permission.SESSION_VIEW, study)
        )
        .select_related("participant__site", "participant__study", "period", "conducted_by")
        .prefetch_related(Prefetch("doses", Dose.objects.select_related("planned", "given_by")))
        .order_by("participant__number", "period__number")
    )


def session_for(viewer: User, study: Study, number: str, period: int) -> StudySession:
    """Return one session.

    Raises:
        NotFound: no such participant or session at the viewer's sites.
    """
    participant_for(viewer, study, number)
    found = sessions_for(viewer, study).filter(participant__number=number, period__number=period).first()
    if found is None:
        msg = f"{number[:12]} has no session in period {period}."
        raise NotFound(msg)
    return found


def sessions_of(participant: Participant) -> QuerySet[StudySession]:
    """Sessions of a participant by period, with doses."""
    return (
        StudySession.objects.filter(participant=participant)
        .select_related("period", "conducted_by")
        .prefetch_related(Prefetch("doses", Dose.objects.select_related("planned")))
        .order_by("period__number")
    )


def adverse_events_for(viewer: User, session: StudySession) -> QuerySet[AdverseEvent]:
    """Adverse events of a session; empty for those who may not know (raters, analysts)."""
    study = session.participant.study
    seen = any(can(viewer, p, study) for p in (Permission.SAFETY_VIEW, Permission.SAFETY_RECORD))
    return session.adverse_events.all() if seen else session.adverse_events.none()
