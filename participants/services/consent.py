"""Consent: recorded once per form version, withdrawn with a reason, never removed."""

import datetime

from django.db import transaction

from participants.models import Consent, Participant, Withdrawal
from participants.policies import refuse_left
from participants.services.withdrawal import withdraw
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.audit.context import because
from studyportal.errors import InvalidInput, InvalidState


@transaction.atomic
def record_consent(*, participant: Participant, form_version: str, signed_on: datetime.date, by: User) -> Consent:
    """Record a signed consent form.

    Raises:
        NotPermitted: the role does not include consent at this site.
        InvalidInput: the date lies in the future, or the version is missing or longer than 12 characters.
        InvalidState: this version is on file already, or the participant has left.
    """
    check(by, Permission.CONSENT_RECORD, participant.study, participant.site)
    form_version = form_version.strip()
    fields = {}
    if signed_on > clock.today(participant.site.time_zone):
        fields["signed_on"] = "The form cannot have been signed in the future."
    if not 1 <= len(form_version) <= 12:
        fields["form_version"] = "Enter the version printed on the form, for example 3.1."
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    refuse_left(Participant.objects.select_for_update().get(pk=participant.pk))
    if Consent.objects.filter(participant=participant, form_version=form_version).exists():
        msg = f"Consent version {form_version} is on file already."
        raise InvalidState(msg)
    consent = Consent.objects.create(
        participant=participant, form_version=form_version, signed_on=signed_on, recorded_by=by, recorded_at=clock.now()
    )
    events.record("consent recorded", study=participant.study.code, target=participant.number)
    return consent


@transaction.atomic
def withdraw_consent(*, participant: Participant, withdrawn_on: datetime.date, reason: str, by: User) -> list[Consent]:
    """Record that the participant withdrew every consent in force; who is still in the study leaves it.

    Raises:
        NotPermitted: the role does not include withdrawal at this site.
        InvalidInput: the reason is missing, or the day lies in the future or before the consent.
        InvalidState: there is no consent in force.
    """
    check(by, Permission.PARTICIPANT_WITHDRAW, participant.study, participant.site)
    locked = Participant.objects.select_for_update().get(pk=participant.pk)
    in_force = list(Consent.objects.select_for_update().filter(participant=locked, withdrawn_on__isnull=True))
    if not in_force:
        msg = f"{locked.number} has no consent in force."
        raise InvalidState(msg)
    fields = {}
    if not reason.strip():
        fields["reason"] = "Say in a few words how the participant told the site."
    if withdrawn_on > clock.today(participant.site.time_zone):
        fields["withdrawn_on"] = "The day of withdrawal cannot lie in the future."
    elif withdrawn_on < max(consent.signed_on for consent in in_force):
        fields["withdrawn_on"] = "The consent was signed after this day."
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    with because("consent_withdrawn", reason.strip()):
        for consent in in_force:
            consent.withdrawn_on, consent.withdrawn_by, consent.withdrawn_reason = withdrawn_on, by, reason.strip()
            consent.save(update_fields=["withdrawn_on", "withdrawn_by", "withdrawn_reason"])
    events.record("consent withdrawn", study=locked.study.code, target=locked.number)
    if locked.status in {Participant.Status.SCREENING, Participant.Status.RANDOMIZED}:
        withdraw(
            participant=locked, reason=Withdrawal.Reason.PARTICIPANT, note="Consent withdrawn.",
            withdrawn_on=withdrawn_on, by=by,
        )  # fmt: skip
    return in_force
