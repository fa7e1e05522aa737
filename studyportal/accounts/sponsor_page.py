"""The page of the sponsor's contact, for the study's administrators."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.sponsor import set_sponsor
from studyportal.forms import carried_out, form_page


class SponsorForm(forms.Form):
    """Name and address; both empty while there is no sponsor beside the site."""

    name = forms.CharField(label="Sponsor's contact", required=False, max_length=120)
    email = forms.EmailField(
        label="E-mail address", required=False, help_text="Told of every unblinding at once, never of a treatment.",
        error_messages={"invalid": "Enter an address like name@sponsor.example."},
    )  # fmt: skip


@requires(Permission.TEAM_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def sponsor(request: StudyRequest) -> HttpResponse:
    """Show and change the sponsor's contact."""
    study = request.study
    initial = {"name": study.sponsor_name, "email": study.sponsor_email}
    form = SponsorForm(request.POST if request.method == "POST" else None, initial=initial)
    if carried_out(form, lambda: set_sponsor(study=study, by=request.user, **form.cleaned_data)) is None:
        return form_page(request, "accounts/sponsor.html", form)
    messages.success(request, "The sponsor's contact is kept.")
    return redirect("sponsor")
