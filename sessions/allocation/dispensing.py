"""Dispensing: the system picks a kit for a session's period, a pharmacist fetches it, a second person checks it.

What can be seen of it must not depend on the sequence (ADR 19): a lot is used only while it holds every treatment, the
kit is drawn at random among those that fit, and the ward's label carries a number of its own. So neither a number, a
lot, an expiry nor a refusal tells which treatment was due.
"""

import secrets
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from sessions.allocation.kit_contents import announce, open_content
from sessions.allocation.kit_ledger import Movement, State
from sessions.allocation.kit_models import DispensingLabel, Kit
from sessions.allocation.kit_notices import tell_depot
from sessions.allocation.kit_numbers import check_scanned
from sessions.allocation.kit_readiness import check_can_dispense, local_day, reserved_for, session_at
from sessions.allocation.kit_signing import Second, checked_signatures, latest, lock_ledger, move, state_of, write_act
from sessions.allocation.models import Allocation
from sessions.allocation.services import open_slot
from sessions.models import SequencePeriod, StudySession, Treatment
from sessions.randomization.kits import check_digit
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.audit import events
from studyportal.errors import BlindingViolation, InvalidInput, InvalidState

LABEL_DIGITS = 5
OUT_OF_STOCK = (
    "No kit can be dispensed at this site now: its stock does not cover the study's design until that day. "
    "The depot has been told. Nothing was changed."
)


class StockShort(InvalidState):
    """The site's stock cannot serve everybody alike, so it serves nobody; the depot has been told."""

    code = "stock_short"


def pick(*, session_id: UUID, by: User, afterwards: bool = False) -> Kit:
    """Pick and reserve the kit that a session's participant needs; asked again, return the same one.

    `afterwards` is for entering a record of a session that was held already.

    Raises:
        NotPermitted: the person may not dispense at the participant's site.
        NotFound: no such session of an allocated participant.
        InvalidState: the session is not planned, the participant has left, or the period was served.
        StockShort: the stock does not cover every treatment.
    """
    session = session_at(session_id, by)
    try:
        return _pick(session, by, afterwards=afterwards)
    except StockShort:
        tell_depot(session.participant.site)  # after the roll-back: what was promised is done
        raise


@transaction.atomic
def _pick(session: StudySession, by: User, *, afterwards: bool) -> Kit:
    study = session.participant.study
    lock_ledger(study)
    check_can_dispense(session, afterwards=afterwards)
    held = reserved_for(session)
    if held is not None:
        return held
    announce(study, target=_named(session), why="picking a kit")
    code = _due(session)
    number = secrets.choice(_fitting(session, code, usable_kits(session)))
    kit = latest(Kit.objects.select_related("shipment__site").filter(study=study, number=number)).get()
    act = write_act(study=study, kind=Movement.RESERVED, by=by, details={"for": _named(session), "kits": [number]})
    move(act, [kit], Movement.RESERVED, session=session)
    return kit


@transaction.atomic
def put_back(*, session_id: UUID, reason: str, by: User) -> Kit:
    """Put a picked kit back into stock, because the session will not need it; return it.

    Raises:
        NotPermitted: the person may not dispense at the participant's site.
        InvalidInput: the reason is missing.
        InvalidState: nothing is picked for this session.
    """
    session = session_at(session_id, by)
    if not reason.strip():
        raise InvalidInput("Give the reason.", fields={"reason": "Say why the kit goes back."})
    lock_ledger(session.participant.study)
    kit = _picked(session)
    act = write_act(
        study=session.participant.study, kind=Movement.PUT_BACK, by=by, reason=reason,
        details={"for": _named(session), "kits": [kit.number]},
    )  # fmt: skip
    move(act, [kit], Movement.PUT_BACK, session=session)
    return kit


def check_scan(*, session_id: UUID, scanned: str, by: User) -> Kit:
    """Return the picked kit when the scanned number is its number.

    Raises:
        InvalidInput: it is another one; the sentence says what that is.
        InvalidState: nothing is picked, or the period can no longer be served.
    """
    session = session_at(session_id, by)
    check_can_dispense(session)
    kit = _picked(session)
    check_scanned(scanned, picked=kit, study=session.participant.study)
    return kit


