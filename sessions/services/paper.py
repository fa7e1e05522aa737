"""What a site gave on paper while the portal was down, written down afterwards: the same rows as online, and why.

The number has been given and cannot be taken back, so what went wrong is first said and then, when the person confirms
that it was really so, recorded as a protocol deviation. What cannot be true is refused.
"""

import datetime
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import IntegrityError, transaction

from participants.models import Participant
from sessions.allocation import paper
from sessions.models import PaperRandomization
from sessions.policies import randomization_preconditions, strata_of, stratum_of
from sessions.services.deviations import record_deviation_of
from sessions.services.randomization import OTHERS, enrol, lock
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState

MEANING = "The portal could not be used. I confirm that this number was given on paper as entered here."
REFUSALS = {
    "not_on_sheet": "This number stands on no emergency sheet of this site. Read it again from the sheet.",
    "used": "This number was given to another participant. Read it again from the sheet.",
    "same": "This participant was given this number online already.",
    "allocated": "This participant has another number already, and keeps it. Tell the trial office.",
    "not_screening": "Only participants in screening can be given a number.",
}
WORDS = {
    "other_column": "The number stands in another column of the sheet than the participant's strata ({strata}).",
    "out_of_order": "An earlier number of the column has not been entered: the next free one was left out.",
}
FAULTS = {
    "other_column": ("other_column",),
    "out_of_order": ("out_of_order",),
    "both": ("other_column", "out_of_order"),
}
CONFIRM = "If it was really given so, tick the box at the end and send the form again. Nothing was recorded yet."


@dataclass(frozen=True, slots=True)
class Given:
    """What the line of the sheet says, and whether the person confirms its faults: `was_given_so`."""

    number: str
    given_at: datetime.datetime
    given_by: str
    outage: str
    was_given_so: bool = False


def record_paper_randomization(
    *,
    participant: Participant,
    given: Given,
    request_id: UUID,
    password: str,
    by: User,
    code: str = "",
) -> Participant:
    """Write down a number that was given from the site's emergency sheet.

    A repeated request returns the same participant. Faults that a person may confirm are named first.

    Raises:
        NotPermitted: the role does not include randomization at this site.
        InvalidInput: the time lies in the future or before screening, a text is missing, the number is not one of the
            site's sheet or was used, the password or the code does not match.
        InvalidState: the participant has another number or has left; or faults wait to be confirmed.
    """
    check(by, Permission.ALLOCATION_REQUEST, participant.study, participant.site)
    given = replace(
        given, number=given.number.strip().upper(), given_by=given.given_by.strip(), outage=given.outage.strip()
    )
    with transaction.atomic():
        locked = lock(participant)
        if PaperRandomization.objects.filter(participant=locked, number=given.number).exists():
            return locked
        _check_words(locked, given)
        signatures.check_password(by, password)
        signatures.check_second_factor(by, code)
        return _recorded(locked, given, request_id, by)


def _check_words(locked: Participant, given: Given) -> None:
    fields = {}
    if given.given_at > clock.now():
        fields["given_at"] = "This moment cannot lie in the future."
    elif given.given_at < locked.screened_at:
        fields["given_at"] = "This moment cannot lie before the screening."
    if not given.given_by:
        fields["given_by"] = "Enter who gave the number."
    if not given.outage:
        fields["outage"] = "Say in a few words why the portal could not be used."
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)


def _recorded(locked: Participant, given: Given, request_id: UUID, by: User) -> Participant:
    stratum = stratum_of(locked)
    said = _reconcile(locked, given.number, stratum, request_id, confirmed=False)
    if said in {"not_on_sheet", "used"}:
        raise InvalidInput(REFUSALS[said], fields={"number": REFUSALS[said]})
    if said in REFUSALS:
        raise InvalidState(REFUSALS[said])
    faults = [*_preconditions_missed(locked), *(_words(fault, locked) for fault in FAULTS.get(said, ()))]
    if faults and not given.was_given_so:
        msg = f"{' '.join(faults)} {CONFIRM}"
        raise InvalidState(msg)
    if said in FAULTS:
        _reconcile(locked, given.number, stratum, request_id, confirmed=True)
    locked.randomized_at = given.given_at
    enrolled = enrol(locked, number=given.number, stratum=stratum, by=by)
    _write_down(enrolled, given, faults, request_id, by)
    return enrolled


def _preconditions_missed(locked: Participant) -> list[str]:
    return [
        f"{one.label}: {one.detail.rstrip('.')}."
        for one in randomization_preconditions(locked)
        if not one.is_met and one.label != "In screening"
    ]


def _words(fault: str, locked: Participant) -> str:
    strata = ", ".join(value for _, value in strata_of(locked)) or "none"
    return WORDS[fault].format(strata=strata)


def _reconcile(locked: Participant, number: str, stratum: str, request_id: UUID, *, confirmed: bool) -> str:
    try:
        with transaction.atomic():
            return paper.reconcile(
                participant_id=locked.pk, study_id=locked.study_id, site_id=locked.site_id, stratum=stratum,
                number=number, request_id=request_id, confirmed=confirmed,
            )  # fmt: skip
    except IntegrityError:
        raise InvalidState(OTHERS) from None


def _write_down(enrolled: Participant, given: Given, faults: list[str], request_id: UUID, by: User) -> None:
    content = {
        "participant": enrolled.number, "number": given.number, "given_at": given.given_at.isoformat(),
        "given_by": given.given_by, "outage": given.outage, "faults": faults,
    }  # fmt: skip
    signature = signatures.sign(
        by=by, meaning=MEANING, record_label="paper randomization", record_id=enrolled.pk, content=content,
        time_zone=enrolled.site.time_zone,
    )  # fmt: skip
    PaperRandomization.objects.create(
        participant=enrolled, number=given.number, given_at=given.given_at, given_by=given.given_by,
        outage=given.outage, faults=faults, request_id=request_id, signature=signature, recorded_by=by,
        recorded_at=clock.now(),
    )  # fmt: skip
    words = f"Randomized on paper by {given.given_by}: {given.outage}"
    for code, description in (("paper_randomization", words), *(("paper_fault", fault) for fault in faults)):
        record_deviation_of(
            participant=enrolled, code=code, occurred_at=given.given_at, description=description[:500], by=by
        )
    events.record("paper randomization entered", study=enrolled.study.code, target=enrolled.number)
