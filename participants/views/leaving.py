"""How a participant leaves: withdrawal, or screening that ends without randomization."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from participants.forms import ScreenFailureForm, WithdrawForm
from participants.selectors import participant_for
from participants.services.withdrawal import fail_screening, withdraw
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page


@requires(Permission.PARTICIPANT_WITHDRAW)
@require_http_methods(["GET", "HEAD", "POST"])
def withdrawal(request: StudyRequest, number: str) -> HttpResponse:
    """Record a withdrawal."""
    participant = participant_for(request.user, request.study, number)
    form = WithdrawForm(request.POST or None)

    def act() -> bool:
        withdraw(participant=participant, by=request.user, **form.cleaned_data)
        return True

    if request.method == "POST" and carried_out(form, act):
        messages.success(request, f"{participant.number} has left the study. The data collected until then are kept.")
        return redirect("participant", number)
    return form_page(request, "participants/withdraw.html", form, {"participant": participant})


@requires(Permission.PARTICIPANT_WITHDRAW)
@require_http_methods(["GET", "HEAD", "POST"])
def screen_failure(request: StudyRequest, number: str) -> HttpResponse:
    """Record that a screened person will not be randomized."""
    participant = participant_for(request.user, request.study, number)
    form = ScreenFailureForm(request.POST or None)

    def act() -> bool:
        fail_screening(participant=participant, by=request.user, **form.cleaned_data)
        return True

    if request.method == "POST" and carried_out(form, act):
        messages.success(request, f"The screening of {participant.number} has ended.")
        return redirect("participant", number)
    return form_page(request, "participants/screen_failure.html", form, {"participant": participant})
