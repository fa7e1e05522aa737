"""Randomization from the blinded door: preconditions under lock, then one call into the secret."""

from uuid import UUID

from django.db import IntegrityError, transaction

from participants.models import Participant
from sessions.allocation import minimizing
from sessions.allocation.services import allocate
from sessions.models import Period, StudySession
from sessions.policies import levels_of, randomization_preconditions, strata_of, stratum_of
from sessions.services import notices
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidState

__all__ = ["RandomizationUnavailable", "randomize", "strata_of", "stratum_of"]

UNAVAILABLE = "Randomization is not available now; the trial office has been told. Nothing was changed."
CHANGED = "The strata were corrected after you confirmed them. Look at them again, then randomize. Nothing was changed."
OTHERS = "This form was used for somebody else already. Open the wizard again."


class RandomizationUnavailable(InvalidState):
    """No number can be given now; the site is told nothing about the list."""

    code = "randomization_unavailable"


def randomize(
    *,
    participant: Participant,
    request_id: UUID,
    password: str,
    by: User,
    code: str = "",
    confirmed_stratum: str | None = None,
) -> Participant:
    """Take the participant's randomization number and plan a session for every period.

    A repeated request (double click, reload, lost answer) returns the same participant with the same number, and asks
    for no second code: the first one was used up by the request whose answer got lost. Where the vault has to draw, the
    participant comes back without a number; `services.drawing` completes what was asked here.

    Args:
        participant: who is randomized.
        request_id: the key that the review page was made with.
        password: the person's own.
        by: who asks.
        code: the present code of the person's authenticator, where one is enrolled or required.
        confirmed_stratum: the stratum shown on the review page; None from where nothing was shown.

    Raises:
        NotPermitted: the role does not include randomization at this site.
        InvalidInput: the password or the code does not match.
        InvalidState: a precondition is not met, or the strata are no longer the confirmed ones.
        RandomizationUnavailable: there is nothing to allocate from; the message says neither why nor how much is left.
    """
    check(by, Permission.ALLOCATION_REQUEST, participant.study, participant.site)
    try:
        with transaction.atomic():
            locked = lock(participant)
            if locked.randomization_number or minimizing.asked_for(locked.pk):
                return locked
            signatures.check_password(by, password)
            signatures.check_second_factor(by, code)
            return _randomize(locked, request_id, confirmed_stratum, by)
    except RandomizationUnavailable:
        # After the roll-back: what was promised to the site is done, whatever the reason was.
        notices.tell_custodians(participant.site)
        raise


def lock(participant: Participant) -> Participant:
    """Return the participant's row, locked for the caller's transaction."""
    return Participant.objects.select_for_update(of=("self",)).select_related("study", "site").get(pk=participant.pk)


def _randomize(locked: Participant, request_id: UUID, confirmed_stratum: str | None, by: User) -> Participant:
    for precondition in randomization_preconditions(locked):
        if not precondition.is_met:
            msg = f"{locked.number} cannot be randomized yet. {precondition.label}: {precondition.detail}"
            raise InvalidState(msg)
    stratum = stratum_of(locked)
    if confirmed_stratum not in {None, stratum}:
        raise InvalidState(CHANGED)
    try:
        with transaction.atomic():
            number = _number(locked, stratum, request_id, by)
    except IntegrityError:
        raise InvalidState(OTHERS) from None
    if number is None:
        raise RandomizationUnavailable(UNAVAILABLE)
    if not number:
        return locked
    locked.randomized_at = clock.now()
    return enrol(locked, number=number, stratum=stratum, by=by)


def _number(locked: Participant, stratum: str, request_id: UUID, by: User) -> str | None:
    """Return the number, an empty text where the vault has yet to draw it, None when there is none to be had.

    Asking which way a study goes gives nothing away: that it minimizes stands in the protocol, and the wizard's pages
    differ anyhow. What helps to guess (factors' weights, the coin's probability, block sizes) is not asked for.
    """
    if not minimizing.is_minimized(locked.study_id):
        return allocate(participant_id=locked.pk, study_id=locked.study_id, stratum=stratum, request_id=request_id)
    number = minimizing.ask(participant=locked, levels=levels_of(locked), request_id=request_id, by_id=by.pk)
    if number == "":
        events.record("randomization asked for", study=locked.study.code, target=locked.number)
    return number


def enrol(locked: Participant, *, number: str, stratum: str, by: User) -> Participant:
    """Write what follows from an allocation: the number, the sessions of every period, the trail, the messages.

    Inside the transaction that holds the participant's row and has written the allocation; `randomized_at` is set.
    """
    locked.randomization_number, locked.randomized_stratum, locked.randomized_by = number, stratum, by
    locked.status = Participant.Status.RANDOMIZED
    locked.save()
    StudySession.objects.bulk_create(
        StudySession(participant=locked, period=period) for period in Period.objects.filter(study=locked.study)
    )
    events.record("participant randomized", study=locked.study.code, target=locked.number)
    notices.announce_randomization(locked)
    return locked
