"""The start page: each person's worklist."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from studyportal import clock
from studyportal.accounts.access import StudyRequest, members_only
from studyportal.accounts.roles import Permission
from studyportal.reports.worklists import worklist_for


@members_only
@require_GET
def home(request: StudyRequest) -> HttpResponse:
    """Show what waits; who only rates goes to the ratings."""
    if request.permissions == {Permission.RATING_ENTER}:
        return redirect("rating-worklist")
    sees_participants = Permission.PARTICIPANT_VIEW in request.permissions
    worklist = worklist_for(request.user, request.study) if sees_participants else None
    return render(request, "reports/home.html", {"worklist": worklist, "now": clock.now()})
