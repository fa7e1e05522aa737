"""The tables of functional spectra: each run's course over time and what of it goes with the infusion.

Same rules as `datasets`: scoped to the sites where the viewer holds the permission of the grain, the session masked for
reviewers of fits; the unblinded twin of each needs the links that `datasets.open_links` has announced and opened.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Expression, F, Func, IntegerField, QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Coalesce

from sessions import functional_tables
from sessions.models import FunctionalResult, QuantificationResult
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import sites_with
from studyportal.reports.datasets import Links, linked_parts, reviews
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
LENGTH = "jsonb_array_length(jsonb_path_query_array(%(expressions)s, '{}', '{{}}', true))"


def _length(column: str, *paths: str) -> Func:
    """Return how many values the paths find in a column: counted by the database, without sending them."""
    return Func(
        F(column), template=" + ".join(LENGTH.format(path) for path in paths), output_field=IntegerField()
    )  # fmt: skip


CHANGES = _length("outcomes", "$.change_after_dose.*")
EFFECTS = _length(
    "outcomes", "$.glm.outcomes.*.baseline", "$.glm.outcomes.*.regressors.*", "$.glm.outcomes.*.contrasts.*"
)
TRANSIENTS = Coalesce(Cast(KeyTextTransform("count", KeyTransform("transients", "document")), IntegerField()), 0)


def series_parts(viewer: User, study: Study) -> Parts[SeriesRow]:
    """Fits of windows, events and single transients, of the sites where the viewer may see estimates."""
    return series_at(study, sites_with(viewer, Permission.METABOLITE_VIEW, study), is_masked=reviews(viewer, study))


def change_parts(viewer: User, study: Study) -> Parts[ChangeRow]:
    """Changes after the infusion's start, of the sites where the viewer may see estimates."""
    return changes_at(study, sites_with(viewer, Permission.METABOLITE_VIEW, study), is_masked=reviews(viewer, study))


def effect_parts(viewer: User, study: Study) -> Parts[EffectRow]:
    """Terms of the general linear models, of the sites where the viewer may see estimates."""
    return effects_at(study, sites_with(viewer, Permission.METABOLITE_VIEW, study), is_masked=reviews(viewer, study))


def transient_parts(viewer: User, study: Study) -> Parts[TransientRow]:
    """Transients of finished runs, of the sites where the viewer may see the quality of spectra."""
    sites = sites_with(viewer, Permission.SPECTRUM_QUALITY_VIEW, study)
    return transients_at(study, sites, is_masked=reviews(viewer, study))


def unblinded_series_parts(study: Study, links: Links) -> Parts[UnblindedSeriesRow]:
    """Fits of parts with what was given in their session."""
    return linked_parts(series_at(study, study.sites.all(), is_masked=False), links, UnblindedSeriesRow)


def unblinded_change_parts(study: Study, links: Links) -> Parts[UnblindedChangeRow]:
    """Changes with what was given in their session."""
    return linked_parts(changes_at(study, study.sites.all(), is_masked=False), links, UnblindedChangeRow)


def unblinded_effect_parts(study: Study, links: Links) -> Parts[UnblindedEffectRow]:
    """Effects with what was given in their session."""
    return linked_parts(effects_at(study, study.sites.all(), is_masked=False), links, UnblindedEffectRow)


def unblinded_transient_parts(study: Study, links: Links) -> Parts[UnblindedTransientRow]:
    """Transients with what was given in their session."""
    return linked_parts(transients_at(study, study.sites.all(), is_masked=False), links, UnblindedTransientRow)


def series_at(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> Parts[SeriesRow]:
    """Return the fits of parts of the sites' finished runs, run by run."""
    frames, infusions = run_frames(study, sites, is_masked=is_masked, with_quality=False), infusions_at(study, sites)
    return _parts(
        frames, FunctionalResult.objects.all(), (F("rows"), F("series")), SeriesRow,
        lambda series, run: functional_tables.series_rows(series, _to_scan(run, infusions)),
    )  # fmt: skip


def changes_at(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> Parts[ChangeRow]:
    """Return the changes after the infusion's start of the sites' finished runs, run by run."""
    frames = run_frames(study, sites, is_masked=is_masked, with_quality=False)
    return _parts(
        frames, FunctionalResult.objects.all(), (CHANGES, F("outcomes")), ChangeRow,
        lambda outcomes, _run: functional_tables.change_rows(outcomes),
    )  # fmt: skip


def effects_at(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> Parts[EffectRow]:
    """Return the terms of the general linear models of the sites' finished runs, run by run."""
    frames = run_frames(study, sites, is_masked=is_masked, with_quality=False)
    return _parts(
        frames, FunctionalResult.objects.all(), (EFFECTS, F("outcomes")), EffectRow,
        lambda outcomes, _run: functional_tables.effect_rows(outcomes),
    )  # fmt: skip


def transients_at(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> Parts[TransientRow]:
    """Return the transients of the sites' finished runs, run by run."""
    frames, infusions = run_frames(study, sites, is_masked=is_masked, with_quality=False), infusions_at(study, sites)
    results = QuantificationResult.objects.annotate(result_id=F("pk"))
    return _parts(
        frames, results, (TRANSIENTS, KeyTransform("transients", "document")), TransientRow,
        lambda table, run: functional_tables.transient_rows(table, _to_scan(run, infusions)),
    )  # fmt: skip


def _parts(
    frames: Frames,
    told: QuerySet[Any],  # Any: rows with a `result_id`
    columns: tuple[Expression | F, Expression | F],
    made: Callable[..., Row],
    tidy: Callable[[Any, Mapping[str, Any]], Iterable[dict[str, Any]]],
) -> Parts[Row]:
    """Return a table whose rows are counted by one expression and made from what another one holds."""
    count, content = columns
    counts = dict(told.filter(result_id__in=list(frames.results)).values_list("result_id", count))

    def load(parts: Sequence[Part]) -> list[Row]:
        runs = frames.of(parts)
        found = dict(told.filter(result_id__in=[run["result_pk"] for run in runs]).values_list("result_id", content))
        rows = []
        for run in runs:
            frame = frames.frame(run)
            rows += [made(**frame, **row) for row in tidy(found[run["result_pk"]], run)]
        return rows

    return Parts(frames_of(frames.runs, counts, is_masked=frames.is_masked), load)


def _to_scan(run: Mapping[str, Any], infusions: Mapping[Any, Any]) -> float | None:  # Any: columns of values()
    infusion, scan = infusions.get(run["session"]), run["acquired_at"]
    return (scan - infusion).total_seconds() / 60 if infusion and scan else None
