"""Allocations at the vault: who is randomized, without a sequence."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sessions.allocation.selectors import allocations_for
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission


@require_GET
@requires(Permission.ALLOCATION_VIEW)
def allocations(request: StudyRequest) -> HttpResponse:
    """Show who is randomized, without sequences."""
    return render(request, "reports/allocations.html", {"allocations": allocations_for(request.user, request.study)})
