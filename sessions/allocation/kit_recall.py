"""Recall of a lot: all its kits leave stock at once, everywhere, and everybody who must know is told."""

from dataclasses import dataclass
from functools import partial

from django.db import transaction

from sessions.allocation.kit_ledger import Movement, State, may_follow
from sessions.allocation.kit_models import Kit, KitAct, KitMovement, KitShipment
from sessions.allocation.kit_notices import tell_investigators, tell_of_recall
from sessions.allocation.kit_signing import Second, checked_signatures, latest, lock_ledger, move, state_of, write_act
from sessions.models import StudySession
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.errors import InvalidInput, InvalidState, NotFound
from studyportal.studies.models import Site, Study


@dataclass(frozen=True, slots=True)
class Affected:
    """Somebody for whom a kit of the lot was dispensed."""

    participant: str
    period: int
    site: Site
    kit: str
    state: State


@transaction.atomic
def recall_lot(*, study: Study, lot: str, reason: str, password: str, second: Second, by: User) -> KitAct:
    """Recall a lot: what is on its way, in stock, in quarantine or picked leaves use, and so does what was dispensed
    for a session that has not begun; such a session can be served again from another lot.

    Raises:
        NotPermitted: the person may not ship kits, so may not recall them.
        NotFound: no such lot.
        InvalidInput: the reason or a signature is missing.
        InvalidState: nothing of the lot can be recalled any more.
    """
    check(by, Permission.KIT_SHIP, study)
    shipments = KitShipment.objects.filter(study=study, lot=lot.strip()).select_related("site")
    if not shipments:
        raise NotFound("There is no such lot in this study.")
    if not reason.strip():
        raise InvalidInput("Give the reason.", fields={"reason": "Say why the lot is recalled."})
    checked_by = checked_signatures(study=study, site=None, by=by, password=password, second=second, needs_two=True)
    lock_ledger(study)
    begun = set(
        KitMovement.objects.filter(kit__shipment__in=shipments, kind=Movement.DISPENSED)
        .exclude(session__status=StudySession.Status.PLANNED)
        .values_list("kit", flat=True)
    )
    kits = [
        kit
        for kit in latest(Kit.objects.filter(shipment__in=shipments).order_by("number"))
        if may_follow(Movement.RECALLED, state_of(kit)) and kit.pk not in begun
    ]
    if not kits:
        raise InvalidState("Nothing of this lot is left to recall: it was dispensed, destroyed or recalled before.")
    act = write_act(
        study=study, kind=Movement.RECALLED, by=by, checked_by=checked_by, reason=reason,
        details={"lot": lot.strip(), "kits": [kit.number for kit in kits]},
    )  # fmt: skip
    move(act, kits, Movement.RECALLED)
    transaction.on_commit(partial(_tell, study, lot.strip(), reason.strip(), by))
    return act


def affected_by(viewer: User, study: Study, lot: str) -> list[Affected]:
    """Return for whom kits of a lot were dispensed at the viewer's sites, by participant; no treatment.

    Raises:
        NotPermitted: the viewer may not see kits.
    """
    check(viewer, Permission.KIT_VIEW, study)
    sites = sites_with(viewer, Permission.KIT_VIEW, study)
    given = KitMovement.objects.filter(
        kit__study=study, kit__shipment__lot=lot, kind=Movement.DISPENSED, kit__shipment__site__in=sites
    ).select_related("session__participant__site", "session__period")
    states = {kit.pk: state_of(kit) for kit in latest(Kit.objects.filter(pk__in=given.values("kit")))}
    numbers = dict(Kit.objects.filter(pk__in=given.values("kit")).values_list("pk", "number"))
    return [
        Affected(
            line.session.participant.number, line.session.period.number, line.session.participant.site,
            numbers[line.kit_id], states[line.kit_id],
        )
        for line in given.order_by("session__participant__number", "session__period__number")
        if line.session is not None
    ]  # fmt: skip


def _tell(study: Study, lot: str, reason: str, by: User) -> None:
    shipped = KitShipment.objects.filter(study=study, lot=lot)
    sites = list(Site.objects.filter(pk__in=shipped.values("site")).select_related("study").order_by("code"))
    tell_of_recall(study=study, lot=lot, reason=reason, sites=sites)
    affected = affected_by(by, study, lot)
    for site in sites:
        people = [f"{one.participant}, period {one.period}" for one in affected if one.site == site]
        if people:
            tell_investigators(site=site, lot=lot, reason=reason, people=people)
