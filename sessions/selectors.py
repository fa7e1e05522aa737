"""Reads of sessions, always for somebody."""

from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from participants.models import Participant
from participants.selectors import participant_for
from sessions.models import Dose, PlannedDose, ProtocolDeviation, StudySession
from sessions.policies import Window, session_window
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import sites_with
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
    found = sessions_for(viewer, study).filter(participant__number=number, period__number=period).first()
    if found is None:
        participant_for(viewer, study, number)
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


def deviations_of(session: StudySession) -> list[ProtocolDeviation]:
    """Return a session's deviations in time's order."""
    return list(session.deviations.select_related("recorded_by"))


def window_for(session: StudySession) -> Window:
    """Return when a session may begin."""
    return session_window(session, sessions_of(session.participant))


def planned_dose(study: Study, kind: str) -> PlannedDose | None:
    """Return the protocol's dose of this kind, None when it has none."""
    return PlannedDose.objects.filter(study=study, kind=kind).first()


@dataclass(frozen=True, slots=True)
class DoseRow:
    """A dose of the protocol, and how it was given."""

    planned: PlannedDose
    given: Dose | None

    @property
    def is_running(self) -> bool:
        """Whether its end is still to be recorded."""
        return self.given is not None and bool(self.planned.duration_minutes) and self.given.ended_at is None


def dose_rows(session: StudySession) -> list[DoseRow]:
    """Return every dose of the protocol for a session, in protocol order."""
    given = {dose.planned_id: dose for dose in session.doses.all()}
    planned = PlannedDose.objects.filter(study=session.participant.study)
    return [DoseRow(dose, given.get(dose.pk)) for dose in planned]


def running_dose(session: StudySession, kind: str) -> Dose | None:
    """Return the dose of this kind that has begun and whose end is still to be recorded."""
    return next((row.given for row in dose_rows(session) if row.planned.kind == kind and row.is_running), None)


def randomized_for(viewer: User, study: Study, number: str) -> Participant:
    """Return a participant who was randomized, with who did it.

    Raises:
        NotFound: no such participant at the viewer's sites, or not randomized yet.
    """
    participant = participant_for(viewer, study, number)
    if not participant.randomization_number:
        msg = f"{participant.number} has not been randomized yet."
        raise NotFound(msg)
    return participant
