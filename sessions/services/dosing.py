"""Doses of a session at their actual times. What a capsule held is not recorded here."""

import datetime

from django.db import transaction

from sessions.models import Dose, PlannedDose, StudySession
from sessions.services.locks import locked_session, refuse_future, session_name
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState, NotFound


@transaction.atomic
def record_dose(
    *, session: StudySession, kind: str, started_at: datetime.datetime, ended_at: datetime.datetime | None, by: User
) -> Dose:
    """Record a dose at its actual times; the end may follow later by `end_dose`.

    Raises:
        NotPermitted: the role does not include conducting sessions at this site.
        NotFound: the protocol has no such dose.
        InvalidInput: the times contradict each other.
        InvalidState: the session is not in progress, or this dose is on record.
    """
    locked = locked_session(session, by, Permission.SESSION_CONDUCT)
    planned = _planned(locked, kind)
    _refuse_not_in_progress(locked)
    if locked.doses.filter(planned=planned).exists():
        msg = f"The {planned.label.lower()} is on record already."
        raise InvalidState(msg)
    refuse_future("started_at", started_at)
    if locked.started_at is not None and started_at < locked.started_at:
        raise InvalidInput(
            "The dose lies before the session.", fields={"started_at": "Enter a time after the session's start."}
        )
    if ended_at is not None:
        _refuse_wrong_end(started_at, ended_at)
    dose = Dose.objects.create(
        session=locked, planned=planned, started_at=started_at, ended_at=ended_at, given_by=by, recorded_at=clock.now()
    )
    events.record("dose recorded", study=locked.participant.study.code, target=f"{session_name(locked)} {kind}")
    return dose


@transaction.atomic
def end_dose(*, session: StudySession, kind: str, ended_at: datetime.datetime, by: User) -> Dose:
    """Record when a dose that has begun ended.

    Raises:
        NotPermitted: the role does not include conducting sessions at this site.
        NotFound: the protocol has no such dose.
        InvalidInput: the end lies before the start or in the future.
        InvalidState: the session is not in progress, or the dose has not begun or has ended.
    """
    locked = locked_session(session, by, Permission.SESSION_CONDUCT)
    planned = _planned(locked, kind)
    _refuse_not_in_progress(locked)
    dose = Dose.objects.select_for_update(of=("self",)).filter(session=locked, planned=planned).first()
    if dose is None or dose.ended_at is not None:
        state = "has not begun" if dose is None else "has ended already"
        msg = f"The {planned.label.lower()} {state}."
        raise InvalidState(msg)
    _refuse_wrong_end(dose.started_at, ended_at)
    dose.ended_at = ended_at
    dose.save(update_fields=["ended_at"])
    events.record("dose ended", study=locked.participant.study.code, target=f"{session_name(locked)} {kind}")
    return dose


def _planned(session: StudySession, kind: str) -> PlannedDose:
    planned = PlannedDose.objects.filter(study=session.participant.study, kind=kind).first()
    if planned is None:
        raise NotFound("The protocol has no such dose.")
    return planned


def _refuse_not_in_progress(session: StudySession) -> None:
    if session.status != StudySession.Status.IN_PROGRESS:
        raise InvalidState("Doses are recorded while the session is in progress.")


def _refuse_wrong_end(started_at: datetime.datetime, ended_at: datetime.datetime) -> None:
    refuse_future("ended_at", ended_at)
    if ended_at < started_at:
        raise InvalidInput(
            "The dose ends before it starts.", fields={"ended_at": "Enter a time after the dose's start."}
        )
