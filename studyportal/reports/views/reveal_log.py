"""The view log: every reveal, examination and unblinded view."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sessions.allocation.selectors import reveals_for
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission

LINES = 500


@require_GET
@requires(Permission.REVEAL_LOG_VIEW)
def reveal_log(request: StudyRequest) -> HttpResponse:
    """Show who opened what, when and why, the latest first."""
    context = {"reveals": reveals_for(request.user, request.study, limit=LINES), "limit": LINES}
    return render(request, "reports/reveal_log.html", context)
