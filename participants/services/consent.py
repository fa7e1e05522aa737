"""Consent: recorded once per form version, withdrawn with a reason, never removed."""

import datetime

from django.db import transaction

from participants.models import Consent, Participant
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState


@transaction.atomic
def record_consent(*, participant: Participant, form_version: str, signed_on: datetime.date, by: User) -> Consent:
    """Record a signed consent form.

    Raises:
        NotPermitted: the role does not include consent at this site.
        InvalidInput: the date lies in the future, or the version is missing.
        InvalidState: this version is on file already.
    """
    check(by, Permission.CONSENT_RECORD, participant.study, participant.site)
    fields = {}
    if signed_on > clock.now().date():
        fields["signed_on"] = "The form cannot have been signed in the future."
    if not form_version.strip():
        fields["form_version"] = "Enter the version printed on the form, for example 3.1."
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    if Consent.objects.filter(participant=participant, form_version=form_version).exists():
        msg = f"Consent version {form_version} is on file already."
        raise InvalidState(msg)
    consent = Consent.objects.create(
        participant=participant, form_version=form_version, signed_on=signed_on, recorded_by=by, recorded_at=clock.now()
    )
    events.record("consent recorded", study=participant.study.code, target=participant.number)
    return consent
