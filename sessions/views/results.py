"""What pages draw of a finished run, and its numbers as JSON and CSV, for those who may see metabolites."""

import csv
import io
import json
import uuid

from django.http import HttpResponse, JsonResponse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from sessions import fits, functional_tables
from sessions.functional_results import course_of, functional_of, functional_rows
from sessions.models import QuantificationRun
from sessions.services.exports import curves_of
from sessions.spectra import estimates_of, result_for
from sessions.spectrum_figures import course_figure
from sessions.spreadsheets import cell
from sessions.views.downloads import attachment, download_name
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import NotFound

CURVES = ("ppm", "data", "fit", "baseline", "residual")


@gzip_page  # numbers only: nothing a compressed length could give away
@requires(Permission.METABOLITE_VIEW)
@require_safe
def fit(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send the curves of the fit viewer."""
    curves = curves_of(_run(request, run_id))
    shown = {key: curves[key] for key in CURVES if key in curves}
    shown |= fits.components_as_integers(curves.get("components", {}))
    return JsonResponse(shown, json_dumps_params={"separators": (",", ":")})


@gzip_page
@requires(Permission.METABOLITE_VIEW)
@require_safe
def course(request: StudyRequest, run_id: uuid.UUID) -> HttpResponse:
    """Send the figure of the primary ratio over the blocks."""
    run = _run(request, run_id)
    primary, is_placed = request.study.mrs_primary_ratio, fits.is_placed(run.spectrum)
    found = course_of(run, primary)
    figure = course_figure(
        found.points, primary, origin="infusion" if is_placed else "scan",
        shaded_minutes=fits.infusion_minutes(run.spectrum.session) if is_placed else None,
        quality=found.quality,
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
    """Send the engine's whole document, the series of a functional file included."""
    run = _run(request, run_id)
    whole = dict(run.result.document)
    if (told := functional_of(run)) is not None:
        whole |= {"series": told.series, "functional": told.outcomes}
    return attachment(json.dumps(whole, indent=1), download_name(run, "json"), "application/json")


@requires(Permission.METABOLITE_VIEW)
@require_safe
def tidy(request: StudyRequest, run_id: uuid.UUID, table: str) -> HttpResponse:
    """Send one of the tables of a functional file as CSV; they are named and built as in the API."""
    run = _run(request, run_id)
    if table not in functional_tables.COLUMNS:
        raise NotFound("There is no such table of a run.")
    keys = [run.spectrum.session.participant.number, str(run.spectrum_id), run.ordinal]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["participant", "spectrum_id", "run_ordinal", *functional_tables.COLUMNS[table]])
    writer.writerows([*keys, *map(cell, row.values())] for row in functional_rows(run, table))
    return attachment(text.getvalue(), download_name(run, f"{table}.csv"), "text/csv; charset=utf-8")


def _run(request: StudyRequest, run_id: uuid.UUID) -> QuantificationRun:
    return result_for(request.user, request.study, run_id, Permission.METABOLITE_VIEW)
