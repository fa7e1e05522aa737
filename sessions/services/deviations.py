"""Protocol deviations: recorded, never removed; the data stay in the analysis."""

import datetime

from django.db import transaction

from participants.models import Participant
from sessions.models import ProtocolDeviation, StudySession
from studyportal import clock
from studyportal.accounts.models import User


@transaction.atomic
def record_deviation(
    *, session: StudySession, code: str, occurred_at: datetime.datetime, description: str, by: User
) -> ProtocolDeviation:
    """Record that something in a session did not go by the protocol; the caller has checked who may act."""
    return ProtocolDeviation.objects.create(
        participant=session.participant,
        session=session,
        code=code,
        occurred_at=occurred_at,
        description=description,
        recorded_by=by,
        recorded_at=clock.now(),
    )


@transaction.atomic
def record_deviation_of(
    *, participant: Participant, code: str, occurred_at: datetime.datetime, description: str, by: User
) -> ProtocolDeviation:
    """Record a deviation that belongs to no session, such as one of the randomization."""
    return ProtocolDeviation.objects.create(
        participant=participant, code=code, occurred_at=occurred_at, description=description, recorded_by=by,
        recorded_at=clock.now(),
    )  # fmt: skip
