"""What the pharmacy prints: labels of kits, dispensing labels, the books. Nothing printed here names a treatment.

A kit's own label stays in the pharmacy; the dispensing label goes to the ward with the capsule (ADR 19). Labels carry
what Annex 13 of the EU guide to good manufacturing practice asks of a blinded product, under one lot and one expiry for
every treatment.
"""

import datetime
import io
from collections.abc import Sequence

import segno
from django.conf import settings

from sessions.allocation.kit_books import BookRow
from sessions.allocation.kit_ledger import BOOKED
from sessions.allocation.kit_models import DispensingLabel, Kit, KitShipment
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.documents import render_pdf
from studyportal.studies.models import Study

LABELS = "sessions/templates/allocation/kit_labels.typ"
BOOKS = "sessions/templates/allocation/kit_books.typ"
TRIAL_USE = "For clinical trial use only"


def qr_code(text: str) -> str:
    """Return a QR code as SVG: error correction M, no border, for a scanner at arm's length."""
    out = io.BytesIO()
    segno.make_qr(text, error="m").save(out, kind="svg", border=0, xmldecl=False, svgns=True)
    return out.getvalue().decode()


def kit_labels(shipment: KitShipment, kits: Sequence[Kit], *, by: User) -> bytes:
    """Return an A4 sheet of labels for a shipment's kits, three beside seven, as PDF."""
    labels = [_kit(kit, shipment) for kit in kits]
    return _labels("sheet", f"Kit labels, shipment {shipment.number}", labels, by)


def kit_label(kit: Kit, *, by: User) -> bytes:
    """Return one kit's label on a page of its own size, for a label printer."""
    return _labels("single", f"Kit label {kit.number}", [_kit(kit, kit.shipment)], by)


def dispensing_label(label: DispensingLabel, kit: Kit, *, by: User) -> bytes:
    """Return the label that goes to the ward: the label's own number, no kit's."""
    session = label.session
    at = clock.local(label.dispensed_at, session.participant.site.time_zone)
    printed = {
        **_common(label.study), "number": label.number, "qr": qr_code(label.number),
        "rows": [
            ["Participant", session.participant.number], ["Period", str(session.period.number)],
            ["Dispensed", f"{day_words(at.date())}, {at:%H:%M %Z}"], ["Lot", kit.shipment.lot],
            ["Use before end of", day_words(kit.shipment.expires_on)], ["Storage", kit.shipment.storage],
        ],
        "note": "To be given to this participant only, as the protocol says",
    }  # fmt: skip
    return _labels("single", f"Dispensing label {label.number}", [printed], by)


def books_print(study: Study, rows: Sequence[BookRow], *, by: User) -> bytes:
    """Return the books of the viewer's sites as PDF: what was received and where it is, lot by lot."""
    data = {
        "title": "Reconciliation of kits", "study": study.name, "printed": printed_by(by),
        "synthetic": study.is_synthetic,
        "headings": ["Received", *(state.words for state in BOOKED), "Difference"],
        "lots": [
            {
                "name": f"{row.site}, lot {row.lot}, expires {day_words(row.expires_on)}",
                "announced": (
                    f"Announced {row.books.announced}; on the way {row.books.on_the_way}; "
                    f"never arrived {row.books.never_arrived}."
                ),
                "numbers": [
                    str(row.books.received), *(str(number) for _, number in row.states), str(row.books.difference),
                ],
                "count": _count_words(row),
            }
            for row in rows
        ],
    }  # fmt: skip
    return render_pdf(BOOKS, data, at=clock.now())


def printed_by(by: User) -> str:
    """Return the line that says who printed a sheet and when, in the United Kingdom's time."""
    at = clock.local(clock.now(), "Europe/London")
    return f"Printed by {by.full_name}, {day_words(at.date())}, {at:%H:%M %Z}"


def day_words(day: datetime.date) -> str:
    """Return a day as labels print it, for example 30 Nov 2027."""
    return f"{day.day} {day:%b %Y}"


def _common(study: Study) -> dict[str, object]:
    return {
        "study": study.code, "use": TRIAL_USE, "contact": settings.PORTAL_SPONSOR_CONTACT,
        "synthetic": study.is_synthetic,
    }  # fmt: skip


def _kit(kit: Kit, shipment: KitShipment) -> dict[str, object]:
    return {
        **_common(shipment.study), "number": kit.number, "qr": qr_code(kit.number),
        "rows": [
            ["Lot", shipment.lot], ["Use before end of", day_words(shipment.expires_on)],
            ["Storage", shipment.storage], ["Site", shipment.site.code],
        ],
        "note": "Pharmacy only: stays here when its capsule is dispensed",
    }  # fmt: skip


def _labels(layout: str, title: str, labels: list[dict[str, object]], by: User) -> bytes:
    data = {"layout": layout, "title": title, "labels": labels, "printed": printed_by(by)}
    return render_pdf(LABELS, data, at=clock.now())


def _count_words(row: BookRow) -> str:
    if row.count is None:
        return "Not counted yet."
    said = f"Counted {day_words(row.count.at.date())} by {row.count.by} and {row.count.checked_by}: {row.count.counted}"
    if not row.count.differs:
        return f"{said}, as in the books."
    return f"{said}, the books said {row.count.expected}. {row.count.explanation}"
