"""What must be true before an act: state and item, not person."""

import datetime
from dataclasses import dataclass

from participants.models import EligibilityAssessment, Participant
from participants.selectors import consent_in_force, eligibility_of
from sessions.models import Period, StudySession


@dataclass(frozen=True, slots=True)
class Precondition:
    """One line of the randomization wizard's first step."""

    label: str
    is_met: bool
    detail: str


def randomization_preconditions(participant: Participant) -> list[Precondition]:
    """Return what must be true before a participant is randomized, each with the words that explain it."""
    consent = consent_in_force(participant)
    eligibility = eligibility_of(participant)
    return [
        Precondition(
            "Consent",
            consent is not None,
            f"Version {consent.form_version} signed" if consent else "Record the signed consent form.",
        ),
        Precondition("Eligibility", _is_eligible(eligibility), _eligibility_words(eligibility)),
        Precondition(
            "In screening",
            participant.status == Participant.Status.SCREENING,
            f"Now: {participant.get_status_display().lower()}",
        ),
        Precondition(
            "Site open",
            participant.site.is_active,
            "Recruiting" if participant.site.is_active else "This site is closed.",
        ),
    ]


def _is_eligible(assessment: EligibilityAssessment | None) -> bool:
    return assessment is not None and assessment.is_eligible and assessment.signed_at is not None


def _eligibility_words(assessment: EligibilityAssessment | None) -> str:
    if assessment is None:
        return "Answer the criteria."
    if not assessment.is_eligible:
        return "At least one criterion is not met."
    if assessment.signature is None:
        return "All met; an investigator must sign."
    return f"All {len(assessment.answers)} met, signed by {assessment.signature.printed_name}"


def earliest_start(period: Period, earlier: StudySession | None) -> datetime.datetime | None:
    """Return the first moment at which a period's session may begin: the earlier infusion plus the washout."""
    if earlier is None:
        return None
    anchor = infusion_start(earlier) or earlier.started_at or earlier.planned_at
    return anchor + datetime.timedelta(days=period.washout_days) if anchor else None


def infusion_start(session: StudySession) -> datetime.datetime | None:
    """Return the actual start of a session's infusion, the anchor of its windows."""
    return next((dose.started_at for dose in session.doses.all() if dose.planned.kind == "infusion"), None)
