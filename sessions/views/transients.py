"""How steady a scan was: its transients before and after alignment, and how frequency and phase moved."""

import uuid

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from sessions.services.exports import curves_of
from sessions.spectra import result_for, siblings_of
from sessions.spectrum_figures import drift_figure, stack_figure
from sessions.transients import step_words, transient_rows, transient_words
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can
from studyportal.csp import chart_page
from studyportal.errors import NotFound


@chart_page
@requires(Permission.SPECTRUM_QUALITY_VIEW)
@require_safe
def transients(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Show the stacks and the drift, with what was left out."""
    run = result_for(request.user, request.study, run_id, Permission.SPECTRUM_QUALITY_VIEW)
    record = run.result.document.get("transients", {})
    may_see_values = can(request.user, Permission.METABOLITE_VIEW, request.study, run.spectrum.session.participant.site)
    context = {
        "run": run, "spectrum": run.spectrum, "participant": run.spectrum.session.participant,
        "finding": transient_words(record), "rows": transient_rows(record),
        "has_drift": len(record.get("shift_hz", ())) > 1, "steps": step_words(run.result.document),
        "has_stack": may_see_values and bool(curves_of(run).get("transients")),
        "siblings": siblings_of(request.user, run.spectrum), "may_see_values": may_see_values,
    }  # fmt: skip
    return render(request, "sessions/transients.html", context)


@gzip_page  # as the fit's curves
@requires(Permission.SPECTRUM_QUALITY_VIEW)
@require_safe
def drift(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send the figure of frequency and phase over the transients."""
    run = result_for(request.user, request.study, run_id, Permission.SPECTRUM_QUALITY_VIEW)
    return JsonResponse(drift_figure(run.result.document.get("transients", {})))


@gzip_page
@requires(Permission.METABOLITE_VIEW)
@require_safe
def stack(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send the figure of the stacked transients."""
    run = result_for(request.user, request.study, run_id, Permission.METABOLITE_VIEW)
    picture = curves_of(run).get("transients")
    if not picture:
        raise NotFound("No transients are kept of this run.")
    return JsonResponse(stack_figure(picture), json_dumps_params={"separators": (",", ":")})
