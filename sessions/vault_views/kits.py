"""Kits at the vault: the start page of the pharmacy, one kit with its way, and what is done to it by hand."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sessions.allocation import kit_contents, kit_prints, kit_selectors, kits
from sessions.allocation.kit_ledger import Movement, State
from sessions.allocation.kit_readiness import due_back, waiting_for
from sessions.vault_views.kit_forms import ContentForm, FindForm, move_form, moved
from sessions.vault_views.kit_page import kit_page
from sessions.views.downloads import attachment
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.step_up import steps_up
from studyportal.forms import carried_out, form_page

LATEST = 6
DONE = {
    Movement.QUARANTINED: "is in quarantine.",
    Movement.RELEASED: "is released into stock.",
    Movement.RETURNED: "is back; the return is counted.",
    Movement.BROKEN: "is on record as broken. If it was dispensed, pick another for the session.",
    Movement.LOST: "is on record as missing.",
    Movement.FOUND: "is back, in quarantine.",
    Movement.DESTROYED: "is destroyed.",
}


@require_GET
@requires(Permission.KIT_VIEW)
def overview(request: StudyRequest) -> HttpResponse:
    """Show what waits, what warns, and the stock as totals; with a number, lead to that kit."""
    form = FindForm(request.GET if "number" in request.GET else None, name="find")
    number = carried_out(form, lambda: kit_selectors.find_kit(request.user, request.study, form.cleaned_data["number"]))
    if number is not None:
        return redirect("kit", number=number)
    return form_page(request, "allocation/kits.html", form, _overview(request))


@require_GET
@requires(Permission.KIT_VIEW)
def one_kit(request: StudyRequest, number: str) -> HttpResponse:
    """Show a kit: where it is and how it came there."""
    return kit_page(request, number)


@require_POST
@requires(Permission.KIT_VIEW)
def move(request: StudyRequest, number: str, name: str) -> HttpResponse:
    """Do one act on one kit; the service checks the permission that the act needs."""
    movement = next((one for one in kits.RULES if one.value == name), None)
    if movement is None:
        raise Http404
    form = move_form(movement, request.POST)
    act = carried_out(
        form,
        lambda: kits.move_kits(study=request.study, numbers=[number], by=request.user, **moved(movement, form)),
    )
    if act is None:
        return kit_page(request, number, refused={movement: form})
    messages.success(request, f"{number} {DONE[movement]}")
    return redirect("kit", number=number)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.KIT_CONTENT_VIEW)
@steps_up
def content(request: StudyRequest, number: str) -> HttpResponse:
    """Show what a kit holds to those who may know it, with their password; the trail says so first."""
    if request.method != "POST":
        return redirect("kit", number=number)
    form = ContentForm(request.POST, name="content")
    shown = carried_out(
        form,
        lambda: kit_contents.show_content(
            study=request.study, number=number, password=form.cleaned_data["password"], by=request.user
        ),
    )
    return kit_page(request, number, content_form=form, content=shown or "")


@require_GET
@requires(Permission.KIT_VIEW)
def label(request: StudyRequest, number: str) -> HttpResponse:
    """Print one kit's label."""
    kit, _, _ = kit_selectors.kit_for(request.user, request.study, number)
    return attachment(kit_prints.kit_label(kit, by=request.user), f"{kit.number}_label.pdf", "application/pdf")


def _overview(request: StudyRequest) -> dict[str, object]:
    viewer, study, may = request.user, request.study, request.permissions
    rows = kit_selectors.stock_for(viewer, study)
    dispenses = Permission.KIT_DISPENSE in may
    return {
        "rows": rows,
        "coming": [one for one in kit_selectors.shipments_for(viewer, study) if _is_coming(one.lot, one.site_id, rows)],
        "low": kit_selectors.low_sites(viewer, study, rows),
        "expired": kit_selectors.due_for_destruction(rows),
        "soon": [row for row in rows if row.expires_soon and row.in_stock],
        "dispenses": dispenses,
        "waiting": waiting_for(viewer, study) if dispenses else [],
        "due_back": due_back(viewer, study) if dispenses else [],
        "labels": kit_selectors.labels_for(viewer, study, limit=LATEST) if dispenses else [],
        "can_ship": Permission.KIT_SHIP in may,
        "can_receive": Permission.KIT_RECEIVE in may,
        "can_reconcile": Permission.KIT_RECONCILE in may,
        "can_see_supply": Permission.KIT_SUPPLY_VIEW in may,
    }


def _is_coming(lot: str, site_id: object, rows: list[kit_selectors.StockRow]) -> bool:
    return any(row.lot == lot and row.site.pk == site_id and row.counts[State.IN_TRANSIT] for row in rows)
