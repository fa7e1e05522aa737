"""The unblinded report, its figures as JSON and its numbers as CSV."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.step_up import steps_up
from studyportal.csp import chart_page
from studyportal.reports.unblinded import figure_for, report_for
from studyportal.reports.views.downloads import csv_answer


@require_GET
@chart_page
@requires(Permission.UNBLINDED_REPORT_VIEW)
@steps_up
def report(request: StudyRequest) -> HttpResponse:
    """Show the report; each look is logged before anything is read."""
    return render(request, "reports/unblinded_report.html", {"report": report_for(request.user, request.study)})


@require_GET
@requires(Permission.UNBLINDED_REPORT_VIEW)
@steps_up
def figure(request: StudyRequest, name: str) -> HttpResponse:
    """Return a figure for the page to draw."""
    return JsonResponse(figure_for(request.user, request.study, name).as_plotly())


@require_GET
@requires(Permission.UNBLINDED_REPORT_VIEW)
@steps_up
def table(request: StudyRequest, name: str) -> HttpResponse:
    """Return a figure's numbers."""
    made = figure_for(request.user, request.study, name)
    return csv_answer(made, f"{request.study.code}-unblinded-{name}")
