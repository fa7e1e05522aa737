"""The imaging worklist and the page of one spectrum."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sessions.fits import STAGE_WORDS, sequence_words, stages
from sessions.services import store
from sessions.spectra import Line, spectrum_for, worklist
from sessions.views.downloads import attachment
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import NotFound


@requires(Permission.SPECTRUM_QUALITY_VIEW)
@require_safe
def spectra(request: StudyRequest) -> HttpResponse:
    """List what is to upload, running, to review and failed."""
    context = {
        "work": worklist(request.user, request.study),
        "may_upload": Permission.SPECTRUM_UPLOAD in request.permissions,
    }
    return render(request, "sessions/spectra.html", context)


@requires(Permission.SESSION_VIEW)
@require_safe
def spectrum(request: StudyRequest, spectrum_id: uuid.UUID) -> HttpResponse:
    """Show a file's facts and its runs; numbers stand on the run's page, for those who may see them."""
    found = spectrum_for(request.user, request.study, spectrum_id)
    line = Line.of(found)
    context = {
        "spectrum": found,
        "line": line,
        "run": line.run,
        "runs": found.runs.all(),
        "stages": stages(line.run) if line.run else [],
        "stage_words": STAGE_WORDS.get(line.run.state, "") if line.run else "",
        "sequence": sequence_words(found.header),
        "zone": found.session.participant.site.time_zone,
        "may_see_quality": Permission.SPECTRUM_QUALITY_VIEW in request.permissions,
        "may_see_values": Permission.METABOLITE_VIEW in request.permissions,
        "may_upload": Permission.SPECTRUM_UPLOAD in request.permissions,
        "is_masked": Permission.QUANTIFICATION_REVIEW in request.permissions,
    }
    return render(request, "sessions/spectrum.html", context)


@requires(Permission.METABOLITE_VIEW)
@require_safe
def spectrum_file(request: StudyRequest, spectrum_id: uuid.UUID) -> HttpResponse:
    """Send the de-identified NIfTI-MRS."""
    found = spectrum_for(request.user, request.study, spectrum_id)
    if not found.stored_sha256:
        raise NotFound("The de-identified file is not there yet.")
    name = f"{found.session.participant.number}_{str(found.pk)[:8]}.nii.gz"
    return attachment(store.get(found.stored_sha256), name, "application/gzip")
