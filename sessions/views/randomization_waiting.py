"""While the vault draws: a page that looks again by itself, and the way back."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from participants.selectors import participant_for
from sessions import tasks
from sessions.services import drawing
from sessions.views.randomize import STEPS
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidState


@requires(Permission.ALLOCATION_REQUEST)
@require_GET
def waiting(request: StudyRequest, number: str) -> HttpResponse:
    """Say that the number is being drawn; go on to the confirmation once it is there."""
    participant = drawing.complete(participant_for(request.user, request.study, number).pk)
    if participant.randomization_number:
        tasks.enqueue_mail()
        response = redirect("randomization-receipt", number)
    elif (asked := drawing.waiting_for(participant)) is None:
        response = redirect("randomize", number)
    else:
        context = {"participant": participant, "asked": asked, "steps": STEPS, "step": 3}
        is_fragment = request.headers.get("HX-Request") == "true"
        template = "sessions/_randomization_waiting.html" if is_fragment else "sessions/randomization_waiting.html"
        return render(request, template, context)
    if request.headers.get("HX-Request") == "true":
        # The whole page goes on, not the part of it that asked.
        return HttpResponse(status=204, headers={"HX-Redirect": response.url})
    return response


@requires(Permission.ALLOCATION_REQUEST)
@require_POST
def cancel(request: StudyRequest, number: str) -> HttpResponse:
    """Take the request back, if it is not answered yet."""
    participant = participant_for(request.user, request.study, number)
    try:
        drawing.cancel(participant=participant, by=request.user)
    except InvalidState as refusal:
        messages.error(request, refusal.message)
        return redirect("randomization-waiting", number)
    messages.success(request, f"The request is cancelled. {number} is still in screening.")
    return redirect("randomize", number)
