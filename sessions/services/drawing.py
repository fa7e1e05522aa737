"""A randomization that the vault has yet to draw: looked at, completed, cancelled; the blinded side of minimization."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from participants.models import Participant
from sessions.allocation import minimizing
from sessions.models import ProtocolDeviation
from sessions.policies import randomization_preconditions, stratum_key
from sessions.services.randomization import enrol
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidState

USUAL = datetime.timedelta(seconds=15)
"""How long a draw may take before the page says that it waits."""
LEFT = "randomized_after_leaving"
NOT_MET = "randomized_unmet"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request without an answer: who asked and when, and whether the answer is overdue, whatever the reason."""

    asked_by: User
    asked_at: datetime.datetime
    is_overdue: bool


def waiting_for(participant: Participant) -> Waiting | None:
    """Return the participant's request that the vault has yet to answer."""
    asked = minimizing.asked_for(participant.pk)
    if asked is None or asked.number:
        return None
    overdue = clock.now() - asked.asked_at > USUAL
    return Waiting(User.objects.get(pk=asked.asked_by_id), asked.asked_at, overdue)


@transaction.atomic
def complete(participant_id: UUID) -> Participant:
    """Write down a number that the vault has drawn, in the name of who asked; nothing while there is none.

    What is drawn stays: where the participant has left meanwhile, or a precondition no longer holds, the number is
    recorded all the same, with a deviation. Repeating is harmless.
    """
    locked = Participant.objects.select_for_update(of=("self",)).select_related("study", "site").get(pk=participant_id)
    asked = None if locked.randomization_number else minimizing.asked_for(locked.pk)
    if asked is None or not asked.number:
        return locked
    by = User.objects.get(pk=asked.asked_by_id)
    # The stratum is the one that was asked with (R4); what was corrected since is a correction.
    stratum, locked.randomized_at = stratum_key(locked.study, asked.levels), clock.now()
    unmet = [one for one in randomization_preconditions(locked) if not one.is_met]
    if locked.status == Participant.Status.SCREENING:
        enrol(locked, number=asked.number, stratum=stratum, by=by)
        if unmet:
            said = "; ".join(f"{one.label}: {one.detail}" for one in unmet)
            _deviate(locked, NOT_MET, f"The number was drawn when this no longer held. {said}"[:500], by)
        return locked
    locked.randomization_number, locked.randomized_stratum, locked.randomized_by = asked.number, stratum, by
    locked.save()
    events.record("participant randomized", study=locked.study.code, target=locked.number)
    left = locked.get_status_display().lower()
    _deviate(locked, LEFT, f"The number was drawn before this was recorded: {left}. No session is planned.", by)
    return locked


def complete_all() -> int:
    """Complete what nobody looks at: once every few seconds by the blinded worker; return how many were completed."""
    due = minimizing.undelivered()
    for participant_id in due:
        complete(participant_id)
    return len(due)


@transaction.atomic
def cancel(*, participant: Participant, by: User) -> None:
    """Take back a request that the vault has not answered.

    Raises:
        NotPermitted: the role does not include randomization at this site.
        InvalidState: nothing waits; the number may be drawn already, and then it stays.
    """
    check(by, Permission.ALLOCATION_REQUEST, participant.study, participant.site)
    locked = Participant.objects.select_for_update().get(pk=participant.pk)
    if not minimizing.cancel(locked.pk):
        msg = f"Nothing waits for {locked.number} any more. A number that is drawn cannot be taken back."
        raise InvalidState(msg)
    events.record("randomization request cancelled", study=participant.study.code, target=locked.number)


def _deviate(participant: Participant, code: str, description: str, by: User) -> None:
    ProtocolDeviation.objects.create(
        participant=participant, code=code, description=description, occurred_at=clock.now(), recorded_by=by,
    )  # fmt: skip
