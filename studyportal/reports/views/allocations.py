"""Allocations at the vault: who is randomized, and the reveal of one participant."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from sessions.allocation.emergency import reveal_treatments, shown_again
from sessions.allocation.selectors import allocations_for
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.step_up import steps_up
from studyportal.errors import NotFound
from studyportal.forms import carried_out, form_page
from studyportal.reports.vault_forms import RevealForm

REVEALED = "revealed"
"""Where the sign-in keeps which request revealed whom; never what was revealed."""


@require_GET
@requires(Permission.ALLOCATION_UNBLIND)
def allocations(request: StudyRequest) -> HttpResponse:
    """Show who is randomized, without sequences, and the form that reveals one."""
    rows = allocations_for(request.user, request.study)
    return form_page(request, "reports/allocations.html", RevealForm(allocations=rows), {"allocations": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.ALLOCATION_UNBLIND)
@steps_up
def unblind(request: StudyRequest) -> HttpResponse:
    """Reveal one participant; the page that shows it can be loaded again without revealing a second time."""
    if request.method != "POST":
        return redirect("allocations")
    rows = allocations_for(request.user, request.study)
    form = RevealForm(request.POST, allocations=rows)
    revealed = carried_out(
        form,
        lambda: reveal_treatments(
            study=request.study, participant_id=form.participant_id, reason_code=form.cleaned_data["reason_code"],
            reason=form.cleaned_data["reason"], password=form.cleaned_data["password"], by=request.user,
        ),
    )  # fmt: skip
    if revealed is None:
        return form_page(request, "reports/allocations.html", form, {"allocations": rows})
    request.session[REVEALED] = {
        "number": form.cleaned_data["participant"], "participant_id": str(revealed),
        "request_id": request.request_id,
    }  # fmt: skip
    return redirect("unblinded")


@require_GET
@requires(Permission.ALLOCATION_UNBLIND)
@steps_up
def unblinded(request: StudyRequest) -> HttpResponse:
    """Show what this sign-in revealed a moment ago; to anybody else, and later, there is nothing here."""
    kept = request.session.get(REVEALED)
    if kept is None:
        return redirect("allocations")
    try:
        revealed = shown_again(
            study=request.study, participant_id=UUID(kept["participant_id"]), request_id=kept["request_id"],
            by=request.user,
        )  # fmt: skip
    except NotFound as gone:
        del request.session[REVEALED]
        messages.info(request, gone.message)
        return redirect("allocations")
    return render(request, "reports/revealed.html", {"revealed": revealed, "number": kept["number"]})
