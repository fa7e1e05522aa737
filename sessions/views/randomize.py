"""The randomization wizard: eligible, strata, check, done. What it gives is a number; the treatment stays hidden."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from participants.models import Participant
from participants.selectors import participant_for
from sessions import tasks
from sessions.policies import randomization_preconditions, strata_of, stratum_of
from sessions.randomization_forms import RandomizeForm
from sessions.selectors import randomized_for
from sessions.services import receipts
from sessions.services.drawing import waiting_for
from sessions.services.randomization import randomize
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.signatures import has_second_factor
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
    """Step 3: the answers once more, password and code, and a key that makes a repeated request harmless.

    What was refused for its typing is asked again by a page with an address, so that the browser's Back finds pages and
    never a form to be sent once more.
    """
    context = {**context, "step": 3, "asks_code": has_second_factor(request.user)}
    if request.method != "POST":
        form = _refused_before(request, participant) or _blank(request, participant)
        return render(request, "sessions/randomize_check.html", {**context, "form": form})
    form = RandomizeForm(request.POST, asks_code=has_second_factor(request.user))
    done = carried_out(form, lambda: _act(request, participant, form))
    tasks.enqueue_mail()
    if done is not None and not done.randomization_number:
        return redirect("randomization-waiting", participant.number)
    if done is not None:
        messages.success(request, f"{participant.number} is randomized.")
        return redirect("randomization-receipt", participant.number)
    if not form.non_field_errors():
        request.session[REFUSED] = [participant.number, form.data.get("request_id", ""), *_first_fault(form)]
        return redirect(f"{reverse('randomize', args=[participant.number])}?step=3")
    return form_page(request, "sessions/randomize_check.html", form, context)


def _act(request: StudyRequest, participant: Participant, form: RandomizeForm) -> Participant:
    given = form.cleaned_data
    return randomize(
        participant=participant, request_id=given["request_id"], password=given["password"], by=request.user,
        code=given.get("code", ""), confirmed_stratum=given["stratum"],
    )  # fmt: skip


def _blank(request: StudyRequest, participant: Participant) -> RandomizeForm:
    initial = {"request_id": uuid.uuid4(), "stratum": stratum_of(participant)}
    return RandomizeForm(initial=initial, asks_code=has_second_factor(request.user))


def _first_fault(form: RandomizeForm) -> tuple[str, str]:
    """Return the field that a person can mend, and what is said beside it."""
    name = next((name for name in ("password", "code") if name in form.fields and form[name].errors), "password")
    hidden = (form[hidden] for hidden in ("request_id", "stratum"))
    return name, next(said[0] for said in map(spoken, (form[name], *hidden)) if said)


def _refused_before(request: StudyRequest, participant: Participant) -> RandomizeForm | None:
    """Return the form that was refused a moment ago with its sentence, once; the key stays, what was typed does not."""
    number, key, name, said = request.session.pop(REFUSED, ("", "", "", ""))
    if number != participant.number:
        return None
    typed = {"request_id": key, "stratum": stratum_of(participant), "password": "typed again", "code": ""}
    asks_code = has_second_factor(request.user)
    form = RandomizeForm(typed, asks_code=asks_code)
    if not form.is_valid():
        form = RandomizeForm({**typed, "request_id": uuid.uuid4()}, asks_code=asks_code)
        form.is_valid()
    form.add_error(name if name in form.fields else "password", said)
    return form


@requires(Permission.PARTICIPANT_VIEW)
@require_GET
def receipt(request: StudyRequest, number: str) -> HttpResponse:
    """Step 4, and the confirmation to print: number, strata, time and who. No treatment."""
    participant = randomized_for(request.user, request.study, number)
    context = {"participant": participant, "facts": receipts.facts_of(participant), "steps": STEPS, "step": 4}
    return render(request, "sessions/randomization_receipt.html", context)


@requires(Permission.PARTICIPANT_VIEW)
@require_GET
def receipt_pdf(request: StudyRequest, number: str) -> HttpResponse:
    """The receipt as a PDF with the name of whoever fetched it across the page."""
    participant = randomized_for(request.user, request.study, number)
    made = receipts.receipt_pdf(participant, printed=receipts.printed_line(request.user, participant))
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{receipts.file_name(participant)}"'
    return answer


@requires(Permission.PARTICIPANT_VIEW)
@require_GET
def code_picture(request: StudyRequest, number: str) -> HttpResponse:
    """The code of the receipt: the participant's number for a scanner at the bench."""
    participant = randomized_for(request.user, request.study, number)
    return HttpResponse(receipts.code_picture(participant), content_type="image/svg+xml")
