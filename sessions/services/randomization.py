"""Randomization from the blinded door: preconditions under lock, then one call into the secret."""

from functools import partial
from uuid import UUID

from django.db import IntegrityError, transaction

from participants.models import Participant
from sessions.allocation import minimizing
from sessions.allocation.services import allocate
from sessions.models import Period, StudySession
from sessions.policies import randomization_preconditions
from sessions.services import notices
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidState

UNAVAILABLE = "Randomization is not available now; the trial office has been told. Nothing was changed."


class RandomizationUnavailable(InvalidState):
    """No number can be given now; the site is told nothing about the list."""

    code = "randomization_unavailable"


def strata_of(participant: Participant) -> list[tuple[str, str]]:
    """Return the study's factors with the participant's values in words, for example `("Sex", "Female")`."""
    values = {"site": str(participant.site), "sex": participant.get_sex_display()}
    return [(factor.capitalize(), values[factor]) for factor in participant.study.strata_factors]


def levels_of(participant: Participant) -> dict[str, str]:
    """Return the participant's level of each of the study's factors, for example `{"site": "01", "sex": "F"}`."""
    values = {"site": participant.site.code, "sex": participant.sex}
    return {factor: values[factor] for factor in participant.study.strata_factors}


def stratum_of(participant: Participant) -> str:
    """Return the stratum's key from the study's factors, for example `01|F`."""
    return "|".join(levels_of(participant).values()) or "all"


def randomize(*, participant: Participant, request_id: UUID, password: str, by: User) -> Participant:
    """Take the participant's randomization number and plan a session for every period.

    A repeated request (double click, reload, lost answer) returns the same participant with the same number. Where the
    vault has to draw, the participant comes back without a number; `services.drawing` completes what was asked here.

    Raises:
        NotPermitted: the role does not include randomization at this site.
        InvalidInput: the password does not match.
        InvalidState: a precondition is not met.
        RandomizationUnavailable: there is nothing to allocate from; the message says neither why nor how much is left.
    """
    check(by, Permission.ALLOCATION_REQUEST, participant.study, participant.site)
    signatures.check_password(by, password)
    try:
        return _randomize(participant, request_id, by)
    except RandomizationUnavailable:
        # After the roll-back: what was promised to the site is done, whatever the reason was.
        notices.tell_custodians(participant.study)
        raise


@transaction.atomic
def _randomize(participant: Participant, request_id: UUID, by: User) -> Participant:
    locked = Participant.objects.select_for_update(of=("self",)).select_related("study", "site").get(pk=participant.pk)
    if locked.randomization_number:
        return locked
    for precondition in randomization_preconditions(locked):
        if not precondition.is_met:
            msg = f"{locked.number} cannot be randomized yet. {precondition.label}: {precondition.detail}"
            raise InvalidState(msg)
    try:
        with transaction.atomic():
            number = _number(locked, request_id, by)
    except IntegrityError:
        raise InvalidState("This form was used for somebody else already. Open the wizard again.") from None
    if number is None:
        raise RandomizationUnavailable(UNAVAILABLE)
    if not number:
        return locked
    return record_randomization(locked, number, by=by)


def _number(locked: Participant, request_id: UUID, by: User) -> str | None:
    """Return the number, an empty text where the vault has yet to draw it, None when there is none to be had.

    Asking which way a study goes gives nothing away: that it minimizes stands in the protocol, and the wizard's pages
    differ anyhow. What helps to guess (factors' weights, the coin's probability, block sizes) is not asked for.
    """
    if not minimizing.is_minimized(locked.study_id):
        return allocate(
            participant_id=locked.pk, study_id=locked.study_id, stratum=stratum_of(locked), request_id=request_id
        )
    number = minimizing.ask(participant=locked, levels=levels_of(locked), request_id=request_id, by_id=by.pk)
    if number == "":
        events.record("randomization asked for", study=locked.study.code, target=locked.number)
    return number


def record_randomization(locked: Participant, number: str, *, by: User) -> Participant:
    """Write a number at its participant, plan the sessions and tell the site; inside the caller's transaction."""
    locked.randomization_number, locked.randomized_at, locked.randomized_by = number, clock.now(), by
    locked.status = Participant.Status.RANDOMIZED
    locked.save()
    StudySession.objects.bulk_create(
        StudySession(participant=locked, period=period) for period in Period.objects.filter(study=locked.study)
    )
    events.record("participant randomized", study=locked.study.code, target=locked.number)
    transaction.on_commit(partial(notices.announce_randomization, locked))
    return locked