@transaction.atomic
def dispense(
    *, session_id: UUID, scanned: str, password: str, second: Second, by: User, afterwards: bool = False
) -> DispensingLabel:
    """Dispense the picked kit: prepared by one person, checked by another, each with a password.

    Raises:
        NotPermitted: the person may not dispense at the participant's site.
        InvalidInput: the wrong kit, a wrong password, or no second person.
        InvalidState: the period can no longer be served.
        BlindingViolation: the kit does not hold what is due; nothing is dispensed.
    """
    session = session_at(session_id, by)
    study, site = session.participant.study, session.participant.site
    # Drawn before anything that depends on the sequence, so that the same entropy gives the same label in any world.
    label = DispensingLabel(study=study, session=session, number=_label_number(session), dispensed_at=clock.now())
    lock_ledger(study)
    check_can_dispense(session, afterwards=afterwards)
    kit = _picked(session)
    check_scanned(scanned, picked=kit, study=study)
    checked_by = checked_signatures(study=study, site=site, by=by, password=password, second=second, needs_two=True)
    announce(study, target=_named(session), why="checking the kit before it is dispensed")
    if open_content(kit) != _due(session):
        raise BlindingViolation("This kit must not be dispensed. Put it aside and tell the trial office at once.")
    act = write_act(
        study=study, kind=Movement.DISPENSED, by=by, checked_by=checked_by,
        details={"for": _named(session), "kits": [kit.number], "label": label.number},
    )  # fmt: skip
    move(act, [kit], Movement.DISPENSED, session=session)
    label.save()
    events.record("capsule dispensed", study=study.code, target=f"{_named(session)} {label.number}")
    return label


def usable_kits(session: StudySession) -> list[Kit]:
    """Return the kits in stock at the session's site whose shelf life reaches the planned day."""
    day = local_day(session)
    site = session.participant.site
    kits = latest(Kit.objects.select_related("shipment").filter(shipment__site=site, shipment__expires_on__gte=day))
    return [kit for kit in kits.order_by("number") if state_of(kit) is State.IN_STOCK]


def _fitting(session: StudySession, code: str, kits: Iterable[Kit]) -> list[str]:
    """Return the numbers of the kits that fit, of the earliest lot that holds every treatment of the design.

    A lot without one of the treatments is passed over for everybody, whichever treatment is due: otherwise the lot on
    the label, or the refusal, would say who needs the one that is used up.
    """
    lots: dict[tuple[str, str], dict[str, list[str]]] = {}
    for kit in kits:
        place = lots.setdefault((kit.shipment.expires_on.isoformat(), kit.shipment.lot), {})
        place.setdefault(open_content(kit), []).append(kit.number)
    design = set(Treatment.objects.filter(study=session.participant.study).values_list("code", flat=True))
    for _, held in sorted(lots.items()):
        if design <= held.keys():
            return sorted(held[code])
    raise StockShort(OUT_OF_STOCK)


def _due(session: StudySession) -> str:
    """Return the code of the treatment that the participant's sequence gives in the session's period."""
    allocation = Allocation.objects.select_related("slot__stratum").get(participant=session.participant)
    sequence = open_slot(allocation.slot).sequence
    due = SequencePeriod.objects.select_related("treatment").get(
        sequence__study=session.participant.study, sequence__code=sequence, period=session.period
    )
    return due.treatment.code


def _picked(session: StudySession) -> Kit:
    kit = reserved_for(session)
    if kit is None:
        raise InvalidState("No kit is picked for this session. Pick one first.")
    return kit


def _label_number(session: StudySession) -> str:
    used = set(DispensingLabel.objects.filter(study=session.participant.study).values_list("number", flat=True))
    while True:
        body = f"{secrets.randbelow(10**LABEL_DIGITS):0{LABEL_DIGITS}d}"
        number = f"D-{body}-{check_digit(body)}"
        if number not in used:
            return number


def _named(session: StudySession) -> str:
    return f"{session.participant.number} period {session.period.number}"
