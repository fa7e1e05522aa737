"""Emergency sheets (randomization.md, R10): numbers of strata that nobody is allocated from online, printed for a site.

A list holds, beside each stratum, one of the same name after `paper|`. They are drawn, committed, approved, revealed
and verified with the list, and `alloc.allocate()` never asks for them: a number on paper meets no number given online,
whatever the order of events. What a sheet was used for is written down afterwards by `alloc.reconcile()`.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Max

from sessions.allocation.models import ListSlot, RandomizationList
from sessions.allocation.paper_models import EmergencyLine, EmergencySheet
from sessions.allocation.policies import PAPER
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.audit import events
from studyportal.documents import render_pdf
from studyportal.errors import InvalidInput, InvalidState, NotFound
from studyportal.studies.models import Site, Study

TEMPLATE = "sessions/templates/allocation/emergency_sheet.typ"
MOST_LINES = 12
LACKING = (
    "No approved list holds enough emergency numbers for this site. Make and approve a list, or ask for fewer; nothing "
    "was printed."
)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A sheet as its page lists it: where, when, by whom, how many numbers; not what became of them."""

    pk: UUID
    serial: int
    site: str
    zone: str
    printed_by: str
    printed_at: datetime.datetime
    lines: int


def sheets_for(viewer: User, study: Study) -> list[SheetRow]:
    """Sheets of the viewer's sites, the newest first.

    Raises:
        NotPermitted: the viewer's role does not include emergency sheets.
    """
    check(viewer, Permission.SHEET_PRINT, study)
    found = EmergencySheet.objects.filter(study=study, site__in=sites_with(viewer, Permission.SHEET_PRINT, study))
    return [
        SheetRow(
            one.pk, one.serial, str(one.site), one.site.time_zone, str(one.printed_by), one.printed_at,
            one.count,
        )
        for one in found.select_related("site", "printed_by").annotate(count=Count("lines")).order_by("-serial")
    ]  # fmt: skip


def sites_for(viewer: User, study: Study) -> list[Site]:
    """Return the sites that the viewer may print sheets for."""
    return list(sites_with(viewer, Permission.SHEET_PRINT, study).filter(is_active=True).order_by("code"))


@transaction.atomic
def make_sheet(*, study: Study, site: Site, per_stratum: int, by: User) -> EmergencySheet:
    """Take the next emergency numbers of each stratum of a site for a new sheet.

    Raises:
        NotPermitted: the role does not include emergency sheets at this site.
        InvalidInput: the number of lines is not between 1 and `MOST_LINES`.
        InvalidState: the lists hold too few emergency numbers.
    """
    check(by, Permission.SHEET_PRINT, study, site)
    if not 1 <= per_stratum <= MOST_LINES:
        said = f"Enter a whole number from 1 to {MOST_LINES}."
        raise InvalidInput(said, fields={"per_stratum": said})
    # One print at a time, so that a slot stands on one sheet and serials have no gap.
    Study.objects.select_for_update().get(pk=study.pk)
    slots = [slot for own in _free(study, site).values() for slot in own[:per_stratum]]
    if not slots or any(len(own) < per_stratum for own in _free(study, site).values()):
        raise InvalidState(LACKING)
    last = EmergencySheet.objects.filter(study=study).aggregate(last=Max("serial"))["last"] or 0
    sheet = EmergencySheet.objects.create(
        study=study, site=site, serial=last + 1, printed_by=by, printed_at=clock.now()
    )
    EmergencyLine.objects.bulk_create(EmergencyLine(sheet=sheet, slot=slot) for slot in slots)
    events.record("emergency sheet made", study=study.code, target=f"sheet {sheet.serial}")
    return sheet


def _free(study: Study, site: Site) -> Mapping[str, list[ListSlot]]:
    """Return the slots of the active lists that stand on no sheet and are not used, by stratum, in order."""
    found = ListSlot.objects.filter(
        stratum__list__study=study, stratum__list__state=RandomizationList.State.ACTIVE,
        stratum__key__in=paper_keys(study, site), emergency_line__isnull=True, allocation__isnull=True,
    ).select_related("stratum")  # fmt: skip
    free: dict[str, list[ListSlot]] = {key: [] for key in paper_keys(study, site)}
    for slot in found.order_by("stratum__list__generated_at", "ordinal"):
        free[slot.stratum.key].append(slot)
    return free


def paper_keys(study: Study, site: Site) -> list[str]:
    """Return the keys of the strata that a site's sheet is printed from, in order."""
    values = {"site": (site.code,), "sex": ("F", "M")}
    keys = [""]
    for factor in study.strata_factors:
        keys = [f"{key}|{value}" for key in keys for value in values[factor]]
    return [f"{PAPER}{key.removeprefix('|')}" for key in keys] if study.strata_factors else [f"{PAPER}all"]


def sheet_pdf(*, study: Study, sheet_id: UUID, printed: str, by: User) -> tuple[int, bytes]:
    """Return a sheet's serial and its PDF; every print is announced in the trail.

    Raises:
        NotPermitted: the role does not include emergency sheets.
        NotFound: no such sheet at the person's sites.
    """
    check(by, Permission.SHEET_PRINT, study)
    sites = sites_with(by, Permission.SHEET_PRINT, study)
    sheet = EmergencySheet.objects.filter(study=study, site__in=sites, pk=sheet_id).select_related("site").first()
    if sheet is None:
        raise NotFound("There is no such sheet at your sites.")
    events.record_now("emergency sheet printed", study=study.code, target=f"sheet {sheet.serial}")
    lines = EmergencyLine.objects.filter(sheet=sheet).select_related("slot__stratum")
    columns: dict[str, list[str]] = {}
    for line in lines.order_by("slot__stratum__key", "slot__ordinal"):
        columns.setdefault(_in_words(study, line.slot.stratum.key), []).append(line.slot.number)
    data = {
        "study": study.name, "synthetic": study.is_synthetic, "site": str(sheet.site), "serial": str(sheet.serial),
        "made": f"{sheet.printed_at.day} {sheet.printed_at:%b %Y}", "printed": printed,
        "columns": [{"title": title, "numbers": numbers} for title, numbers in columns.items()],
    }  # fmt: skip
    return sheet.serial, render_pdf(TEMPLATE, data, at=sheet.printed_at)


def _in_words(study: Study, key: str) -> str:
    words = {"F": "Female", "M": "Male"}
    values = zip(study.strata_factors, key.removeprefix(PAPER).split("|"), strict=False)
    said = [words[value] for factor, value in values if factor == "sex"]
    return ", ".join(said) or "All participants"


def reconcile(
    *, participant_id: UUID, study_id: UUID, site_id: UUID, stratum: str, number: str, request_id: UUID, confirmed: bool
) -> str:
    """Write down a number that a site gave on paper; return what the database function says of it.

    Runs as the blinded login. `done` and `same` are written; `other_column`, `out_of_order` and `both` wait for
    `confirmed`; `not_on_sheet`, `used`, `allocated` and `not_screening` are refusals.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT alloc.reconcile(%s, %s, %s, %s, %s, %s, %s)",
            [participant_id, study_id, site_id, stratum, number, request_id, confirmed],
        )
        (said,) = cursor.fetchone()
    return str(said)
