"""Emergency sheets at the unblinded door: make one for a site, print it again."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods

from sessions.allocation import paper
from studyportal import clock
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page
from studyportal.studies.models import Site


class SheetForm(forms.Form):
    """For which site, and how many numbers of each stratum."""

    site = forms.ChoiceField(label="Site", widget=forms.RadioSelect, error_messages={"required": "Choose the site."})
    per_stratum = forms.IntegerField(
        label="Numbers of each stratum", initial=4,
        help_text=f"1 to {paper.MOST_LINES}: what the site may need until the portal is back.",
        error_messages={"required": "Enter how many numbers.", "invalid": "Enter a whole number, such as 4."},
    )  # fmt: skip

    def __init__(self, *args: Any, sites: Iterable[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sites = {site.code: site for site in sites}
        self.fields["site"].choices = [(code, str(site)) for code, site in self.sites.items()]  # type: ignore[attr-defined]
        self.fields["per_stratum"].widget.attrs["class"] = "govuk-input--width-3"


@requires(Permission.SHEET_PRINT)
@require_http_methods(["GET", "HEAD", "POST"])
def sheets(request: StudyRequest) -> HttpResponse:
    """List sheets, and make one."""
    form = SheetForm(request.POST or None, sites=paper.sites_for(request.user, request.study))

    def act() -> object:
        given = form.cleaned_data
        site = form.sites[given["site"]]
        return paper.make_sheet(study=request.study, site=site, per_stratum=given["per_stratum"], by=request.user)

    if request.method == "POST" and carried_out(form, act) is not None:
        messages.success(request, "The sheet is made. Print it, seal it in an envelope and send it to the site.")
        return redirect("emergency-sheets")
    context = {"sheets": paper.sheets_for(request.user, request.study)}
    return form_page(request, "allocation/emergency_sheets.html", form, context)


@requires(Permission.SHEET_PRINT)
@require_GET
def sheet(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Print a sheet: numbers in order, no treatment."""
    now = clock.now()
    printed = f"Printed by {request.user}, {now.day} {now:%b %Y, %H:%M} UTC"
    serial, made = paper.sheet_pdf(study=request.study, sheet_id=pk, printed=printed, by=request.user)
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="emergency-sheet-{serial}.pdf"'
    return answer
