"""Leaving: the participant withdraws or fails screening, the data collected until then stay."""

import datetime

from django.db import transaction

from participants.models import Participant, ScreenFailure, Withdrawal
from participants.policies import refuse_left, refuse_not_screening
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
        InvalidInput: the reason is unknown, or the day lies in the future or before screening.
        InvalidState: the participant has left already, or has completed the study.
    """
    check(by, Permission.PARTICIPANT_WITHDRAW, participant.study, participant.site)
    fields = _day_fields(participant, "withdrawn_on", withdrawn_on)
    if reason not in Withdrawal.Reason.values:
        fields["reason"] = "Choose a reason."
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    locked = Participant.objects.select_for_update().get(pk=participant.pk)
    refuse_left(locked)
    if locked.status == Participant.Status.COMPLETED:
        msg = f"{locked.number} has completed the study; there is nothing left to withdraw from."
        raise InvalidState(msg)
    locked.status = Participant.Status.WITHDRAWN
    locked.save(update_fields=["status"])
    events.record("participant withdrawn", study=locked.study.code, target=locked.number)
    return Withdrawal.objects.create(
        participant=locked,
        reason=reason,
        note=note.strip(),
        withdrawn_on=withdrawn_on,
        recorded_by=by,
        recorded_at=clock.now(),
    )


@transaction.atomic
def fail_screening(
    *, participant: Participant, reason: str, note: str, failed_on: datetime.date, by: User
) -> ScreenFailure:
    """Record that a screened person will not be randomized.

    Raises:
        NotPermitted: the role does not include withdrawal at this site.
        InvalidInput: the reason is unknown, or the day lies in the future or before screening.
        InvalidState: the participant is no longer in screening.
    """
    check(by, Permission.PARTICIPANT_WITHDRAW, participant.study, participant.site)
    fields = _day_fields(participant, "failed_on", failed_on)
    if reason not in ScreenFailure.Reason.values:
        fields["reason"] = "Choose a reason."
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    locked = Participant.objects.select_for_update().get(pk=participant.pk)
    refuse_not_screening(locked)
    locked.status = Participant.Status.SCREEN_FAILED
    locked.save(update_fields=["status"])
    events.record("screening failed", study=locked.study.code, target=locked.number)
    return ScreenFailure.objects.create(
        participant=locked, reason=reason, note=note.strip(), failed_on=failed_on, recorded_by=by,
        recorded_at=clock.now(),
    )  # fmt: skip


def _day_fields(participant: Participant, name: str, day: datetime.date) -> dict[str, str]:
    zone = participant.site.time_zone
    if day > clock.today(zone):
        return {name: "This day cannot lie in the future."}
    if day < clock.local(participant.screened_at, zone).date():
        return {name: "This day cannot lie before the screening."}
    return {}
