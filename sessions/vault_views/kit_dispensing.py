"""Dispensing at the vault: pick, fetch and scan, two signatures, label. Made for one hand and a scanner."""

from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sessions.allocation import dispensing, kit_prints
from sessions.allocation.kit_readiness import check_can_dispense, reserved_for, session_at
from sessions.allocation.kit_selectors import label_for
from sessions.models import StudySession
from sessions.vault_views.kit_forms import DispenseForm, PutBackForm, ScanForm
from sessions.views.downloads import attachment
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidState
from studyportal.forms import carried_out, form_page


@require_GET
@requires(Permission.KIT_DISPENSE)
def session(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Show where the dispensing for a session stands."""
    return _page(request, pk)


@require_POST
@requires(Permission.KIT_DISPENSE)
def pick(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Let the system pick a kit."""
    form = Form({})
    if carried_out(form, lambda: dispensing.pick(session_id=pk, by=request.user)) is None:
        return _page(request, pk, refused=form)
    return redirect("kit-dispense", pk=pk)


@require_POST
@requires(Permission.KIT_DISPENSE)
def scan(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Check the kit in the hand; the right one leads on to the signatures."""
    form = ScanForm(request.POST, name="scan")
    kit = carried_out(
        form, lambda: dispensing.check_scan(session_id=pk, scanned=form.cleaned_data["scanned"], by=request.user)
    )
    if kit is None:
        return _page(request, pk, scan_form=form)
    return _page(request, pk, sign_form=DispenseForm(name="sign", initial={"scanned": kit.number}))


@require_POST
@requires(Permission.KIT_DISPENSE)
def dispense(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Dispense with both signatures."""
    form = DispenseForm(request.POST, name="sign")
    label = carried_out(
        form,
        lambda: dispensing.dispense(
            session_id=pk, scanned=form.cleaned_data["scanned"], by=request.user, **form.signatures
        ),
    )
    if label is None:
        return _page(request, pk, sign_form=form)
    messages.success(request, "Dispensed. Print the label, put it on the capsule's container and hand it over.")
    return redirect("kit-label", pk=label.pk)


@require_POST
@requires(Permission.KIT_DISPENSE)
def put_back(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Put the picked kit back."""
    form = PutBackForm(request.POST, name="back")
    done = carried_out(
        form,
        lambda: dispensing.put_back(session_id=pk, reason=form.cleaned_data["reason"], by=request.user),
    )
    if done is None:
        return _page(request, pk, back_form=form)
    messages.success(request, "The kit is back in stock.")
    return redirect("kits")


@require_GET
@requires(Permission.KIT_DISPENSE)
def label(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Show what was dispensed, with the label to print."""
    found, kit = label_for(request.user, request.study, pk)
    return render(request, "allocation/kit_label.html", {"label": found, "kit": kit, "session": found.session})


@require_http_methods(["GET", "HEAD"])
@requires(Permission.KIT_DISPENSE)
def label_print(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Print the dispensing label."""
    found, kit = label_for(request.user, request.study, pk)
    made = kit_prints.dispensing_label(found, kit, by=request.user)
    return attachment(made, f"{found.number}_label.pdf", "application/pdf")


def _page(
    request: StudyRequest,
    pk: UUID,
    *,
    refused: Form | None = None,
    scan_form: Form | None = None,
    sign_form: Form | None = None,
    back_form: Form | None = None,
) -> HttpResponse:
    found = session_at(pk, request.user)
    shown = next((form for form in (refused, scan_form, sign_form, back_form) if form is not None), Form())
    context = {
        "session": found, "kit": reserved_for(found), "hindrance": _hindrance(found),
        "scan_form": scan_form or ScanForm(name="scan"), "sign_form": sign_form,
        "back_form": back_form or PutBackForm(name="back"), "zone": found.participant.site.time_zone,
    }  # fmt: skip
    return form_page(request, "allocation/kit_dispense.html", shown, context)


def _hindrance(found: StudySession) -> str:
    try:
        check_can_dispense(found)
    except InvalidState as refusal:
        return refusal.message
    return ""
