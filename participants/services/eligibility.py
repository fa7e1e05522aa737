"""Eligibility: every criterion answered, then signed by an investigator."""

from collections.abc import Mapping

from django.db import transaction

from participants.models import EligibilityAssessment, EligibilityCriterion, Participant
from participants.policies import refuse_not_screening
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState

MEANING = "I have checked every criterion and confirm the participant's eligibility as answered."


@transaction.atomic
def record_eligibility(*, participant: Participant, answers: Mapping[str, bool], by: User) -> EligibilityAssessment:
    """Record the answers, `{code: applies}`; a signed assessment is not changed here.

    Raises:
        NotPermitted: the role does not include eligibility at this site.
        InvalidInput: a criterion is unanswered; `fields` names it.
        InvalidState: the assessment is signed already, or the participant is no longer in screening.
    """
    check(by, Permission.ELIGIBILITY_RECORD, participant.study, participant.site)
    refuse_not_screening(Participant.objects.select_for_update().get(pk=participant.pk))
    criteria = list(EligibilityCriterion.objects.filter(study=participant.study))
    missing = {c.code: "Answer yes or no." for c in criteria if c.code not in answers}
    if missing:
        raise InvalidInput("Every criterion needs an answer.", fields=missing)
    existing = EligibilityAssessment.objects.select_for_update().filter(participant=participant).first()
    if existing is not None and existing.signed_at is not None:
        raise InvalidState("The eligibility assessment is signed; ask the investigator to correct it with a reason.")
    met = all(answers[c.code] is (c.kind == EligibilityCriterion.Kind.INCLUSION) for c in criteria)
    assessment = existing or EligibilityAssessment(participant=participant)
    assessment.answers = {c.code: bool(answers[c.code]) for c in criteria}
    assessment.is_eligible, assessment.recorded_by, assessment.recorded_at = met, by, clock.now()
    assessment.save()
    events.record("eligibility recorded", study=participant.study.code, target=participant.number)
    return assessment


@transaction.atomic
def sign_eligibility(*, participant: Participant, by: User, password: str) -> EligibilityAssessment:
    """Sign the recorded answers.

    Raises:
        NotPermitted: only an investigator of the site signs.
        InvalidInput: the password does not match.
        InvalidState: there is nothing to sign, it is signed already, or the participant is no longer in screening.
    """
    check(by, Permission.ELIGIBILITY_SIGN, participant.study, participant.site)
    refuse_not_screening(Participant.objects.select_for_update().get(pk=participant.pk))
    assessment = EligibilityAssessment.objects.select_for_update().filter(participant=participant).first()
    if assessment is None:
        raise InvalidState("The criteria have not been answered yet.")
    if assessment.signed_at is not None:
        raise InvalidState("The eligibility assessment is signed already.")
    signatures.check_password(by, password)
    assessment.signature = signatures.sign(
        by=by,
        meaning=MEANING,
        record_label="eligibility",
        record_id=assessment.pk,
        content={"participant": participant.number, "answers": assessment.answers},
        time_zone=participant.site.time_zone,
    )
    assessment.signed_at = assessment.signature.signed_at
    assessment.save()
    events.record("eligibility signed", study=participant.study.code, target=participant.number)
    return assessment
