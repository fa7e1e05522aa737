"""Planning and holding a session: dates, start, end, and what happens when it is not held."""

import datetime

from django.db import transaction

from participants.models import Participant
from participants.policies import refuse_left
from sessions.models import PlannedDose, StudySession
from sessions.policies import Window, washout_words
from sessions.services.deviations import record_deviation
from sessions.services.dosing import end_dose, record_dose
from sessions.services.locks import locked_session, refuse_future, session_name, window_of
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState

__all__ = ["complete", "end_dose", "mark_missed", "record_dose", "schedule", "start"]

Status = StudySession.Status
HELD_OR_MISSED = frozenset({Status.COMPLETED, Status.MISSED})


@transaction.atomic
def schedule(*, session: StudySession, planned_at: datetime.datetime, by: User, reason: str = "") -> StudySession:
    """Plan a session's start.

    Raises:
        NotPermitted: the role does not include scheduling at this site.
        InvalidInput: the washout would be too short (the message says by how much), or the date lies after the
            window and no reason is given.
        InvalidState: the session was held or the participant has left.
    """
    locked = locked_session(session, by, Permission.SESSION_SCHEDULE)
    refuse_left(locked.participant)
    if locked.status != Status.PLANNED:
        raise InvalidState("This session has begun or was missed; its date is no longer planned.")
    window = window_of(locked)
    _refuse_short_washout(locked, window, planned_at, "planned_at")
    if window.closes_at is not None and planned_at > window.closes_at and not reason.strip():
        raise InvalidInput(
            "This date lies after the window.",
            fields={"reason": f"The window closes on {_day(locked, window.closes_at)}. Say why the date is later."},
            code="outside_window",
        )
    locked.planned_at, locked.planned_reason = planned_at, reason.strip()
    locked.save(update_fields=["planned_at", "planned_reason"])
    events.record("session scheduled", study=locked.participant.study.code, target=session_name(locked))
    return locked


@transaction.atomic
def start(*, session: StudySession, started_at: datetime.datetime, by: User) -> StudySession:
    """Begin a session at its actual time; a start after the window is recorded as a deviation.

    Raises:
        NotPermitted: the role does not include conducting sessions at this site.
        InvalidInput: the time lies in the future or inside the washout.
        InvalidState: the session has begun or was missed, an earlier one is open, or the participant has left.
    """
    locked = locked_session(session, by, Permission.SESSION_CONDUCT)
    refuse_left(locked.participant)
    if locked.status != Status.PLANNED:
        raise InvalidState("This session has begun already, or was missed.")
    refuse_future("started_at", started_at)
    window = window_of(locked)
    _refuse_short_washout(locked, window, started_at, "started_at")
    _refuse_open_before(locked)
    locked.status, locked.started_at, locked.conducted_by = Status.IN_PROGRESS, started_at, by
    locked.save(update_fields=["status", "started_at", "conducted_by"])
    if window.closes_at is not None and started_at > window.closes_at:
        why = f" Reason given: {locked.planned_reason}" if locked.planned_reason else ""
        record_deviation(
            session=locked,
            code="outside_window",
            occurred_at=started_at,
            description=f"The session began after its window, which closed on {_day(locked, window.closes_at)}.{why}",
            by=by,
        )
    events.record("session started", study=locked.participant.study.code, target=session_name(locked))
    return locked


