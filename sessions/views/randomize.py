"""The randomization wizard: eligible, strata, check, done. What it gives is a number; the treatment stays hidden."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from participants.models import Participant
from participants.selectors import participant_for
from sessions.forms import RandomizeForm
from sessions.policies import randomization_preconditions
from sessions.selectors import randomized_for
from sessions.services.drawing import waiting_for
from sessions.services.randomization import randomize, strata_of
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page
from studyportal.sentences import spoken

REFUSED = "refused_randomization"
STEPS = ("Eligible", "Strata", "Check", "Done")


@requires(Permission.ALLOCATION_REQUEST)
@require_http_methods(["GET", "HEAD", "POST"])
def wizard(request: StudyRequest, number: str) -> HttpResponse:
    """Show steps 1 to 3, and randomize at the end of the third."""
    participant = participant_for(request.user, request.study, number)
    if participant.randomization_number:
        return redirect("randomization-receipt", number)
    if waiting_for(participant):
        return redirect("randomization-waiting", number)
    preconditions = randomization_preconditions(participant)
    is_ready = all(precondition.is_met for precondition in preconditions)
    step = request.GET.get("step", "1") if is_ready or request.method == "POST" else "1"
    context = {
        "participant": participant, "preconditions": preconditions, "is_ready": is_ready,
        "strata": strata_of(participant), "steps": STEPS,
    }  # fmt: skip
    if request.method == "POST" or step == "3":
        return _check(request, participant, context)
    template = "sessions/randomize_strata.html" if step == "2" else "sessions/randomize.html"
    return render(request, template, {**context, "step": 2 if step == "2" else 1})


def _check(request: StudyRequest, participant: Participant, context: dict[str, object]) -> HttpResponse:
    """Step 3: the answers once more, the password, and a key that makes a repeated request harmless.

    What was refused for its typing is asked again by a page with an address, so that the browser's Back finds pages and
    never a form to be sent once more.
    """
    if request.method != "POST":
        form = _refused_before(request, participant) or RandomizeForm(initial={"request_id": uuid.uuid4()})
        return render(request, "sessions/randomize_check.html", {**context, "form": form, "step": 3})
    form = RandomizeForm(request.POST)

    def act() -> Participant:
        given = form.cleaned_data
        return randomize(
            participant=participant, request_id=given["request_id"], password=given["password"], by=request.user
        )

    done = carried_out(form, act)
    if done is not None and not done.randomization_number:
        return redirect("randomization-waiting", participant.number)
    if done is not None:
        messages.success(request, f"{participant.number} is randomized.")
        return redirect("randomization-receipt", participant.number)
    if not form.non_field_errors():
        said = spoken(form["password"]) or spoken(form["request_id"])
        request.session[REFUSED] = [participant.number, form.data.get("request_id", ""), said[0]]
        return redirect(f"{reverse('randomize', args=[participant.number])}?step=3")
    return form_page(request, "sessions/randomize_check.html", form, {**context, "step": 3})


def _refused_before(request: StudyRequest, participant: Participant) -> RandomizeForm | None:
    """Return the form that was refused a moment ago with its sentence, once; the key stays, the password does not."""
    number, key, said = request.session.pop(REFUSED, ("", "", ""))
    if number != participant.number:
        return None
    form = RandomizeForm({"request_id": key, "password": "typed again"})
    if not form.is_valid():
        form = RandomizeForm({"request_id": uuid.uuid4(), "password": "typed again"})
        form.is_valid()
    form.add_error("password", said)
    return form


@requires(Permission.PARTICIPANT_VIEW)
@require_GET
def receipt(request: StudyRequest, number: str) -> HttpResponse:
    """Step 4, and the confirmation to print: number, time and who. No treatment."""
    participant = randomized_for(request.user, request.study, number)
    return render(
        request, "sessions/randomization_receipt.html", {"participant": participant, "steps": STEPS, "step": 4}
    )
