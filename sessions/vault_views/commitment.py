"""Commitments at the unblinded door: the sheet of roots, and the full reveal after the lock."""

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from sessions.allocation import full_reveal, publication
from sessions.allocation.sheets import commitment_sheet, printed_by
from sessions.vault_views.forms import AnnounceForm, PasswordForm
from sessions.views.downloads import attachment
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.step_up import steps_up
from studyportal.forms import carried_out, form_page


@require_GET
@requires(Permission.LIST_VIEW)
def sheet(request: StudyRequest) -> HttpResponse:
    """Return the published roots as a PDF."""
    made = commitment_sheet(
        request.study, publication.published_for(request.user, request.study), door="Treatment visible",
        printed=printed_by(request.user.full_name),
    )  # fmt: skip
    return attachment(made, f"{request.study.code}-commitment.pdf", "application/pdf")


@require_GET
@requires(Permission.LIST_REVEAL)
def reveal(request: StudyRequest) -> HttpResponse:
    """Show how far the full reveal is, and its next step."""
    return _reveal_page(request)


@require_POST
@requires(Permission.LIST_REVEAL)
@steps_up
def announce(request: StudyRequest) -> HttpResponse:
    """Announce the full reveal."""
    form = AnnounceForm(request.POST, auto_id="announce_%s")
    step = carried_out(form, lambda: full_reveal.announce(study=request.study, by=request.user, **form.cleaned_data))
    if step is None:
        return _reveal_page(request, announce_form=form)
    messages.success(request, "The full reveal is announced. A second person confirms it.")
    return redirect("full-reveal")


@require_POST
@requires(Permission.LIST_REVEAL)
@steps_up
def confirm(request: StudyRequest) -> HttpResponse:
    """Confirm the full reveal, as a second person."""
    form = PasswordForm(request.POST, auto_id="confirm_%s")
    step = carried_out(form, lambda: full_reveal.confirm(study=request.study, by=request.user, **form.cleaned_data))
    if step is None:
        return _reveal_page(request, confirm_form=form)
    messages.success(request, "The full reveal is confirmed. The bundle can be downloaded now.")
    return redirect("full-reveal")


@require_POST
@requires(Permission.LIST_REVEAL)
@steps_up
def publish_reveal(request: StudyRequest) -> HttpResponse:
    """Publish the bundle at the blinded door."""
    form = PasswordForm(request.POST, auto_id="publish_%s")
    row = carried_out(
        form, lambda: full_reveal.publish_reveal(study=request.study, by=request.user, **form.cleaned_data)
    )
    if row is None:
        return _reveal_page(request, publish_form=form)
    messages.success(request, "The bundle is published at the blinded door.")
    return redirect("full-reveal")


@require_GET
@requires(Permission.LIST_REVEAL)
@steps_up
def bundle(request: StudyRequest) -> HttpResponse:
    """Return the bundle of a revealed study."""
    document = full_reveal.study_document(study=request.study, by=request.user)
    return attachment(document, f"{request.study.code}-study-bundle.json", "application/json")


def _reveal_page(request: StudyRequest, **typed: Form) -> HttpResponse:
    context = {
        "state": full_reveal.reveal_state(request.user, request.study),
        "announce_form": AnnounceForm(auto_id="announce_%s"),
        "confirm_form": PasswordForm(auto_id="confirm_%s"),
        "publish_form": PasswordForm(auto_id="publish_%s"),
    } | typed
    return form_page(request, "allocation/full_reveal.html", next(iter(typed.values()), PasswordForm()), context)
