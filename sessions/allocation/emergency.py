"""Revealing one participant: password, reason, the trail first, then what each period gives."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sessions.allocation.services import unblind_participant
from sessions.models import SequencePeriod
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.studies.models import Study


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


def reveal_treatments(
    *, study: Study, participant_id: UUID, reason_code: str, reason: str, password: str, by: User
) -> Revealed:
    """Reveal one participant's treatments in all periods; in a crossover one period gives the others away.

    Raises:
        InvalidInput: the password does not match, or the reason is missing.
        NotPermitted: the person may not unblind.
        NotFound: the participant is not allocated at the person's sites.
    """
    signatures.check_password(by, password)
    code = unblind_participant(
        study=study, participant_id=participant_id, by=by, reason_code=reason_code, reason=reason
    )
    planned = SequencePeriod.objects.filter(sequence__study=study, sequence__code=code).select_related(
        "period", "treatment"
    )
    return Revealed(code, tuple((row.period.number, row.treatment.name) for row in planned))
