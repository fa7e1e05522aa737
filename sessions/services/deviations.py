"""Protocol deviations: recorded, never removed; the data stay in the analysis."""

import datetime

from django.db import transaction

from sessions.models import ProtocolDeviation, StudySession
from studyportal import clock
from studyportal.accounts.models import User


@transaction.atomic
def record_deviation(
    *, session: StudySession, code: str, occurred_at: datetime.datetime, description: str, by: User
) -> ProtocolDeviation:
    """Record that something did not go by the protocol; the caller has checked who may act."""
    return ProtocolDeviation.objects.create(
        participant=session.participant,
        session=session,
        code=code,
        occurred_at=occurred_at,
        description=description,
        recorded_by=by,
        recorded_at=clock.now(),
    )
