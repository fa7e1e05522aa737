"""Guess forms: the rater's own, and the participant's as the coordinator asks."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from ratings.guess_forms import GuessForm
from ratings.selectors_guesses import options_of, participant_line, participant_lines, rater_line, rater_lines
from ratings.services.guesses import guess_as_rater, guess_of_participant
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page

THANKS = "Written down. It is not changed afterwards."


@require_GET
@requires(Permission.RATING_ENTER)
def own_guesses(request: StudyRequest) -> HttpResponse:
    """List the sessions about which the rater is asked."""
    return render(request, "ratings/own_guesses.html", {"lines": rater_lines(request.user, request.study)})


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.RATING_ENTER)
def own_guess(request: StudyRequest, code: str) -> HttpResponse:
    """Ask the rater."""
    line = rater_line(request.user, request.study, code)
    data = request.POST if request.method == "POST" else None
    form = GuessForm(data, options=options_of(request.study), period=line.session.period.number)
    done = carried_out(
        form, lambda: guess_as_rater(study=request.study, code=code, by=request.user, **form.cleaned_data)
    )
    if done is None:
        return form_page(request, "ratings/guess.html", form, {"line": line, "back": "own-guesses"})
    messages.success(request, THANKS)
    return redirect("own-guesses")


@require_GET
@requires(Permission.GUESS_RECORD)
def guesses(request: StudyRequest) -> HttpResponse:
    """List the sessions about which participants are asked."""
    return render(request, "ratings/guesses.html", {"lines": participant_lines(request.user, request.study)})


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.GUESS_RECORD)
def guess(request: StudyRequest, number: str, period: int) -> HttpResponse:
    """Ask a participant."""
    line = participant_line(request.user, request.study, number, period)
    data = request.POST if request.method == "POST" else None
    form = GuessForm(data, options=options_of(request.study), period=period)
    done = carried_out(
        form,
        lambda: guess_of_participant(
            study=request.study, number=number, period=period, by=request.user, **form.cleaned_data
        ),
    )
    if done is None:
        return form_page(request, "ratings/guess.html", form, {"line": line, "back": "guesses"})
    messages.success(request, THANKS)
    return redirect("guesses")
