"""Who can be deduced by now, at the vault."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.step_up import steps_up
from studyportal.reports.deducible_rows import deducible_rows


@require_GET
@requires(Permission.CONTAGION_VIEW)
@steps_up
def contagion(request: StudyRequest) -> HttpResponse:
    """List everybody whose treatment can be told, since when, and how many later ratings are marked for it."""
    return render(request, "reports/contagion.html", {"rows": deducible_rows(request.user, request.study)})
