"""Consent and eligibility of one participant."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from participants.forms import ConsentForm, ConsentWithdrawalForm, EligibilityForm, SignForm
from participants.selectors import consent_in_force, consents_of, criteria_of, eligibility_of, participant_for
from participants.services.consent import record_consent, withdraw_consent
from participants.services.eligibility import MEANING, record_eligibility, sign_eligibility
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page

GET_OR_POST = ["GET", "HEAD", "POST"]


@requires(Permission.CONSENT_RECORD)
@require_http_methods(GET_OR_POST)
def consent(request: StudyRequest, number: str) -> HttpResponse:
    """Record a signed consent form."""
    participant = participant_for(request.user, request.study, number)
    form = ConsentForm(request.POST or None)

    def act() -> bool:
        record_consent(participant=participant, by=request.user, **form.cleaned_data)
        return True

    if request.method == "POST" and carried_out(form, act):
        messages.success(request, f"Consent version {form.cleaned_data['form_version']} is recorded.")
        return redirect("participant", number)
    context = {"participant": participant, "consents": consents_of(participant)}
    return form_page(request, "participants/consent.html", form, context)


@requires(Permission.PARTICIPANT_WITHDRAW)
@require_http_methods(GET_OR_POST)
def consent_withdrawal(request: StudyRequest, number: str) -> HttpResponse:
    """Record that the participant took consent back."""
    participant = participant_for(request.user, request.study, number)
    form = ConsentWithdrawalForm(request.POST or None)

    def act() -> bool:
        withdraw_consent(participant=participant, by=request.user, **form.cleaned_data)
        return True

    if request.method == "POST" and carried_out(form, act):
        messages.success(request, f"{participant.number} withdrew consent. The data collected until then are kept.")
        return redirect("participant", number)
    context = {"participant": participant, "consent": consent_in_force(participant)}
    return form_page(request, "participants/consent_withdrawal.html", form, context)


@requires(Permission.ELIGIBILITY_RECORD)
@require_http_methods(GET_OR_POST)
def eligibility(request: StudyRequest, number: str) -> HttpResponse:
    """Answer every criterion."""
    participant = participant_for(request.user, request.study, number)
    assessment, criteria = eligibility_of(participant), criteria_of(request.study)
    form = EligibilityForm(request.POST or None, criteria=criteria, assessment=assessment)

    def act() -> bool:
        record_eligibility(participant=participant, answers=form.answers(), by=request.user)
        return True

    if request.method == "POST" and carried_out(form, act):
        messages.success(request, "The answers are saved. An investigator can sign them now.")
        return redirect("participant", number)
    return form_page(
        request, "participants/eligibility.html", form, {"participant": participant, "assessment": assessment}
    )


@requires(Permission.ELIGIBILITY_SIGN)
@require_http_methods(GET_OR_POST)
def eligibility_signature(request: StudyRequest, number: str) -> HttpResponse:
    """Sign the recorded answers with the password."""
    participant = participant_for(request.user, request.study, number)
    form = SignForm(request.POST or None)

    def act() -> bool:
        sign_eligibility(participant=participant, by=request.user, password=form.cleaned_data["password"])
        return True

    if request.method == "POST" and carried_out(form, act):
        messages.success(request, f"The eligibility of {participant.number} is signed.")
        return redirect("participant", number)
    assessment = eligibility_of(participant)
    answers = [
        (criterion, assessment.answers.get(criterion.code) if assessment else None)
        for criterion in criteria_of(request.study)
    ]
    context = {"participant": participant, "assessment": assessment, "answers": answers, "meaning": MEANING}
    return form_page(request, "participants/eligibility_sign.html", form, context)
