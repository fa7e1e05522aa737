"""Planning and holding a session: dates, start, doses, end."""

import datetime

from django.db import transaction

from participants.models import Participant
from sessions.models import Dose, PlannedDose, StudySession
from sessions.policies import earliest_start
from sessions.services.deviations import record_deviation
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState


@transaction.atomic
def schedule(*, session: StudySession, planned_at: datetime.datetime, by: User) -> StudySession:
    """Plan a session's start.

    Raises:
        NotPermitted: the role does not include scheduling at this site.
        InvalidInput: the washout would be too short; the message says by how much.
        InvalidState: the session was held or the participant has left.
    """
    locked = _locked(session, by, Permission.SESSION_SCHEDULE)
    if locked.status != StudySession.Status.PLANNED:
        raise InvalidState("This session has begun; its date is no longer planned.")
    _refuse_short_washout(locked, planned_at)
    locked.planned_at = planned_at
    locked.save(update_fields=["planned_at"])
    return locked


@transaction.atomic
def start(*, session: StudySession, started_at: datetime.datetime, by: User) -> StudySession:
    """Begin a session at its actual time.

    Raises:
        NotPermitted: the role does not include conducting sessions at this site.
        InvalidInput: the time lies in the future or inside the washout.
        InvalidState: the session has begun already, or an earlier one was not completed.
    """
    locked = _locked(session, by, Permission.SESSION_CONDUCT)
    if locked.status != StudySession.Status.PLANNED:
        raise InvalidState("This session has begun already.")
    _refuse_future("started_at", started_at)
    _refuse_short_washout(locked, started_at)
    earlier = _earlier(locked)
    if earlier is not None and earlier.status not in {StudySession.Status.COMPLETED, StudySession.Status.MISSED}:
        msg = f"Complete the session of period {earlier.period.number} first."
        raise InvalidState(msg)
    locked.status, locked.started_at, locked.conducted_by = StudySession.Status.IN_PROGRESS, started_at, by
    locked.save(update_fields=["status", "started_at", "conducted_by"])
    events.record("session started", study=locked.participant.study.code, target=_name(locked))
    return locked


@transaction.atomic
def record_dose(
    *, session: StudySession, kind: str, started_at: datetime.datetime, ended_at: datetime.datetime | None, by: User
) -> Dose:
    """Record a dose at its actual times.

    Raises:
        NotPermitted: the role does not include conducting sessions at this site.
        InvalidInput: the times contradict each other.
        InvalidState: the session is not in progress, or this dose is on record.
    """
    locked = _locked(session, by, Permission.SESSION_CONDUCT)
    if locked.status != StudySession.Status.IN_PROGRESS:
        raise InvalidState("Doses are recorded while the session is in progress.")
    planned = PlannedDose.objects.get(study=locked.participant.study, kind=kind)
    if locked.doses.filter(planned=planned).exists():
        msg = f"The {planned.label.lower()} is on record already."
        raise InvalidState(msg)
    _refuse_future("started_at", started_at)
    if locked.started_at and started_at < locked.started_at:
        raise InvalidInput(
            "The dose lies before the session.", fields={"started_at": "Enter a time after the session's start."}
        )
    if ended_at is not None and ended_at < started_at:
        raise InvalidInput(
            "The dose ends before it starts.", fields={"ended_at": "Enter a time after the dose's start."}
        )
    return Dose.objects.create(
        session=locked, planned=planned, started_at=started_at, ended_at=ended_at, given_by=by, recorded_at=clock.now()
    )


@transaction.atomic
def complete(*, session: StudySession, completed_at: datetime.datetime, by: User) -> StudySession:
    """End a session; missing doses become a deviation, and the last period completes the participant.

    Raises:
        NotPermitted: the role does not include conducting sessions at this site.
        InvalidInput: the time lies before the start or in the future.
        InvalidState: the session is not in progress.
    """
    locked = _locked(session, by, Permission.SESSION_CONDUCT)
    if locked.status != StudySession.Status.IN_PROGRESS or locked.started_at is None:
        raise InvalidState("Only a session in progress can be completed.")
    _refuse_future("completed_at", completed_at)
    if completed_at < locked.started_at:
        raise InvalidInput("The end lies before the start.", fields={"completed_at": "Enter a time after the start."})
    locked.status, locked.completed_at = StudySession.Status.COMPLETED, completed_at
    locked.save(update_fields=["status", "completed_at"])
    given = set(locked.doses.values_list("planned__kind", flat=True))
    for planned in PlannedDose.objects.filter(study=locked.participant.study).exclude(kind__in=given):
        record_deviation(
            session=locked,
            code="dose_missing",
            occurred_at=completed_at,
            description=f"{planned.label} was not recorded.",
            by=by,
        )
    others = locked.participant.sessions.exclude(pk=locked.pk).filter(
        status__in=[StudySession.Status.PLANNED, StudySession.Status.IN_PROGRESS]
    )
    if not others.exists():
        Participant.objects.filter(pk=locked.participant_id).update(status=Participant.Status.COMPLETED)
    events.record("session completed", study=locked.participant.study.code, target=_name(locked))
    return locked


def _locked(session: StudySession, by: User, permission: Permission) -> StudySession:
    locked = (
        StudySession.objects.select_for_update(of=("self",))
        .select_related("participant__study", "participant__site", "period")
        .get(pk=session.pk)
    )
    check(by, permission, locked.participant.study, locked.participant.site)
    if locked.participant.status == Participant.Status.WITHDRAWN:
        msg = f"{locked.participant.number} has left the study."
        raise InvalidState(msg)
    return locked


def _earlier(session: StudySession) -> StudySession | None:
    return (
        StudySession.objects.filter(participant=session.participant, period__number__lt=session.period.number)
        .select_related("period")
        .prefetch_related("doses__planned")
        .order_by("-period__number")
        .first()
    )


def _refuse_short_washout(session: StudySession, moment: datetime.datetime) -> None:
    earliest = earliest_start(session.period, _earlier(session))
    if earliest is not None and moment < earliest:
        days = (moment - earliest).days + session.period.washout_days
        msg = f"{days} days after the first infusion; the washout needs {session.period.washout_days}."
        raise InvalidInput(msg, fields={"planned_at": f"Choose {earliest:%d %b %Y %H:%M} UTC or later."})


def _refuse_future(field: str, moment: datetime.datetime) -> None:
    if moment > clock.now() + datetime.timedelta(minutes=1):
        raise InvalidInput("The time lies in the future.", fields={field: "Enter the actual time."})


def _name(session: StudySession) -> str:
    return f"{session.participant.number} period {session.period.number}"
