"""What turned out to be wrong after a randomization: a wrong stratum, a participant randomized in error."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from participants.selectors import participant_for
from sessions.policies import stratum_words
from sessions.randomization_forms import ErrorForm, StrataForm
from sessions.selectors import randomized_for
from sessions.services import corrections
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.signatures import has_second_factor
from studyportal.forms import carried_out, form_page


@requires(Permission.ALLOCATION_CORRECT)
@require_http_methods(["GET", "HEAD", "POST"])
def strata(request: StudyRequest, number: str) -> HttpResponse:
    """Correct a stratification factor; an allocation that was made with the wrong one stays."""
    participant = participant_for(request.user, request.study, number)
    form = StrataForm(request.POST or None, asks_code=has_second_factor(request.user))

    def act() -> object:
        return corrections.correct_sex(participant=participant, by=request.user, **form.cleaned_data)

    if request.method == "POST" and carried_out(form, act) is not None:
        messages.success(request, f"The sex of {participant.number} is corrected.")
        return redirect("participant", number)
    context = {"participant": participant, "strata": stratum_words(participant)}
    return form_page(request, "sessions/strata.html", form, context)


@requires(Permission.ALLOCATION_CORRECT)
@require_http_methods(["GET", "HEAD", "POST"])
def in_error(request: StudyRequest, number: str) -> HttpResponse:
    """Mark a participant as randomized in error."""
    participant = randomized_for(request.user, request.study, number)
    form = ErrorForm(request.POST or None, asks_code=has_second_factor(request.user))

    def act() -> object:
        return corrections.mark_randomized_in_error(participant=participant, by=request.user, **form.cleaned_data)

    if request.method == "POST" and carried_out(form, act) is not None:
        messages.success(request, f"{participant.number} is marked as randomized in error and stays in the analysis.")
        return redirect("participant", number)
    return form_page(request, "sessions/randomized_in_error.html", form, {"participant": participant})
