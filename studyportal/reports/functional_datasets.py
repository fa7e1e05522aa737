"""The tables of functional spectra: each run's course over time and what of it goes with the infusion.

Same rules as `datasets`: scoped to the sites where the viewer holds the permission of the grain, the session masked for
reviewers of fits; the unblinded twin of each needs the links that `datasets.open_links` has announced and opened.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import F, QuerySet
from django.db.models.fields.json import KeyTransform

from sessions import functional_tables
from sessions.models import FunctionalResult
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import sites_with
from studyportal.reports.datasets import Links, linked, linked_parts, reviews
from studyportal.reports.functional_rows import (
    ChangeRow,
    EffectRow,
    SeriesRow,
    TransientRow,
    UnblindedChangeRow,
    UnblindedEffectRow,
    UnblindedSeriesRow,
    UnblindedTransientRow,
)
from studyportal.reports.parts import Part, Parts, frames_of
from studyportal.reports.spectrum_datasets import Frames, infusions_at, run_frames
from studyportal.studies.models import Site, Study

Row = TypeVar("Row")
Tidy = Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]  # Any: what the engine told, and cells
TRANSIENTS = KeyTransform("transients", "result__document")


def series_parts(viewer: User, study: Study) -> Parts[SeriesRow]:
    """Fits of windows, events and single transients, of the sites where the viewer may see estimates."""
    return series_at(study, sites_with(viewer, Permission.METABOLITE_VIEW, study), is_masked=reviews(viewer, study))


def change_rows(viewer: User, study: Study) -> list[ChangeRow]:
    """Changes after the infusion's start, of the sites where the viewer may see estimates."""
    return changes_at(study, sites_with(viewer, Permission.METABOLITE_VIEW, study), is_masked=reviews(viewer, study))


def effect_rows(viewer: User, study: Study) -> list[EffectRow]:
    """Terms of the general linear models, of the sites where the viewer may see estimates."""
    return effects_at(study, sites_with(viewer, Permission.METABOLITE_VIEW, study), is_masked=reviews(viewer, study))


def transient_rows(viewer: User, study: Study) -> list[TransientRow]:
    """Transients of finished runs, of the sites where the viewer may see the quality of spectra."""
    sites = sites_with(viewer, Permission.SPECTRUM_QUALITY_VIEW, study)
    return transients_at(study, sites, is_masked=reviews(viewer, study))


def unblinded_series_parts(study: Study, links: Links) -> Parts[UnblindedSeriesRow]:
    """Fits of parts with what was given in their session."""
    return linked_parts(series_at(study, study.sites.all(), is_masked=False), links, UnblindedSeriesRow)


def unblinded_change_rows(study: Study, links: Links) -> list[UnblindedChangeRow]:
    """Changes with what was given in their session."""
    return linked(changes_at(study, study.sites.all(), is_masked=False), links, UnblindedChangeRow)


def unblinded_effect_rows(study: Study, links: Links) -> list[UnblindedEffectRow]:
    """Effects with what was given in their session."""
    return linked(effects_at(study, study.sites.all(), is_masked=False), links, UnblindedEffectRow)


def unblinded_transient_rows(study: Study, links: Links) -> list[UnblindedTransientRow]:
    """Transients with what was given in their session."""
    return linked(transients_at(study, study.sites.all(), is_masked=False), links, UnblindedTransientRow)


def series_at(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> Parts[SeriesRow]:
    """Return the fits of parts of the sites' finished runs, run by run."""
    frames = run_frames(study, sites, is_masked=is_masked, with_quality=False)
    counts = dict(FunctionalResult.objects.filter(result__in=list(frames.results)).values_list("result_id", "rows"))
    infusions = infusions_at(study, sites)

    def load(parts: Sequence[Part]) -> list[SeriesRow]:
        runs = frames.of(parts)
        told = FunctionalResult.objects.filter(result__in=[run["result_pk"] for run in runs])
        series = dict(told.values_list("result_id", "series"))
        return [
            SeriesRow(**frames.frame(run), **row)
            for run in runs
            for row in functional_tables.series_rows(series[run["result_pk"]], _to_scan(run, infusions))
        ]

    return Parts(frames_of(frames.runs, counts, is_masked=is_masked), load)


def changes_at(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> list[ChangeRow]:
    """Return the changes after the infusion's start of the sites' finished runs."""
    return list(_of_outcomes(study, sites, functional_tables.change_rows, ChangeRow, is_masked=is_masked))


def effects_at(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> list[EffectRow]:
    """Return the terms of the general linear models of the sites' finished runs."""
    return list(_of_outcomes(study, sites, functional_tables.effect_rows, EffectRow, is_masked=is_masked))


def transients_at(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> list[TransientRow]:
    """Return the transients of the sites' finished runs."""
    frames = run_frames(study, sites, is_masked=is_masked, with_quality=False, transients=TRANSIENTS)
    infusions = infusions_at(study, sites)
    return [
        TransientRow(**frames.frame(run), **row)
        for run in frames.runs
        for row in functional_tables.transient_rows(run["transients"] or {}, _to_scan(run, infusions))
    ]


def _of_outcomes(
    study: Study, sites: QuerySet[Site], tidy: Tidy, made: Callable[..., Row], *, is_masked: bool
) -> Iterable[Row]:
    frames: Frames = run_frames(
        study, sites, is_masked=is_masked, with_quality=False, outcomes=F("result__functional__outcomes")
    )
    for run in frames.runs:
        for row in tidy(run["outcomes"] or {}):
            yield made(**frames.frame(run), **row)


def _to_scan(run: Mapping[str, Any], infusions: Mapping[Any, Any]) -> float | None:  # Any: columns of values()
    infusion, scan = infusions.get(run["session"]), run["acquired_at"]
    return (scan - infusion).total_seconds() / 60 if infusion and scan else None
