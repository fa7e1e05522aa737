"""What leaves a run besides numbers: NIfTI-MRS of data, fit and residual, the reporting table, a session as BIDS."""

import csv
import io
import uuid

from django.http import FileResponse, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sessions import mrsinmrs
from sessions.models import QuantificationRun
from sessions.services import exports
from sessions.spectra import result_for, spectrum_for
from sessions.spreadsheets import harmless
from sessions.views.downloads import attachment, download_name
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission


@requires(Permission.METABOLITE_VIEW)
@require_safe
def nifti(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send processed data, fit and residual as NIfTI-MRS, in one archive."""
    run = _run(request, run_id)
    return attachment(exports.nifti_archive(run), download_name(run, "nifti-mrs.zip"), "application/zip")


@requires(Permission.METABOLITE_VIEW)
@require_safe
def reporting(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Show the MRSinMRS table of a run, its gaps marked."""
    run = _run(request, run_id)
    lines = exports.reporting_table(run)
    sections = [(name, [line for line in lines if line.section == name]) for name in mrsinmrs.SECTIONS]
    context = {
        "run": run, "participant": run.spectrum.session.participant, "sections": sections, "gaps": mrsinmrs.gaps(lines)
    }  # fmt: skip
    return render(request, "sessions/mrsinmrs.html", context)


@requires(Permission.METABOLITE_VIEW)
@require_safe
def reporting_csv(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send the MRSinMRS table as CSV, to complete and publish."""
    run = _run(request, run_id)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["section", "number", "item", "value"])
    writer.writerows(
        [[line.section, line.number, line.item, harmless(line.value)] for line in exports.reporting_table(run)]
    )
    return attachment(text.getvalue(), download_name(run, "mrsinmrs.csv"), "text/csv; charset=utf-8")


@requires(Permission.METABOLITE_VIEW)
@require_safe
def bids(request: StudyRequest, spectrum_id: uuid.UUID) -> FileResponse:
    """Send the session of a spectrum as a BIDS data set."""
    found = spectrum_for(request.user, request.study, spectrum_id, Permission.METABOLITE_VIEW)
    content = exports.bids_archive(found.session, by=request.user)
    name = f"{found.session.participant.number}_ses-{exports.session_label(found.session)}_bids.zip"
    response = FileResponse(content, as_attachment=True, filename=name, content_type="application/zip")
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _run(request: StudyRequest, run_id: uuid.UUID) -> QuantificationRun:
    return result_for(request.user, request.study, run_id, Permission.METABOLITE_VIEW)
