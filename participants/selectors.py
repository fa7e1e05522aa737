"""Reads of participants, always for somebody: other sites' records do not exist for them."""

import datetime
from dataclasses import dataclass

from django.db.models import QuerySet

from participants.models import Consent, ConsentVersion, EligibilityAssessment, EligibilityCriterion, Participant
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import sites_with
from studyportal.errors import NotFound
from studyportal.studies.models import Site, Study


def participants_for(viewer: User, study: Study) -> QuerySet[Participant]:
    """Participants of the sites where the viewer may see any, by number."""
    return (
        Participant.objects.filter(study=study, site__in=sites_with(viewer, Permission.PARTICIPANT_VIEW, study))
        .select_related("site", "study")
        .order_by("number")
    )


def participant_for(viewer: User, study: Study, number: str) -> Participant:
    """Return one participant.

    Raises:
        NotFound: there is none of this number at the viewer's sites.
    """
    found = participants_for(viewer, study).filter(number=number).first()
    if found is None:
        msg = f"There is no participant {number[:12]} at your sites."
        raise NotFound(msg)
    return found


def screenable_sites(viewer: User, study: Study) -> list[Site]:
    """Return the open sites where the viewer may screen people."""
    return list(sites_with(viewer, Permission.PARTICIPANT_SCREEN, study).filter(is_active=True).order_by("code"))


def visible_sites(viewer: User, study: Study) -> list[Site]:
    """Return the sites whose participants the viewer may see."""
    return list(sites_with(viewer, Permission.PARTICIPANT_VIEW, study).order_by("code"))


@dataclass(frozen=True, slots=True)
class Screening:
    """What a participant in screening still misses; read from prefetched rows."""

    has_consent: bool
    is_answered: bool
    is_eligible: bool
    is_signed: bool

    @property
    def next_step(self) -> str:
        """Return what somebody has to do now."""
        if not self.has_consent:
            return "Record the consent"
        if not self.is_answered:
            return "Answer the eligibility criteria"
        if not self.is_eligible:
            return "Not eligible: end the screening"
        return "Randomize" if self.is_signed else "Investigator signs the eligibility"


def screening_of(participant: Participant) -> Screening:
    """Return how far a participant's screening has come."""
    assessment: EligibilityAssessment | None = getattr(participant, "eligibility", None)
    return Screening(
        has_consent=any(consent.withdrawn_on is None for consent in participant.consents.all()),
        is_answered=assessment is not None,
        is_eligible=assessment is not None and assessment.is_eligible,
        is_signed=assessment is not None and assessment.signed_at is not None,
    )


def consent_in_force(participant: Participant) -> Consent | None:
    """Return the latest consent that was not withdrawn."""
    return participant.consents.filter(withdrawn_on__isnull=True).order_by("-signed_on", "-recorded_at").first()


def consents_of(participant: Participant) -> list[Consent]:
    """Return every consent, withdrawn ones included, the latest first."""
    return list(participant.consents.select_related("recorded_by").order_by("-signed_on", "-recorded_at"))


def eligibility_of(participant: Participant) -> EligibilityAssessment | None:
    """Return the participant's eligibility assessment with its signature."""
    return (
        EligibilityAssessment.objects.select_related("signature", "recorded_by").filter(participant=participant).first()
    )


def criteria_of(study: Study) -> list[EligibilityCriterion]:
    """Return the study's criteria in protocol order."""
    return list(EligibilityCriterion.objects.filter(study=study))


def unanswered_criteria(participant: Participant, assessment: EligibilityAssessment | None) -> list[str]:
    """Return the codes of the study's criteria that an assessment does not answer, those added later among them."""
    answers = assessment.answers if assessment else {}
    return [one.code for one in criteria_of(participant.study) if one.code not in answers]


def consent_versions_of(study: Study) -> QuerySet[ConsentVersion]:
    """Return the versions of the study's consent form, the newest first."""
    return ConsentVersion.objects.filter(study=study).select_related("recorded_by").order_by("-valid_from")


def consent_version_on(study: Study, day: datetime.date) -> ConsentVersion | None:
    """Return the version of the consent form in use on a day; None when the study has none on file."""
    return ConsentVersion.objects.filter(study=study, valid_from__lte=day).order_by("-valid_from").first()
