"""The page of one quantification: stages, fit, quality, ratios and the review."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from sessions import fits
from sessions.analysis_protocols import standing_of
from sessions.functional_results import changes_of, course_of
from sessions.imported import imports_of
from sessions.models import QuantificationRun, Upload
from sessions.services import basis_library, fitting
from sessions.services import quantification as service
from sessions.services.analysis_protocols import signed_of
from sessions.spectra import fitting_bases_of, run_for
from sessions.spectrum_forms import RetryForm, ReviewForm
from sessions.stored_files import is_damaged
from sessions.tasks import enqueue
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can
from studyportal.csp import chart_page
from studyportal.forms import carried_out, form_page
from studyportal.sentences import spoken


@chart_page
@requires(Permission.SPECTRUM_QUALITY_VIEW)
@require_safe
def quantification(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Show a run as far as the viewer's role goes."""
    run = run_for(request.user, request.study, run_id, Permission.SPECTRUM_QUALITY_VIEW)
    return form_page(request, "sessions/quantification.html", ReviewForm(), _context(request, run))


@requires(Permission.SESSION_VIEW)
@require_safe
def state(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send the stages bar again; a run that ended asks the page to reload itself, once."""
    run = run_for(request.user, request.study, run_id)
    context = {
        "run": run, "stages": fits.stages(run), "stage_words": fits.STAGE_WORDS[run.state],
        "zone": run.spectrum.session.participant.site.time_zone,
        "is_masked": Permission.QUANTIFICATION_REVIEW in request.permissions,
        "is_announced": request.GET.get("seen", "") != run.state,
    }  # fmt: skip
    response = render(request, "sessions/_state.html", context)
    if run.state in QuantificationRun.ENDED:
        response.headers["HX-Refresh"] = "true"
    return response


@requires(Permission.SPECTRUM_UPLOAD)
@require_POST
def retry(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Add a run, with another basis where one is chosen."""
    run = run_for(request.user, request.study, run_id, Permission.SPECTRUM_UPLOAD)
    form = RetryForm(request.POST, bases=fitting_bases_of(request.study))
    again = carried_out(form, lambda: _again(request, run, form))
    if again is None:
        for text in [*form.non_field_errors(), *spoken(form["basis"])]:
            messages.error(request, str(text))
    else:
        enqueue([again])
        messages.success(request, f"Run {again.ordinal} is queued.")
    return redirect("spectrum", run.spectrum_id)


@requires(Permission.SPECTRUM_UPLOAD)
@require_POST
def cancel(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Stop a run."""
    run = run_for(request.user, request.study, run_id, Permission.SPECTRUM_UPLOAD)
    service.cancel(run=run, by=request.user)
    messages.success(request, f"Run {run.ordinal} is cancelled.")
    return redirect("spectrum", run.spectrum_id)


@chart_page
@requires(Permission.QUANTIFICATION_REVIEW)
@require_POST
def review(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Save the verdict on a fit."""
    run = run_for(request.user, request.study, run_id, Permission.QUANTIFICATION_REVIEW)
    form = ReviewForm(request.POST)
    if carried_out(form, lambda: service.review(run=run, by=request.user, **form.cleaned_data)):
        messages.success(request, "Your review is saved.")
        return redirect("quantification", run.pk)
    return form_page(request, "sessions/quantification.html", form, _context(request, run))


def _again(request: StudyRequest, run: QuantificationRun, form: RetryForm) -> QuantificationRun:
    """Queue a run with the chosen basis, if it suits the spectrum."""
    chosen = form.cleaned_data["basis"]
    basis_library.refuse_mismatch(chosen, run.spectrum)
    return service.retry(run=run, basis=chosen, by=request.user)


def _context(request: StudyRequest, run: QuantificationRun) -> dict[str, Any]:
    """Collect what the page shows; nothing that the role may not see is put into it."""
    participant = run.spectrum.session.participant
    context: dict[str, Any] = {
        "run": run, "spectrum": run.spectrum, "participant": participant, "zone": participant.site.time_zone,
        "stages": fits.stages(run), "stage_words": fits.STAGE_WORDS[run.state],
        "is_water": run.spectrum.kind == Upload.Kind.WATER, "reviews": run.reviews.all(),
        "sequence": fits.sequence_words(run.spectrum.header),
        "may_upload": Permission.SPECTRUM_UPLOAD in request.permissions,
        "is_masked": Permission.QUANTIFICATION_REVIEW in request.permissions,
        "may_review": Permission.QUANTIFICATION_REVIEW in request.permissions,
        "may_see_values": can(request.user, Permission.METABOLITE_VIEW, request.study, participant.site),
        "standing": standing_of(run, signed_of(request.study)),
        "may_see_protocol": Permission.PROTOCOL_VIEW in request.permissions,
    }  # fmt: skip
    if context["may_upload"]:
        context["retry_form"] = RetryForm(bases=fitting_bases_of(request.study))
    if hasattr(run, "result"):
        context |= {
            "result": run.result, "verdict": fitting.verdict_of(run),
            "is_damaged": is_damaged(request.study, run.result.curves_sha256, run.spectrum.stored_sha256),
        }  # fmt: skip
        if context["may_see_values"]:
            context |= _values(run, request.study.mrs_primary_ratio)
    return context


def _values(run: QuantificationRun, primary: str) -> dict[str, Any]:
    """Return the numbers of a result."""
    document = run.result.document
    return {
        "primary": primary, "ratios": fits.ratio_rows(document, primary),
        "metabolites": fits.metabolite_rows(document), "flags": document.get("flags", []),
        "course": course_of(run, primary), "changes": changes_of(run), "is_placed": fits.is_placed(run.spectrum),
        "fit_finding": fits.fit_finding(document), "import_count": len(imports_of(run.spectrum)),
    }  # fmt: skip
