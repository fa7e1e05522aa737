"""Study progress at the blinded door, its figures as JSON and their numbers as CSV."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.csp import chart_page
from studyportal.reports.progress import figure_for, progress_for
from studyportal.reports.views.downloads import csv_answer


@require_GET
@chart_page
@requires(Permission.REPORT_VIEW)
def progress(request: StudyRequest) -> HttpResponse:
    """Show where the study stands, all pooled."""
    return render(request, "reports/progress.html", {"progress": progress_for(request.user, request.study)})


@require_GET
@requires(Permission.REPORT_VIEW)
def figure(request: StudyRequest, name: str) -> HttpResponse:
    """Return a figure for the page to draw."""
    return JsonResponse(figure_for(request.user, request.study, name).as_plotly())


@require_GET
@requires(Permission.REPORT_VIEW)
def table(request: StudyRequest, name: str) -> HttpResponse:
    """Return a figure's numbers."""
    return csv_answer(figure_for(request.user, request.study, name), f"{request.study.code}-{name}")
