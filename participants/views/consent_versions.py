"""Versions of the consent form, for whoever keeps the study's documents."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from participants.forms import ConsentVersionForm
from participants.selectors import consent_versions_of
from participants.services.consent_versions import add_version
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page


@requires(Permission.CONSENT_VERSION_SET)
@require_http_methods(["GET", "HEAD", "POST"])
def consent_versions(request: StudyRequest) -> HttpResponse:
    """List the versions and add the next one."""
    form = ConsentVersionForm(request.POST or None)

    def act() -> object:
        return add_version(study=request.study, by=request.user, **form.cleaned_data)

    if request.method == "POST" and carried_out(form, act) is not None:
        messages.success(request, "The version is on file. From its first day on, randomization asks for it.")
        return redirect("consent-versions")
    context = {"versions": consent_versions_of(request.study)}
    return form_page(request, "participants/consent_versions.html", form, context)
