"""The rater's worklist."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ratings.selectors_worklist import worklist
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission


@requires(Permission.RATING_ENTER)
@require_GET
def own_worklist(request: StudyRequest) -> HttpResponse:
    """Show what the rater is to rate, the most urgent first."""
    return render(request, "ratings/worklist.html", {"groups": worklist(request.user, request.study)})
