"""Reads of participants, always for somebody: other sites' records do not exist for them."""

from django.db.models import QuerySet

from participants.models import Consent, EligibilityAssessment, EligibilityCriterion, Participant
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import sites_with
from studyportal.errors import NotFound
from studyportal.studies.models import Study


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


def consent_in_force(participant: Participant) -> Consent | None:
    """Return the latest consent that was not withdrawn."""
    return participant.consents.filter(withdrawn_on__isnull=True).order_by("-signed_on", "-recorded_at").first()


def eligibility_of(participant: Participant) -> EligibilityAssessment | None:
    """Return the participant's eligibility assessment with its signature."""
    return (
        EligibilityAssessment.objects.select_related("signature", "recorded_by").filter(participant=participant).first()
    )


def criteria_of(study: Study) -> list[EligibilityCriterion]:
    """Return the study's criteria in protocol order."""
    return list(EligibilityCriterion.objects.filter(study=study))
