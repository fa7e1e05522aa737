"""The blinding indices at the unblinded door: page, figure and table."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.step_up import steps_up
from studyportal.csp import chart_page
from studyportal.reports.blinding import blinding_figure
from studyportal.reports.views.downloads import csv_answer


@require_GET
@chart_page
@requires(Permission.UNBLINDED_REPORT_VIEW)
@steps_up
def blinding(request: StudyRequest) -> HttpResponse:
    """Show the indices; each look is logged before anything is read."""
    return render(request, "reports/blinding.html", {"figure": blinding_figure(request.user, request.study)})


@require_GET
@requires(Permission.UNBLINDED_REPORT_VIEW)
@steps_up
def figure(request: StudyRequest) -> HttpResponse:
    """Return the figure for the page to draw."""
    return JsonResponse(blinding_figure(request.user, request.study).as_plotly())


@require_GET
@requires(Permission.UNBLINDED_REPORT_VIEW)
@steps_up
def table(request: StudyRequest) -> HttpResponse:
    """Return the numbers."""
    return csv_answer(blinding_figure(request.user, request.study), f"{request.study.code}-blinding")
