"""The books of a site: every lot reconciled, and the counts of the shelf that confirm them."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from sessions.allocation.kit_ledger import BOOKED, Balance, Movement, State, balance
from sessions.allocation.kit_models import Kit, KitAct, KitCount, KitMovement
from sessions.allocation.kit_signing import Second, checked_signatures, latest, lock_ledger, state_of, write_act
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.errors import InvalidInput, NotFound
from studyportal.studies.models import Site, Study

COUNT = "counted"
ON_SHELF = (State.IN_STOCK, State.QUARANTINED, State.RESERVED)
HEADINGS = (
    "Site", "Lot", "Expires", "Announced", "On the way", "Never arrived", "Received",
    *(state.words for state in BOOKED), "Difference", "Last counted", "Counted", "Expected then", "Explanation",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """The latest count of a lot's shelf."""

    at: datetime.datetime
    counted: int
    expected: int
    explanation: str
    by: str
    checked_by: str

    @property
    def differs(self) -> bool:
        """Whether the shelf held another number than the books."""
        return self.counted != self.expected


@dataclass(frozen=True, slots=True)
class BookRow:
    """One lot at one site: received = in stock + dispensed + returned + destroyed + ... + missing."""

    site: Site
    lot: str
    expires_on: datetime.date
    books: Balance
    count: Count | None

    @property
    def states(self) -> list[tuple[State, int]]:
        """Where those that were received are now."""
        return [(state, self.books.kits_in(state)) for state in BOOKED]

    @property
    def on_shelf(self) -> int:
        """How many must lie in the pharmacy for use: in stock, in quarantine or picked."""
        return sum(self.books.kits_in(state) for state in ON_SHELF)


def books_for(viewer: User, study: Study) -> list[BookRow]:
    """Return the books of the viewer's sites, lot by lot.

    Raises:
        NotPermitted: the viewer may not reconcile.
    """
    check(viewer, Permission.KIT_RECONCILE, study)
    sites = sites_with(viewer, Permission.KIT_RECONCILE, study)
    places: dict[tuple[UUID, str], tuple[Site, datetime.date]] = {}
    histories: dict[tuple[UUID, str], dict[UUID, list[Movement]]] = {}
    lines = KitMovement.objects.filter(kit__study=study, kit__shipment__site__in=sites).order_by("kit", "seq")
    for line in lines.select_related("kit__shipment__site"):
        sent = line.kit.shipment
        key = (sent.site_id, sent.lot)
        places[key] = (sent.site, sent.expires_on)
        histories.setdefault(key, {}).setdefault(line.kit_id, []).append(Movement(line.kind))
    counts = _latest_counts(study)
    rows = [
        BookRow(places[key][0], key[1], places[key][1], balance(kits.values()), counts.get(key))
        for key, kits in histories.items()
    ]
    return sorted(rows, key=lambda row: (row.site.code, row.expires_on, row.lot))


@transaction.atomic
def record_count(
    *, study: Study, site_id: UUID, lot: str, counted: int, explanation: str, password: str, second: Second, by: User
) -> KitAct:
    """Record what two people counted on the shelf; a difference from the books is explained in words.

    Raises:
        NotPermitted: the person may not reconcile at this site.
        NotFound: no such lot at this site.
        InvalidInput: a difference without explanation, or a signature is wrong.
    """
    site = Site.objects.filter(study=study, pk=site_id).first()
    if site is None:
        raise NotFound("There is no such site.")
    check(by, Permission.KIT_RECONCILE, study, site)
    kits = Kit.objects.filter(shipment__site=site, shipment__lot=lot)
    if not kits.exists():
        raise NotFound("There is no such lot at this site.")
    lock_ledger(study)
    expected = sum(state_of(kit) in ON_SHELF for kit in latest(kits))
    if counted != expected and not explanation.strip():
        msg = f"The books say {expected}, you counted {counted}. Explain the difference, or count again."
        raise InvalidInput(msg, fields={"explanation": msg})
    checked_by = checked_signatures(study=study, site=site, by=by, password=password, second=second, needs_two=True)
    details = {"site": site.code, "lot": lot, "counted": counted, "expected": expected}
    act = write_act(study=study, kind=COUNT, by=by, checked_by=checked_by, reason=explanation, details=details)
    KitCount.objects.create(site=site, lot=lot, act=act, expected=expected, counted=counted)
    return act


def as_table(rows: list[BookRow]) -> list[list[str]]:
    """Return the books as the lines of a table below `HEADINGS`, for CSV and print."""
    return [
        [
            str(row.site), row.lot, row.expires_on.isoformat(), str(row.books.announced), str(row.books.on_the_way),
            str(row.books.never_arrived), str(row.books.received), *(str(number) for _, number in row.states),
            str(row.books.difference), *_count_cells(row.count),
        ]
        for row in rows
    ]  # fmt: skip


def _count_cells(count: Count | None) -> list[str]:
    if count is None:
        return ["", "", "", ""]
    return [count.at.date().isoformat(), str(count.counted), str(count.expected), count.explanation]


def _latest_counts(study: Study) -> dict[tuple[UUID, str], Count]:
    found = KitCount.objects.filter(act__study=study).select_related("act__by", "act__checked_by").order_by("act__at")
    return {
        (one.site_id, one.lot): Count(
            one.act.at, one.counted, one.expected, one.act.reason, one.act.by.full_name,
            one.act.checked_by.full_name if one.act.checked_by else "",
        )
        for one in found
    }  # fmt: skip
