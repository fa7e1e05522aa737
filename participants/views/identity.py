"""Who a participant is, shown on request only; the look is in the trail before the name is on the screen."""

import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from participants.selectors import participant_for
from participants.services.identity import read_identity
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission


@requires(Permission.IDENTITY_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def identity(request: StudyRequest, number: str) -> HttpResponse:
    """Ask first; show after a POST, once, without leaving it in an address or a cache."""
    participant = participant_for(request.user, request.study, number)
    shown = read_identity(participant=participant, by=request.user) if request.method == "POST" else None
    born_on = datetime.date.fromisoformat(shown["born_on"]) if shown else None
    context = {"participant": participant, "identity": shown, "born_on": born_on}
    return render(request, "participants/identity.html", context)
