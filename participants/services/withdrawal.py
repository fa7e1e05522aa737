"""Withdrawal: the participant leaves, the data collected until then stay."""

import datetime

from django.db import transaction

from participants.models import Participant, Withdrawal
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState


@transaction.atomic
def withdraw(*, participant: Participant, reason: str, note: str, withdrawn_on: datetime.date, by: User) -> Withdrawal:
    """Record a withdrawal and end the participant's way through the study.

    Raises:
        NotPermitted: the role does not include withdrawal at this site.
        InvalidInput: the reason is unknown or the date lies in the future.
        InvalidState: the participant has left already.
    """
    check(by, Permission.PARTICIPANT_WITHDRAW, participant.study, participant.site)
    fields = {}
    if reason not in Withdrawal.Reason.values:
        fields["reason"] = "Choose a reason."
    if withdrawn_on > clock.now().date():
        fields["withdrawn_on"] = "The day of withdrawal cannot lie in the future."
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    locked = Participant.objects.select_for_update().get(pk=participant.pk)
    if locked.status in {Participant.Status.WITHDRAWN, Participant.Status.SCREEN_FAILED}:
        msg = f"{locked.number} has left the study already."
        raise InvalidState(msg)
    locked.status = Participant.Status.WITHDRAWN
    locked.save(update_fields=["status"])
    events.record("participant withdrawn", study=locked.study.code, target=locked.number)
    return Withdrawal.objects.create(
        participant=locked, reason=reason, note=note, withdrawn_on=withdrawn_on, recorded_by=by, recorded_at=clock.now()
    )
