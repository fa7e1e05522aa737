"""Results of other programs, beside our own and marked as imported."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from sessions import imported
from sessions.models import Spectrum
from sessions.services import imports as service
from sessions.services import lcmodel
from sessions.spectra import Line, spectrum_for
from sessions.spectrum_forms import ImportForm
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.errors import InvalidInput
from studyportal.forms import carried_out, form_page


@requires(Permission.METABOLITE_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def spectrum_imports(request: StudyRequest, spectrum_id: uuid.UUID) -> HttpResponse:
    """List what other programs found for a spectrum beside our latest result; reviewers of fits attach a file."""
    found = spectrum_for(request.user, request.study, spectrum_id, Permission.METABOLITE_VIEW)
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if request.method == "POST":
        participant = found.session.participant
        check(request.user, Permission.QUANTIFICATION_REVIEW, request.study, participant.site)
        made = carried_out(form, lambda: _attach(request, found, form))
        if made is not None:
            messages.success(request, f"The {made.program} result is attached, marked as imported.")
            return redirect("spectrum-imports", found.pk)
    line = Line.of(found)
    context: dict[str, Any] = {
        "spectrum": found, "participant": found.session.participant, "run": line.run,
        "zone": found.session.participant.site.time_zone, "imports": imported.imports_of(found),
        "may_attach": Permission.QUANTIFICATION_REVIEW in request.permissions,
        "has_lcmodel": lcmodel.is_offered(found),
        "is_masked": Permission.QUANTIFICATION_REVIEW in request.permissions,
    }  # fmt: skip
    return form_page(
        request, "sessions/imports.html", form, context | {"comparison": imported.comparison(found, line.run)}
    )


def _attach(request: StudyRequest, found: Spectrum, form: ImportForm) -> Any:
    given = form.cleaned_data["file"]
    return service.attach(spectrum=found, filename=given.name, content=given.read(), by=request.user)


@requires(Permission.QUANTIFICATION_REVIEW)
@require_POST
def spectrum_lcmodel(request: StudyRequest, spectrum_id: uuid.UUID) -> HttpResponse:
    """Let the LCModel that the site installed fit a spectrum, and show what it found beside ours."""
    found = spectrum_for(request.user, request.study, spectrum_id, Permission.QUANTIFICATION_REVIEW)
    try:
        made = lcmodel.quantify(spectrum=found, by=request.user)
    except InvalidInput as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"The result of LCModel {made.program_version} is attached, marked as imported.")
    return redirect("spectrum-imports", found.pk)
