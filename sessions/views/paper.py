"""A number that was given on paper while the portal was down, entered by the coordinator afterwards."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from participants.models import Participant
from participants.selectors import participant_for
from sessions import tasks
from sessions.policies import strata_of
from sessions.randomization_forms import PaperForm
from sessions.services.paper import Given, record_paper_randomization
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.signatures import has_second_factor
from studyportal.forms import carried_out, form_page


@requires(Permission.ALLOCATION_REQUEST)
@require_http_methods(["GET", "HEAD", "POST"])
def paper(request: StudyRequest, number: str) -> HttpResponse:
    """Ask for the line of the sheet and write it down."""
    participant = participant_for(request.user, request.study, number)
    if participant.randomization_number:
        return redirect("randomization-receipt", number)
    form = PaperForm(
        request.POST if request.method == "POST" else None, initial={"request_id": uuid.uuid4()},
        zone=participant.site.time_zone, asks_code=has_second_factor(request.user),
    )  # fmt: skip
    done = carried_out(form, lambda: _act(request, participant, form)) if form.is_bound else None
    if done is not None:
        tasks.enqueue_mail()
        messages.success(request, f"{participant.number} is randomized as given on paper.")
        return redirect("randomization-receipt", participant.number)
    context = {"participant": participant, "strata": strata_of(participant)}
    return form_page(request, "sessions/paper_randomization.html", form, context)


def _act(request: StudyRequest, participant: Participant, form: PaperForm) -> Participant:
    said = form.cleaned_data
    given = Given(**{name: said[name] for name in ("number", "given_at", "given_by", "outage", "was_given_so")})
    return record_paper_randomization(
        participant=participant, given=given, request_id=said["request_id"], password=said["password"],
        code=said.get("code", ""), by=request.user,
    )  # fmt: skip
