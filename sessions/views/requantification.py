"""A batch: how far it is, how it is stopped, and what it changed."""

import uuid

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from sessions import comparisons
from sessions.requantifications import batch_for, failures_of
from sessions.services import requantification as service
from sessions.views.downloads import attachment
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.csp import chart_page
from studyportal.errors import InvalidState


@requires(Permission.SPECTRUM_QUALITY_VIEW)
@require_safe
def batch(request: StudyRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Show how far a batch is, and what failed."""
    progress = batch_for(request.user, request.study, batch_id)
    context = {
        "progress": progress, "failures": failures_of(request.user, request.study, progress.batch),
        "may_cancel": Permission.QUANTIFICATION_REPEAT in request.permissions and not progress.has_ended,
        "may_compare": Permission.METABOLITE_VIEW in request.permissions,
    }  # fmt: skip
    return render(request, "sessions/requantification.html", context)


@requires(Permission.SPECTRUM_QUALITY_VIEW)
@require_safe
def state(request: StudyRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Send the progress again; a batch that ended asks the page to reload itself, once."""
    progress = batch_for(request.user, request.study, batch_id)
    response = render(request, "sessions/_batch.html", {"progress": progress})
    if progress.has_ended:
        response.headers["HX-Refresh"] = "true"
    return response


@requires(Permission.QUANTIFICATION_REPEAT)
@require_POST
def cancel(request: StudyRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Cancel what has not ended."""
    progress = batch_for(request.user, request.study, batch_id)
    try:
        service.cancel(batch=progress.batch, by=request.user)
    except InvalidState as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The batch is cancelled; finished runs stay.")
    return redirect("requantification", batch_id)


@chart_page
@requires(Permission.METABOLITE_VIEW)
@require_safe
def comparison(request: StudyRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Show what the batch changed."""
    progress = batch_for(request.user, request.study, batch_id)
    found = comparisons.agreement_for(request.user, request.study, progress.batch)
    return render(request, "sessions/comparison.html", {"progress": progress, "found": found})


@requires(Permission.METABOLITE_VIEW)
@require_safe
def comparison_figure(request: StudyRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Send the chart of the comparison."""
    return JsonResponse(comparisons.figure(_agreement(request, batch_id)))


@requires(Permission.METABOLITE_VIEW)
@require_safe
def comparison_table(request: StudyRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Send every pair as CSV."""
    text = comparisons.table(_agreement(request, batch_id))
    return attachment(text, f"{request.study.code}_batch-{str(batch_id)[:8]}.csv", "text/csv; charset=utf-8")


def _agreement(request: StudyRequest, batch_id: uuid.UUID) -> comparisons.Agreement:
    progress = batch_for(request.user, request.study, batch_id)
    return comparisons.agreement_for(request.user, request.study, progress.batch)
