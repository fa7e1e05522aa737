"""Shipments at the vault: announced by the depot, received by the pharmacy, their labels; recall and destruction."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sessions.allocation import kit_prints, kit_recall, kit_selectors, kits
from sessions.allocation.kit_ledger import Movement, State
from sessions.allocation.kit_numbers import numbers_in
from sessions.vault_views.kit_forms import DestroyForm, RecallForm, ReceiveForm, ShipmentForm
from sessions.views.downloads import attachment
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import sites_with
from studyportal.forms import carried_out, form_page


@require_GET
@requires(Permission.KIT_VIEW)
def shipments(request: StudyRequest) -> HttpResponse:
    """Show every shipment to the viewer's sites."""
    context = {
        "shipments": kit_selectors.shipments_for(request.user, request.study),
        "can_ship": Permission.KIT_SHIP in request.permissions,
    }
    return render(request, "allocation/kit_shipments.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.KIT_SHIP)
def new_shipment(request: StudyRequest) -> HttpResponse:
    """Announce a shipment: its kits are drawn and sealed at once."""
    sites = list(sites_with(request.user, Permission.KIT_SHIP, request.study).order_by("code"))
    form = ShipmentForm(request.POST or None, sites=sites, name="shipment")
    made = carried_out(
        form, lambda: kits.announce_shipment(study=request.study, by=request.user, **form.values)
    )  # fmt: skip
    if made is None:
        return form_page(request, "allocation/kit_shipment_new.html", form)
    messages.success(request, f"Shipment {made.number} is announced. Print its labels and send the kits.")
    return redirect("kit-shipment", pk=made.pk)


@require_GET
@requires(Permission.KIT_VIEW)
def one_shipment(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Show a shipment, its kits, and the form that receives it."""
    return _shipment_page(request, pk, ReceiveForm(name="receive"))


@require_POST
@requires(Permission.KIT_RECEIVE)
def receive(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Take a shipment in."""
    form = ReceiveForm(request.POST, name="receive")
    act = carried_out(
        form,
        lambda: kits.receive(
            study=request.study, shipment_id=pk, arrival=form.arrival, password=form.cleaned_data["password"],
            by=request.user,
        ),
    )  # fmt: skip
    if act is None:
        return _shipment_page(request, pk, form)
    messages.success(request, "The shipment is received.")
    return redirect("kit-shipment", pk=pk)


@require_GET
@requires(Permission.KIT_SHIP)
def labels(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Print the labels of a shipment's kits."""
    shipment, own = kit_selectors.shipment_for(request.user, request.study, pk)
    made = kit_prints.kit_labels(shipment, [kit for kit, _ in own], by=request.user)
    return attachment(made, f"{shipment.number}_labels.pdf", "application/pdf")


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.KIT_SHIP)
def recall(request: StudyRequest) -> HttpResponse:
    """Recall a lot, with two signatures."""
    lots = kit_selectors.lots_of(request.user, request.study)
    form = RecallForm(request.POST or None, lots=lots, name="recall")
    act = carried_out(
        form,
        lambda: kit_recall.recall_lot(
            study=request.study, lot=form.cleaned_data["lot"], reason=form.cleaned_data["reason"], by=request.user,
            **form.signatures,
        ),
    )  # fmt: skip
    if act is None:
        return form_page(request, "allocation/kit_recall.html", form)
    messages.success(request, f"Lot {form.cleaned_data['lot']} is recalled. Pharmacies and investigators are told.")
    return redirect("kit-lot", lot=form.cleaned_data["lot"])


@require_GET
@requires(Permission.KIT_VIEW)
def lot(request: StudyRequest, lot: str) -> HttpResponse:
    """Show who received a kit of a lot."""
    context = {
        "lot": lot,
        "rows": [row for row in kit_selectors.stock_for(request.user, request.study) if row.lot == lot],
        "affected": kit_recall.affected_by(request.user, request.study, lot),
    }
    return render(request, "allocation/kit_lot.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.KIT_RECEIVE)
def destroy(request: StudyRequest) -> HttpResponse:
    """Record the destruction of several kits under one certificate, with two signatures."""
    form = DestroyForm(request.POST or None, name="destroy")
    act = carried_out(
        form,
        lambda: kits.move_kits(
            study=request.study, numbers=numbers_in(form.cleaned_data["numbers"]), movement=Movement.DESTROYED,
            certificate=form.cleaned_data["certificate"], by=request.user, **form.signatures,
        ),
    )  # fmt: skip
    if act is None:
        return form_page(request, "allocation/kit_destroy.html", form)
    messages.success(request, f"Certificate {form.cleaned_data['certificate']} is on record.")
    return redirect("kits")


def _shipment_page(request: StudyRequest, pk: UUID, form: ReceiveForm) -> HttpResponse:
    shipment, own = kit_selectors.shipment_for(request.user, request.study, pk)
    coming = any(state is State.IN_TRANSIT for _, state in own)
    context = {
        "shipment": shipment, "kits": own, "is_coming": coming,
        "can_receive": coming and Permission.KIT_RECEIVE in request.permissions,
        "can_print": Permission.KIT_SHIP in request.permissions,
    }  # fmt: skip
    return form_page(request, "allocation/kit_shipment.html", form, context)
