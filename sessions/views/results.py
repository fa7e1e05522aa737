"""What pages draw of a finished run, and its numbers as JSON and CSV, for those who may see metabolites."""

import csv
import io
import json
import uuid

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from sessions import fits
from sessions.models import QuantificationRun
from sessions.services.exports import curves_of
from sessions.spectra import estimates_of, result_for
from sessions.spectrum_figures import course_figure
from sessions.views.downloads import attachment, download_name
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission

CURVES = ("ppm", "data", "fit", "baseline", "residual")


@requires(Permission.METABOLITE_VIEW)
@require_safe
def fit(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send the curves of the fit viewer."""
    curves = curves_of(_run(request, run_id))
    shown = {key: curves[key] for key in CURVES if key in curves}
    shown |= fits.components_as_integers(curves.get("components", {}))
    return JsonResponse(shown, json_dumps_params={"separators": (",", ":")})


@requires(Permission.METABOLITE_VIEW)
@require_safe
def course(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send the figure of the primary ratio over the blocks."""
    run = _run(request, run_id)
    primary, is_placed = request.study.mrs_primary_ratio, fits.is_placed(run.spectrum)
    points = fits.course(estimates_of(run), run.result.document, primary)
    figure = course_figure(
        points, primary, origin="infusion" if is_placed else "scan",
        shaded_minutes=fits.infusion_minutes(run.spectrum.session) if is_placed else None,
        quality=fits.block_quality(run.result.document),
    )  # fmt: skip
    return JsonResponse(figure)


@requires(Permission.METABOLITE_VIEW)
@require_safe
def table(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send the tidy table as CSV."""
    run = _run(request, run_id)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(fits.csv_rows(estimates_of(run)))
    return attachment(text.getvalue(), download_name(run, "csv"), "text/csv; charset=utf-8")


@requires(Permission.METABOLITE_VIEW)
@require_safe
def document(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send the engine's whole document."""
    run = _run(request, run_id)
    return attachment(json.dumps(run.result.document, indent=1), download_name(run, "json"), "application/json")


def _run(request: StudyRequest, run_id: uuid.UUID) -> QuantificationRun:
    return result_for(request.user, request.study, run_id, Permission.METABOLITE_VIEW)
