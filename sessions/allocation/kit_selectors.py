"""Reads about kits for people at the unblinded door: totals by site and lot, shipments, one kit's way; no content.

Stock is shown as totals over all treatments only. What each treatment has left stands in `kit_supply`, for those who
ship; a pharmacist who knew it could tell from two counts what was dispensed in between.
"""

import datetime
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, QuerySet

from sessions.allocation.kit_ledger import Movement, State
from sessions.allocation.kit_models import DispensingLabel, Kit, KitMovement, KitShipment
from sessions.allocation.kit_numbers import NO_SUCH_KIT, written
from sessions.allocation.kit_readiness import OPEN, waiting_for
from sessions.allocation.kit_signing import latest, state_of
from sessions.models import StudySession, Treatment
from sessions.randomization import is_kit_number
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, check, sites_with
from studyportal.errors import InvalidInput, NotFound
from studyportal.studies.models import Site, Study

EXPIRES_SOON = datetime.timedelta(days=60)
AHEAD = datetime.timedelta(days=28)
"""How far ahead planned sessions count when a site's stock is called low."""


@dataclass(frozen=True, slots=True)
class StockRow:
    """One lot at one site: how many kits are where, over all treatments."""

    site: Site
    lot: str
    expires_on: datetime.date
    storage: str
    counts: Counter[State]

    @property
    def in_stock(self) -> int:
        """How many lie in stock, expired or not."""
        return self.counts[State.IN_STOCK]

    @property
    def held(self) -> int:
        """How many wait in quarantine."""
        return self.counts[State.QUARANTINED]

    @property
    def on_the_way(self) -> int:
        """How many have not been received."""
        return self.counts[State.IN_TRANSIT]

    @property
    def given(self) -> int:
        """How many were dispensed, whether they came back or not."""
        return self.counts[State.DISPENSED] + self.counts[State.RETURNED]

    @property
    def out_of_use(self) -> int:
        """How many wait for their destruction or are missing."""
        return self.counts[State.RECALLED] + self.counts[State.BROKEN] + self.counts[State.MISSING]

    @property
    def has_expired(self) -> bool:
        """Whether the lot may no longer be dispensed."""
        return self.expires_on < clock.now().date()

    @property
    def expires_soon(self) -> bool:
        """Whether the lot expires within two months."""
        return not self.has_expired and self.expires_on <= clock.now().date() + EXPIRES_SOON


@dataclass(frozen=True, slots=True)
class AtHome:
    """What the door's start page says of kits; `waiting` is None for somebody who dispenses none."""

    waiting: int | None
    on_the_way: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a kit's way, as its page shows it."""

    movement: Movement
    at: datetime.datetime
    by: str
    checked_by: str
    reason: str
    certificate: str
    units: int | None
    participant: str
    period: int | None


def stock_for(viewer: User, study: Study) -> list[StockRow]:
    """Return the stock of the viewer's sites by lot, the earliest expiry first.

    Raises:
        NotPermitted: the viewer may not see kits.
    """
    check(viewer, Permission.KIT_VIEW, study)
    sites = sites_with(viewer, Permission.KIT_VIEW, study)
    rows: dict[tuple[UUID, str], StockRow] = {}
    kits = latest(Kit.objects.filter(study=study, shipment__site__in=sites).select_related("shipment__site"))
    for kit in kits.order_by("shipment__site__code", "shipment__expires_on", "shipment__lot"):
        sent = kit.shipment
        row = rows.setdefault(
            (sent.site_id, sent.lot), StockRow(sent.site, sent.lot, sent.expires_on, sent.storage, Counter())
        )
        row.counts[state_of(kit)] += 1
    return list(rows.values())


def due_for_destruction(rows: Iterable[StockRow]) -> list[StockRow]:
    """Return the lots of `stock_for` that have expired and still lie on a shelf."""
    return [row for row in rows if row.has_expired and row.in_stock + row.held]


def low_sites(viewer: User, study: Study, rows: Iterable[StockRow]) -> list[tuple[Site, int, int]]:
    """Return sites whose total does not cover the sessions of the next four weeks: site, kits, sessions.

    Counted over all treatments: for each session one kit of every treatment, since it is not known here which is due.
    """
    usable: Counter[UUID] = Counter()
    for row in rows:
        if not row.has_expired:
            usable[row.site.pk] += row.in_stock
    treatments = Treatment.objects.filter(study=study).count()
    planned = (
        StudySession.objects.filter(
            participant__study=study, planned_at__lte=clock.now() + AHEAD, status__in=OPEN,
        )
        .exclude(pk__in=DispensingLabel.objects.filter(study=study).values("session"))
        .values_list("participant__site")
        .annotate(Count("pk"))
    )  # fmt: skip
    needed = dict(planned)
    return [
        (site, usable[site.pk], needed[site.pk])
        for site in sites_with(viewer, Permission.KIT_VIEW, study).order_by("code")
        if needed.get(site.pk, 0) * treatments > usable[site.pk]
    ]


