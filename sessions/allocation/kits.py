"""Acts on stock: announce a shipment, receive it, and move kits in and out of quarantine, back, away and to their end.

Every act adds lines to the ledger and changes none.
"""

import datetime
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from sessions.allocation.kit_contents import seal_content
from sessions.allocation.kit_ledger import TWO_SIGNATURES, Movement, State
from sessions.allocation.kit_models import Kit, KitAct, KitShipment
from sessions.allocation.kit_numbers import kits_named, listed
from sessions.allocation.kit_signing import Second, checked_signatures, latest, lock_ledger, move, state_of, write_act
from sessions.allocation.sealing import seal
from sessions.models import Treatment
from sessions.randomization import draw_kits
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.errors import InvalidInput, InvalidState, NotFound
from studyportal.studies.models import Site, Study

MOST_KITS = 400


@dataclass(frozen=True, slots=True)
class Rule:
    """What a movement by hand asks for."""

    permission: Permission
    needs_reason: bool = True
    needs_password: bool = True


RULES: Mapping[Movement, Rule] = {
    Movement.QUARANTINED: Rule(Permission.KIT_RECEIVE, needs_password=False),
    Movement.RELEASED: Rule(Permission.KIT_RECEIVE),
    Movement.RETURNED: Rule(Permission.KIT_DISPENSE, needs_reason=False),
    Movement.BROKEN: Rule(Permission.KIT_DISPENSE),
    Movement.LOST: Rule(Permission.KIT_RECEIVE),
    Movement.FOUND: Rule(Permission.KIT_RECEIVE),
    Movement.DESTROYED: Rule(Permission.KIT_RECEIVE, needs_reason=False),
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """What was found when a shipment was unpacked."""

    counted: int
    condition: str
    not_arrived: str = ""
    damaged: str = ""
    had_excursion: bool = False
    temperature: str = ""


@transaction.atomic
def announce_shipment(
    *,
    study: Study,
    site: Site,
    lot: str,
    expires_on: datetime.date,
    storage: str,
    kits_per_treatment: int,
    by: User,
) -> KitShipment:
    """Draw and seal the kits of a shipment that leaves the depot for a site: as many of every treatment.

    Raises:
        NotPermitted: the person may not ship kits.
        InvalidInput: a value is missing, the lot has expired, or it is on record with another expiry.
    """
    check(by, Permission.KIT_SHIP, study, site)
    _refuse_impossible(study, lot.strip(), expires_on, storage.strip(), kits_per_treatment)
    lock_ledger(study)
    codes = list(Treatment.objects.filter(study=study).order_by("code").values_list("code", flat=True))
    number = f"S-{KitShipment.objects.filter(study=study).count() + 1:03d}"
    shipment = KitShipment(
        study=study, site=site, number=number, lot=lot.strip(), expires_on=expires_on, storage=storage.strip(),
        kits_per_treatment=kits_per_treatment, announced_at=clock.now(),
    )  # fmt: skip
    seed = secrets.token_bytes(32)
    shipment.sealed_seed = seal(seed, f"kits|{shipment.pk}|seed")
    taken = set(Kit.objects.filter(study=study).values_list("number", flat=True))
    drawn = draw_kits(dict.fromkeys(codes, kits_per_treatment), seed=seed, shipment=number, taken_numbers=taken)
    shipment.save()
    kits = [
        Kit(
            study=study, shipment=shipment, number=kit.number,
            sealed=seal_content(kit.treatment, shipment_id=shipment.pk, number=kit.number),
        )
        for kit in drawn
    ]  # fmt: skip
    Kit.objects.bulk_create(kits)
    act = write_act(study=study, kind=Movement.ANNOUNCED, by=by, details={"shipment": number, "kits": len(kits)})
    move(act, list(latest(Kit.objects.filter(shipment=shipment))), Movement.ANNOUNCED)
    return shipment


@transaction.atomic
def receive(*, study: Study, shipment_id: UUID, arrival: Arrival, password: str, by: User) -> KitAct:
    """Take a shipment in: counted, in what condition, what did not arrive, what is damaged, and the temperature.

    After a temperature excursion every kit waits in quarantine; a damaged kit waits there in any case.

    Raises:
        NotPermitted: the person may not receive kits at this site.
        NotFound: no such shipment.
        InvalidInput: the count does not fit, a number is not of this shipment, or the password does not match.
        InvalidState: the shipment was received already.
    """
    shipment = KitShipment.objects.select_related("site", "study").filter(study=study, pk=shipment_id).first()
    if shipment is None:
        raise NotFound("There is no such shipment.")
    check(by, Permission.KIT_RECEIVE, study, shipment.site)
    checked_signatures(study=study, site=shipment.site, by=by, password=password, second=None, needs_two=False)
    lock_ledger(study)
    kits = [kit for kit in latest(shipment.kits.order_by("number")) if state_of(kit) is State.IN_TRANSIT]
    if not kits:
        raise InvalidState("This shipment was received already, or recalled on its way.")
    by_number = {kit.number: kit for kit in kits}
    absent = listed(arrival.not_arrived, by_number, "not_arrived")
    damaged = listed(arrival.damaged, by_number, "damaged")
    _refuse_wrong_count(arrival, len(kits), absent, damaged)
    act = write_act(
        study=study, kind=Movement.RECEIVED, by=by,
        details={
            "shipment": shipment.number, "counted": arrival.counted, "condition": arrival.condition.strip(),
            "not_arrived": sorted(absent), "damaged": sorted(damaged), "excursion": arrival.had_excursion,
            "temperature": arrival.temperature.strip(),
        },
    )  # fmt: skip
    held = [kit for kit in kits if kit.number not in absent and (arrival.had_excursion or kit.number in damaged)]
    good = [kit for kit in kits if kit.number not in absent and kit not in held]
    move(act, [by_number[number] for number in sorted(absent)], Movement.NOT_ARRIVED)
    move(act, held, Movement.HELD_ON_ARRIVAL)
    move(act, good, Movement.RECEIVED)
    return act


@transaction.atomic
def move_kits(
    *,
    study: Study,
    numbers: Sequence[str],
    movement: Movement,
    by: User,
    reason: str = "",
    password: str = "",
    second: Second | None = None,
    units: int | None = None,
    certificate: str = "",
) -> KitAct:
    """Move kits of one site by hand: quarantine, release, return, break, lose, find, destroy.

    Raises:
        NotPermitted: the person may not do this at the site.
        NotFound: a number is no kit of the person's sites.
        InvalidInput: a reason, count, certificate or signature is missing or wrong.
        InvalidState: a kit is where this cannot start.
    """
    rule = RULES[movement]
    check(by, rule.permission, study)
    kits = kits_named(study, numbers, permission=rule.permission, by=by)
    site = kits[0].shipment.site
    if any(kit.shipment.site_id != site.pk for kit in kits):
        raise InvalidInput("These kits are at two sites. Each site's pharmacy moves its own.")
    if rule.needs_reason and not reason.strip():
        raise InvalidInput("Give the reason.", fields={"reason": "Say in a few words what happened."})
    details = {"kits": [kit.number for kit in kits], **_asked(movement, units=units, certificate=certificate)}
    checked_by = None
    if rule.needs_password:
        checked_by = checked_signatures(
            study=study, site=site, by=by, password=password, second=second, needs_two=movement in TWO_SIGNATURES
        )
    lock_ledger(study)
    kits = list(latest(Kit.objects.filter(pk__in=[kit.pk for kit in kits]).select_related("shipment")))
    if movement is Movement.DESTROYED:
        _refuse_usable(kits)
    act = write_act(study=study, kind=movement, by=by, checked_by=checked_by, reason=reason, details=details)
    move(act, kits, movement, units=units)
    return act


def _asked(movement: Movement, *, units: int | None, certificate: str) -> dict[str, object]:
    """Return what a return and a destruction record beside the reason; refuse when it is missing."""
    if movement is Movement.RETURNED:
        if units is None:
            raise InvalidInput(
                "Count what came back.", fields={"units": "Enter how many capsules came back; 0 is fine."}
            )
        return {"units": units}
    if movement is Movement.DESTROYED:
        if not certificate.strip():
            raise InvalidInput(
                "Enter the certificate.", fields={"certificate": "Enter the number of the certificate of destruction."}
            )
        return {"certificate": certificate.strip()}
    return {}


def _refuse_usable(kits: Sequence[Kit]) -> None:
    today = clock.now().date()
    for kit in kits:
        if state_of(kit) is State.IN_STOCK and kit.shipment.expires_on >= today:
            msg = f"{kit.number} is in stock and has not expired. Quarantine it first if it may not be used."
            raise InvalidState(msg)


def _refuse_impossible(study: Study, lot: str, expires_on: datetime.date, storage: str, each: int) -> None:
    wrong = {}
    if not lot:
        wrong["lot"] = "Enter the lot number as it is printed."
    elif not re.fullmatch(r"[A-Za-z0-9._-]+", lot):
        wrong["lot"] = "Use letters, digits, points, hyphens and underscores only."
    if not storage:
        wrong["storage"] = "Enter how the kits are stored, such as 2 to 8 °C."
    if expires_on <= clock.now().date():
        wrong["expires_on"] = "This day is past. Enter the expiry printed on the kits."
    if not 1 <= each <= MOST_KITS:
        wrong["kits_per_treatment"] = f"Enter a whole number from 1 to {MOST_KITS}."
    other = KitShipment.objects.filter(study=study, lot=lot).exclude(expires_on=expires_on).first() if lot else None
    if other is not None:
        day = f"{other.expires_on.day} {other.expires_on:%b %Y}"
        wrong["expires_on"] = f"Lot {lot} is on record with expiry {day}. Check which is right."
    if wrong:
        raise InvalidInput("This shipment cannot be announced.", fields=wrong)


def _refuse_wrong_count(arrival: Arrival, announced: int, absent: set[str], damaged: set[str]) -> None:
    if both := absent & damaged:
        msg = f"{min(both)} cannot be both missing and damaged."
        raise InvalidInput(msg, fields={"damaged": msg})
    if arrival.had_excursion and not arrival.temperature.strip():
        raise InvalidInput(
            "Record the temperature.", fields={"temperature": "Enter the lowest and highest reading, and for how long."}
        )
    expected = announced - len(absent)
    if arrival.counted != expected:
        msg = (
            f"{announced} kits were announced and {len(absent)} given as missing, so {expected} should be here. "
            f"You counted {arrival.counted}: count again, or list every number that is missing."
        )
        raise InvalidInput(msg, fields={"counted": msg})