@transaction.atomic
def complete(*, session: StudySession, completed_at: datetime.datetime, by: User) -> StudySession:
    """End a session; what was not recorded becomes a deviation, and the last session completes the participant.

    Somebody who withdrew in the middle of a session stays withdrawn; the session itself can still be ended.

    Raises:
        NotPermitted: the role does not include conducting sessions at this site.
        InvalidInput: the time lies before the start or a dose, or in the future.
        InvalidState: the session is not in progress.
    """
    locked = locked_session(session, by, Permission.SESSION_CONDUCT)
    if locked.status != Status.IN_PROGRESS or locked.started_at is None:
        raise InvalidState("Only a session in progress can be completed.")
    refuse_future("completed_at", completed_at)
    if completed_at < locked.started_at:
        raise InvalidInput("The end lies before the start.", fields={"completed_at": "Enter a time after the start."})
    if any(completed_at < (dose.ended_at or dose.started_at) for dose in locked.doses.all()):
        raise InvalidInput(
            "The end lies before a dose.", fields={"completed_at": "Enter a time after the last dose's end."}
        )
    locked.status, locked.completed_at = Status.COMPLETED, completed_at
    locked.save(update_fields=["status", "completed_at"])
    _record_missing_doses(locked, completed_at, by)
    if not locked.participant.sessions.exclude(status__in=HELD_OR_MISSED).exists():
        Participant.objects.filter(pk=locked.participant_id, status=Participant.Status.RANDOMIZED).update(
            status=Participant.Status.COMPLETED
        )
    events.record("session completed", study=locked.participant.study.code, target=session_name(locked))
    return locked


@transaction.atomic
def mark_missed(*, session: StudySession, reason: str, by: User) -> StudySession:
    """Record that a session will not be held, and why; it becomes a deviation.

    The participant stays in the study: the coordinator goes on with the next period or records a withdrawal.

    Raises:
        NotPermitted: the role does not include conducting sessions at this site.
        InvalidInput: the reason is missing.
        InvalidState: the session has begun or was missed already, an earlier one is open, or the participant has left.
    """
    locked = locked_session(session, by, Permission.SESSION_CONDUCT)
    refuse_left(locked.participant)
    if locked.status != Status.PLANNED:
        raise InvalidState("This session has begun already, or was missed.")
    _refuse_open_before(locked)
    if not reason.strip():
        raise InvalidInput("Say why the session was missed.", fields={"reason": "Enter the reason in a few words."})
    locked.status, locked.missed_reason = Status.MISSED, reason.strip()
    locked.save(update_fields=["status", "missed_reason"])
    record_deviation(
        session=locked,
        code="session_missed",
        occurred_at=locked.planned_at or clock.now(),
        description=f"The session was missed: {reason.strip()}",
        by=by,
    )
    events.record("session missed", study=locked.participant.study.code, target=session_name(locked))
    return locked


def _refuse_open_before(session: StudySession) -> None:
    open_before = (
        StudySession.objects.filter(participant=session.participant, period__number__lt=session.period.number)
        .exclude(status__in=HELD_OR_MISSED)
        .select_related("period")
        .order_by("period__number")
        .first()
    )
    if open_before is not None:
        msg = f"Complete the session of period {open_before.period.number} first."
        raise InvalidState(msg)


def _refuse_short_washout(session: StudySession, window: Window, moment: datetime.datetime, field: str) -> None:
    if window.anchor is not None and window.opens_at is not None and moment < window.opens_at:
        words = washout_words(window, moment, session.period.washout_days)
        earliest = clock.local(window.opens_at, session.participant.site.time_zone)
        msg = f"The washout is too short: {words}."
        raise InvalidInput(
            msg, fields={field: f"Enter {_day(session, window.opens_at)}, {earliest:%H:%M %Z} or later."},
            code="washout_too_short",
        )  # fmt: skip


def _record_missing_doses(session: StudySession, moment: datetime.datetime, by: User) -> None:
    given = {dose.planned_id: dose for dose in session.doses.all()}
    for planned in PlannedDose.objects.filter(study=session.participant.study):
        dose = given.get(planned.pk)
        if dose is None:
            code, words = "dose_missing", f"{planned.label} was not recorded."
        elif planned.duration_minutes and dose.ended_at is None:
            code, words = "dose_end_missing", f"The end of the {planned.label.lower()} was not recorded."
        else:
            continue
        record_deviation(session=session, code=code, occurred_at=moment, description=words, by=by)


def _day(session: StudySession, moment: datetime.datetime) -> str:
    local = clock.local(moment, session.participant.site.time_zone)
    return f"{local.day} {local:%b %Y}"
