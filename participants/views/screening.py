"""Screening: a person gets a number."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from participants.forms import ScreenForm
from participants.models import Participant
from participants.selectors import screenable_sites
from participants.services.screening import Person, screen
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page


@requires(Permission.PARTICIPANT_SCREEN)
@require_http_methods(["GET", "HEAD", "POST"])
def screen_participant(request: StudyRequest) -> HttpResponse:
    """Give a person a number; who they are is sealed."""
    form = ScreenForm(request.POST or None, sites=screenable_sites(request.user, request.study))

    def act() -> Participant:
        given = form.cleaned_data
        person = Person(full_name=given["full_name"], born_on=given["born_on"], contact=given["contact"])
        site = form.sites[given["site"]]
        return screen(study=request.study, site=site, sex=given["sex"], person=person, by=request.user)

    made = carried_out(form, act) if request.method == "POST" else None
    if made is not None:
        messages.success(request, f"{made.number} is screened. Next: record the signed consent form.")
        return redirect("participant", made.number)
    return form_page(request, "participants/screen.html", form)