def kits_at_home(viewer: User, study: Study) -> AtHome | None:
    """Return what the door's start page says of kits; None for somebody who may not see them."""
    if not can(viewer, Permission.KIT_VIEW, study):
        return None
    rows = stock_for(viewer, study)
    low, expired = low_sites(viewer, study, rows), due_for_destruction(rows)
    warnings = [f"{site}: {kits} kits for {sessions} planned sessions." for site, kits, sessions in low]
    warnings += [f"{row.site}: lot {row.lot} has expired and is due for destruction." for row in expired]
    dispenses = can(viewer, Permission.KIT_DISPENSE, study)
    return AtHome(
        waiting=len(waiting_for(viewer, study)) if dispenses else None,
        on_the_way=sum(row.on_the_way for row in rows), warnings=tuple(warnings),
    )  # fmt: skip


def shipments_for(viewer: User, study: Study) -> QuerySet[KitShipment]:
    """Return the shipments to the viewer's sites with how many kits each holds, the latest first.

    Raises:
        NotPermitted: the viewer may not see kits.
    """
    check(viewer, Permission.KIT_VIEW, study)
    sites = sites_with(viewer, Permission.KIT_VIEW, study)
    return (
        KitShipment.objects.filter(study=study, site__in=sites)
        .select_related("site", "study")
        .annotate(size=Count("kits"))
        .order_by("-announced_at", "-number")
    )


def shipment_for(viewer: User, study: Study, pk: UUID) -> tuple[KitShipment, list[tuple[Kit, State]]]:
    """Return a shipment with its kits and where each is.

    Raises:
        NotPermitted: the viewer may not see kits.
        NotFound: no such shipment to a site of the viewer.
    """
    found = shipments_for(viewer, study).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such shipment to your sites.")
    return found, [(kit, state_of(kit)) for kit in latest(found.kits.order_by("number"))]


def kit_for(viewer: User, study: Study, number: str) -> tuple[Kit, State, list[Line]]:
    """Return a kit of the viewer's sites, where it is, and its way there, the latest first.

    Raises:
        NotPermitted: the viewer may not see kits.
        NotFound: no such kit at the viewer's sites.
    """
    check(viewer, Permission.KIT_VIEW, study)
    sites = sites_with(viewer, Permission.KIT_VIEW, study)
    kits = Kit.objects.select_related("shipment__site", "study").filter(
        study=study, number=number, shipment__site__in=sites
    )
    kit = latest(kits).first()
    if kit is None:
        raise NotFound("There is no such kit at your sites.")
    lines = (
        KitMovement.objects.filter(kit=kit)
        .select_related("act__by", "act__checked_by", "session__participant", "session__period")
        .order_by("-seq")
    )
    return kit, state_of(kit), [_line(line) for line in lines]


def find_kit(viewer: User, study: Study, typed: str) -> str:
    """Return the number of a kit of the viewer's sites from what was typed or scanned.

    Raises:
        InvalidInput: there is no such number, and why.
    """
    number = written(typed)
    if not is_kit_number(number):
        raise InvalidInput(NO_SUCH_KIT, fields={"number": NO_SUCH_KIT})
    try:
        kit_for(viewer, study, number)
    except NotFound:
        msg = f"{number} is no kit of your sites."
        raise InvalidInput(msg, fields={"number": msg}) from None
    return number


def lots_of(viewer: User, study: Study) -> list[str]:
    """Return the lots sent to the viewer's sites."""
    return sorted(set(shipments_for(viewer, study).order_by().values_list("lot", flat=True)))


def label_for(viewer: User, study: Study, pk: UUID) -> tuple[DispensingLabel, Kit]:
    """Return a dispensing label with the kit that was dispensed under it.

    Raises:
        NotPermitted: the viewer may not dispense.
        NotFound: no such label at the viewer's sites.
    """
    check(viewer, Permission.KIT_DISPENSE, study)
    sites = sites_with(viewer, Permission.KIT_DISPENSE, study)
    label = (
        DispensingLabel.objects.select_related("session__participant__site", "session__period", "study")
        .filter(study=study, pk=pk, session__participant__site__in=sites)
        .first()
    )
    if label is None:
        raise NotFound("There is no such label at your sites.")
    given = KitMovement.objects.select_related("kit__shipment").get(
        session=label.session, kind=Movement.DISPENSED, act__details__label=label.number
    )
    return label, given.kit


def labels_for(viewer: User, study: Study, *, limit: int) -> list[DispensingLabel]:
    """Return the latest labels dispensed at the viewer's sites.

    Raises:
        NotPermitted: the viewer may not dispense.
    """
    check(viewer, Permission.KIT_DISPENSE, study)
    sites = sites_with(viewer, Permission.KIT_DISPENSE, study)
    found = DispensingLabel.objects.filter(study=study, session__participant__site__in=sites)
    return list(found.select_related("session__participant__site", "session__period").order_by("-dispensed_at")[:limit])


def _line(line: KitMovement) -> Line:
    session, act = line.session, line.act
    return Line(
        movement=Movement(line.kind), at=act.at, by=act.by.full_name,
        checked_by=act.checked_by.full_name if act.checked_by else "", reason=act.reason,
        certificate=str(act.details.get("certificate", "")), units=line.units,
        participant=session.participant.number if session else "", period=session.period.number if session else None,
    )  # fmt: skip
