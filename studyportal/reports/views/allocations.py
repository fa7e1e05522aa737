"""Allocations at the vault: who is randomized, and the reveal of one participant."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from sessions.allocation.emergency import reveal_treatments
from sessions.allocation.selectors import allocations_for
from studyportal import clock
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page
from studyportal.reports.vault_forms import RevealForm


@require_GET
@requires(Permission.ALLOCATION_UNBLIND)
def allocations(request: StudyRequest) -> HttpResponse:
    """Show who is randomized, without sequences, and the form that reveals one."""
    rows = allocations_for(request.user, request.study)
    return form_page(request, "reports/allocations.html", RevealForm(allocations=rows), {"allocations": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.ALLOCATION_UNBLIND)
def unblind(request: StudyRequest) -> HttpResponse:
    """Reveal one participant. The answer is the page itself: nothing opened is kept, so a reload asks again."""
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
    context = {"revealed": revealed, "number": form.cleaned_data["participant"], "now": clock.now()}
    return render(request, "reports/revealed.html", context)
