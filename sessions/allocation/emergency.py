"""Revealing one participant: password, reason, the trail first, then what each period gives.

The page of a reveal has an address of its own, so that a reload shows it again and reveals nothing a second time. It
answers for a few minutes, to the person who revealed and only in the sign-in in which it was done.
"""

import datetime
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db.models.functions import Now

from sessions.allocation.selectors import UNBLINDED
from sessions.allocation.services import sequence_of, unblind_participant
from sessions.models import SequencePeriod
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit.models import Event
from studyportal.errors import NotFound
from studyportal.studies.models import Study

SHOWN_FOR = datetime.timedelta(minutes=5)


class ReasonCode(StrEnum):
    """Why one participant's treatment must be known."""

    EMERGENCY = "emergency"
    DISPENSING = "dispensing"
    SAFETY_REPORT = "safety_report"
    OTHER = "other"

    @property
    def words(self) -> str:
        """The reason as the screen says it."""
        return {
            "emergency": "Medical emergency: the treatment decides what is done now",
            "dispensing": "Preparing what this allocation needs",
            "safety_report": "Report of a serious adverse event to an authority",
            "other": "Other, explained below",
        }[self.value]


@dataclass(frozen=True, slots=True)
class Revealed:
    """What was opened: the sequence, and period by period what it gives."""

    sequence: str
    treatments: tuple[tuple[int, str], ...]
    at: datetime.datetime


def shown_again(*, study: Study, participant_id: UUID, request_id: str, by: User) -> Revealed:
    """Return what this person revealed in an earlier request, while it is recent; the trail holds that reveal.

    Raises:
        NotPermitted: the person may not unblind.
        NotFound: the trail holds no recent reveal of this participant by this person in that request.
    """
    check(by, Permission.ALLOCATION_UNBLIND, study)
    own = Event.objects.filter(
        name=UNBLINDED, study=study.code, actor=f"user:{by.username}", target=str(participant_id),
        request_id=request_id, at__gte=Now() - SHOWN_FOR,
    ).first()  # fmt: skip
    if own is None:
        raise NotFound("This reveal is no longer shown. Reveal the participant again if it must be known.")
    code = sequence_of(study=study, participant_id=participant_id, by=by)
    planned = SequencePeriod.objects.filter(sequence__study=study, sequence__code=code).select_related(
        "period", "treatment"
    )
    return Revealed(code, tuple((row.period.number, row.treatment.name) for row in planned), own.at)


def reveal_treatments(
    *, study: Study, participant_id: UUID, reason_code: str, reason: str, password: str, by: User
) -> UUID:
    """Reveal one participant's treatments in all periods; in a crossover one period gives the others away.

    Returns whose they are; `shown_again` opens them for the page. Here it is only made sure that they can be opened.

    Raises:
        InvalidInput: the password does not match, or the reason is missing.
        NotPermitted: the person may not unblind.
        NotFound: the participant is not allocated at the person's sites.
    """
    signatures.check_password(by, password)
    unblind_participant(study=study, participant_id=participant_id, by=by, reason_code=reason_code, reason=reason)
    return participant_id
