"""Adverse events of a session."""

import datetime

from django.db import transaction

from sessions.models import AdverseEvent, StudySession
from sessions.services.locks import session_name
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput


@transaction.atomic
def report_adverse_event(
    *,
    session: StudySession,
    term: str,
    severity: str,
    is_serious: bool,
    started_at: datetime.datetime,
    by: User,
    ended_at: datetime.datetime | None = None,
) -> AdverseEvent:
    """Record an adverse event as it was observed or told.

    Raises:
        NotPermitted: the role does not include safety records at this site.
        InvalidInput: the term or the severity is missing, or the times contradict each other.
    """
    participant = session.participant
    check(by, Permission.SAFETY_RECORD, participant.study, participant.site)
    fields = {}
    if not term.strip():
        fields["term"] = "Say what happened in a few words."
    if severity not in AdverseEvent.Severity.values:
        fields["severity"] = "Choose mild, moderate or severe."
    if started_at > clock.now():
        fields["started_at"] = "The time cannot lie in the future."
    if ended_at is not None and ended_at < started_at:
        fields["ended_at"] = "The end lies before the start."
    elif ended_at is not None and ended_at > clock.now():
        fields["ended_at"] = "The time cannot lie in the future."
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    event = AdverseEvent.objects.create(
        session=session, term=term.strip(), severity=severity, is_serious=is_serious, started_at=started_at,
        ended_at=ended_at, reported_by=by, reported_at=clock.now(),
    )  # fmt: skip
    events.record("adverse event reported", study=participant.study.code, target=session_name(session))
    return event
