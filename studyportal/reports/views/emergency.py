"""Emergency unblinding: who and why, a look at what it gives away, the act, and the page that shows the treatment."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from sessions.allocation.contagion import consequence_of
from sessions.allocation.emergency import (
    Revealed,
    participant_to_reveal,
    reason_codes_for,
    reveal_treatments,
    shown_again,
)
from studyportal import clock
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.documents import render_pdf
from studyportal.errors import NotFound
from studyportal.forms import carried_out, form_page
from studyportal.reports.reveal_record import RECORD, record_of
from studyportal.reports.vault_forms import RevealForm, WhoAndWhyForm

REVEALED = "revealed"
"""Where the sign-in keeps which request revealed whom; never what was revealed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A reveal of this sign-in, shown again."""

    number: str
    revealed: Revealed


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.ALLOCATION_UNBLIND)
def emergency(request: StudyRequest) -> HttpResponse:
    """Ask who and why; then show whom it is about and what else a reveal would give away, before it is made."""
    codes = reason_codes_for(request.user, request.study)
    form = WhoAndWhyForm(request.POST if request.method == "POST" else None, codes=codes)
    found = carried_out(
        form, lambda: participant_to_reveal(request.study, form.cleaned_data["participant"], by=request.user)
    )
    if found is None:
        return form_page(request, "reports/emergency.html", form)
    consequence = consequence_of(request.study, found.pk, by=request.user)
    second = RevealForm(codes=codes)
    second.initial = {**form.cleaned_data, "participant": found.number}
    context = {"participant": found, "consequence": consequence, "why": form.cleaned_data, "codes": codes}
    return form_page(request, "reports/emergency_check.html", second, context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.ALLOCATION_UNBLIND)
def unblind(request: StudyRequest) -> HttpResponse:
    """Reveal one participant; the page that shows it can be loaded again without revealing a second time."""
    if request.method != "POST":
        return redirect("emergency")
    form = RevealForm(request.POST, codes=reason_codes_for(request.user, request.study))
    kept = carried_out(form, lambda: _reveal(request, form))
    if kept is None:
        return _refused(request, form)
    request.session[REVEALED] = kept
    return redirect("unblinded")


@require_GET
@requires(Permission.ALLOCATION_UNBLIND)
def unblinded(request: StudyRequest) -> HttpResponse:
    """Show what this sign-in revealed a moment ago; to anybody else, and later, there is nothing here."""
    kept = _kept(request)
    if kept is None:
        return redirect("emergency")
    return render(request, "reports/revealed.html", {"revealed": kept.revealed, "number": kept.number})


@require_GET
@requires(Permission.ALLOCATION_UNBLIND)
def record(request: StudyRequest) -> HttpResponse:
    """Return the record of the reveal to print, with who printed it across each page; while the page is shown."""
    kept = _kept(request)
    if kept is None:
        return redirect("emergency")
    now = clock.now()
    made = render_pdf(RECORD, record_of(kept.revealed, printed_by=request.user, at=now), at=now)
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="unblinding-{kept.number}.pdf"'
    return answer


def _reveal(request: StudyRequest, form: RevealForm) -> dict[str, str]:
    said = form.cleaned_data
    participant = participant_to_reveal(request.study, said["participant"], by=request.user)
    reveal_treatments(
        study=request.study, participant_id=participant.pk, reason_code=said["reason_code"], reason=said["reason"],
        password=said["password"], code=said["code"], by=request.user,
    )  # fmt: skip
    return {
        "number": participant.number, "participant_id": str(participant.pk), "request_id": request.request_id,
    }  # fmt: skip


def _refused(request: StudyRequest, form: RevealForm) -> HttpResponse:
    """Return the page of the step that was refused, with everything as it was typed."""
    codes = reason_codes_for(request.user, request.study)
    if form.needs_first_step:
        first = WhoAndWhyForm(request.POST, codes=codes)
        for name, errors in form.errors.items():
            if name in first.fields and name not in first.errors:
                first.add_error(name, list(errors))
        return form_page(request, "reports/emergency.html", first)
    found = participant_to_reveal(request.study, form.cleaned_data["participant"], by=request.user)
    context = {
        "participant": found, "consequence": consequence_of(request.study, found.pk, by=request.user),
        "why": form.cleaned_data, "codes": codes,
    }  # fmt: skip
    return form_page(request, "reports/emergency_check.html", form, context)


def _kept(request: StudyRequest) -> Kept | None:
    """Return this sign-in's reveal while it is shown; afterwards it is forgotten with a sentence."""
    kept = request.session.get(REVEALED)
    if kept is None:
        return None
    try:
        found = shown_again(
            study=request.study, participant_id=UUID(kept["participant_id"]), request_id=kept["request_id"],
            by=request.user,
        )  # fmt: skip
    except NotFound as gone:
        del request.session[REVEALED]
        messages.info(request, gone.message)
        return None
    return Kept(kept["number"], found)
