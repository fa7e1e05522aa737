"""The imaging worklist and the page of one spectrum."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from sessions.analysis_protocols import standing_of
from sessions.fits import STAGE_WORDS, is_water_left_out, sequence_words, stages
from sessions.models import Spectrum
from sessions.services import lcmodel, store, withdrawal
from sessions.services.analysis_protocols import signed_of
from sessions.services.fitting import verdict_of
from sessions.spectra import Line, spectrum_for, worklist
from sessions.spectrum_forms import WithdrawForm
from sessions.stored_files import is_damaged, open_alerts
from sessions.tasks import enqueue
from sessions.views.downloads import attachment
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import NotFound
from studyportal.forms import carried_out, form_page


@requires(Permission.SPECTRUM_QUALITY_VIEW)
@require_safe
def spectra(request: StudyRequest) -> HttpResponse:
    """List what is to upload, running, to review and failed."""
    context = {
        "work": worklist(request.user, request.study),
        "damaged": open_alerts(request.study).count(),
        "may_watch": Permission.STORED_FILES_WATCH in request.permissions,
        "may_upload": Permission.SPECTRUM_UPLOAD in request.permissions,
    }
    return render(request, "sessions/spectra.html", context)


@requires(Permission.SESSION_VIEW)
@require_safe
def spectrum(request: StudyRequest, spectrum_id: uuid.UUID) -> HttpResponse:
    """Show a file's facts and its runs; numbers stand on the run's page, for those who may see them."""
    return _page(request, spectrum_for(request.user, request.study, spectrum_id), WithdrawForm())


@requires(Permission.SPECTRUM_UPLOAD)
@require_POST
def withdraw(request: StudyRequest, spectrum_id: uuid.UUID) -> HttpResponse:
    """Withdraw a file that was uploaded to the wrong participant or session."""
    found = spectrum_for(request.user, request.study, spectrum_id)
    form = WithdrawForm(request.POST)
    runs = carried_out(
        form, lambda: withdrawal.withdraw(spectrum=found, reason=form.cleaned_data["reason"], by=request.user)
    )
    if runs is None:
        return _page(request, found, form)
    enqueue(runs)
    messages.success(request, "The file is withdrawn. It can be uploaded to the right session now.")
    return redirect("spectrum", found.pk)


def _page(request: StudyRequest, found: Spectrum, form: WithdrawForm) -> HttpResponse:
    line, signed = Line.of(found), signed_of(request.study)
    has_verdict = line.run is not None and line.run.state == "done" and found.kind == "metabolite"
    may_upload = Permission.SPECTRUM_UPLOAD in request.permissions
    context = {
        "spectrum": found,
        "is_damaged": is_damaged(request.study, found.stored_sha256),
        "is_known": "known" in request.GET,
        "is_water_left_out": line.run is not None and is_water_left_out(line.run),
        "verdict": verdict_of(line.run) if has_verdict and line.run else None,
        "line": line,
        "run": line.run,
        "runs": [(one, standing_of(one, signed)) for one in found.runs.all()],
        "stages": stages(line.run) if line.run else [],
        "stage_words": STAGE_WORDS.get(line.run.state, "") if line.run else "",
        "sequence": sequence_words(found.header),
        "zone": found.session.participant.site.time_zone,
        "may_see_quality": Permission.SPECTRUM_QUALITY_VIEW in request.permissions,
        "may_see_values": Permission.METABOLITE_VIEW in request.permissions,
        "may_upload": may_upload,
        "has_lcmodel": Permission.QUANTIFICATION_REVIEW in request.permissions and lcmodel.is_offered(found),
        "is_masked": Permission.QUANTIFICATION_REVIEW in request.permissions,
        "withdrawal_form": form if may_upload and found.withdrawn_at is None else None,
    }
    return form_page(request, "sessions/spectrum.html", form, context)


@requires(Permission.METABOLITE_VIEW)
@require_safe
def spectrum_file(request: StudyRequest, spectrum_id: uuid.UUID) -> HttpResponse:
    """Send the de-identified NIfTI-MRS."""
    found = spectrum_for(request.user, request.study, spectrum_id, Permission.METABOLITE_VIEW)
    if not found.stored_sha256:
        raise NotFound("The de-identified file is not there yet.")
    name = f"{found.session.participant.number}_{str(found.pk)[:8]}.nii.gz"
    return attachment(store.get(found.stored_sha256), name, "application/gzip")
