"""The part of the datasets that comes from spectra: files, estimates and quality, for given sites.

Masked rows carry neither period nor upload time and stand in an order that says nothing about them: who reviews fits
may not tell the first session from the second.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Count, Expression, F, Func, JSONField, Q, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from sessions.models import (
    Dose,
    MetaboliteEstimate,
    QuantificationResult,
    QuantificationReview,
    QuantificationRun,
    Spectrum,
)
from studyportal.reports import rows
from studyportal.reports.parts import Part, Parts, frames_of
from studyportal.studies.models import Site, Study

Finished = dict[str, Any]  # Any: the columns of `_finished`, by name
BLOCKS = Func(
    F("document"), Value('$.blocks[*].keyvalue() ? (@.key == "block" || @.key == "quality")'),
    function="jsonb_path_query_array", template="%(function)s(%(expressions)s::jsonpath)", output_field=JSONField(),
)  # fmt: skip
"""Number and quality of every block as pairs of key and value, with an id that the pairs of one block share."""
QUALITY = KeyTransform("quality", "result__document")


def spectra_at(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> list[rows.SpectrumRow]:
    """Return the spectra of the sites."""
    found = (
        Spectrum.objects.filter(session__participant__study=study, session__participant__site__in=sites)
        .select_related("session__participant__site", "session__period")
        .order_by(
            "session__participant__number", *(["pk"] if is_masked else ["session__period__number", "ordinal"])
        )
    )  # fmt: skip
    return [
        rows.SpectrumRow(
            participant=one.session.participant.number, site=one.session.participant.site.code,
            period=None if is_masked else one.session.period.number, spectrum_id=one.pk, ordinal=one.ordinal,
            kind=one.kind, status=one.status, original_sha256=one.original_sha256, stored_sha256=one.stored_sha256,
            stored_bytes=one.stored_bytes, uploaded_at=None if is_masked else one.uploaded_at,
            water_reference_id=one.water_reference_id,
        )
        for one in found
    ]  # fmt: skip


def estimate_parts(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> Parts[rows.QuantificationRow]:
    """Return the estimates of all finished runs of the sites, run by run."""
    frames = run_frames(study, sites, is_masked=is_masked)
    counted = MetaboliteEstimate.objects.filter(result__in=list(frames.results)).order_by()
    counts = dict(counted.values_list("result_id").annotate(Count("pk")))

    def load(parts: Sequence[Part]) -> list[rows.QuantificationRow]:
        chosen = frames.of(parts)
        blocks = QuantificationResult.objects.filter(pk__in=[run["result_pk"] for run in chosen])
        found = dict(blocks.values_list("pk", BLOCKS))
        return _estimates(frames, chosen, {pk: _block_qualities(pairs) for pk, pairs in found.items()})

    return Parts(frames_of(frames.runs, counts, is_masked=is_masked), load)


def counted_rows_at(study: Study, sites: QuerySet[Site], name: str) -> list[rows.QuantificationRow]:
    """Return one ratio's estimates of the runs that count, without the quality of the fits: what figures average."""
    frames = run_frames(study, sites, is_masked=False, with_quality=False)
    return _estimates(frames, [run for run in frames.runs if run["pk"] in frames.counted], {}, name=name)


def _estimates(
    frames: "Frames", runs: Sequence[Finished], qualities: Mapping[UUID, Mapping[int, Any]], name: str = ""
) -> list[rows.QuantificationRow]:
    estimates: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)  # Any: the columns' values
    wanted = MetaboliteEstimate.objects.filter(result__in=[run["result_pk"] for run in runs])
    if name:
        wanted = wanted.filter(name=name)
    # Values, not objects: a study has tens of thousands of estimates.
    for result, *estimate in wanted.order_by("block", "quantity", "name").values_list(
        "result_id", "block", "minutes_from_infusion", "quantity", "name", "value", "crlb_percent"
    ):
        estimates[result].append(tuple(estimate))
    found = []
    for run in runs:
        frame, of_blocks = frames.frame(run), qualities.get(run["result_pk"], {})
        for block, minutes, quantity, named, value, crlb_percent in estimates[run["result_pk"]]:
            quality = run.get("quality") or {} if block is None else of_blocks.get(block, {})
            found.append(
                rows.QuantificationRow(
                    **frame, snr=quality.get("snr"), fwhm_hz=quality.get("fwhm_hz"), block=block,
                    minutes_from_infusion=minutes, quantity=quantity, name=named, value=value,
                    crlb_percent=crlb_percent,
                )
            )  # fmt: skip
    return found


def quality_at(study: Study, sites: QuerySet[Site]) -> list[rows.QualityRow]:
    """Return the quality of every spectrum's leading run, in the order of acquisition.

    That is the latest under the signed analysis protocol, else the latest that is not exploratory.
    """
    ratio_of = KeyTransform(study.mrs_primary_ratio, KeyTransform("ratios", "result__document"))
    runs = _finished(study, sites, is_masked=False, quality=QUALITY, ratio=ratio_of)
    verdicts, infusions = _verdicts(runs), infusions_at(study, sites)
    planned = [run for run in runs if not run["is_exploratory"]]
    leading = {run["spectrum_id"]: run for run in planned}
    leading |= {run["spectrum_id"]: run for run in planned if run["is_signed"]}
    found = []
    for run in leading.values():
        quality, ratio = run["quality"] or {}, run["ratio"] or {}
        found.append(
            rows.QualityRow(
                participant=run["participant"], site=run["site"], spectrum_id=run["spectrum_id"],
                acquired_at=infusions.get(run["session"]) or run["session_started_at"] or run["uploaded_at"],
                is_usable=run["is_usable"], review=verdicts.get(run["pk"], ""), snr=quality.get("snr"),
                fwhm_hz=quality.get("fwhm_hz"), crlb_percent=ratio.get("crlb_percent"),
            )
        )  # fmt: skip
    return sorted(found, key=lambda row: (row.acquired_at, row.spectrum_id))


def infusions_at(study: Study, sites: QuerySet[Site]) -> dict[UUID, datetime.datetime]:
    """Return when the infusion of each session of the sites began."""
    given = Dose.objects.filter(
        planned__kind="infusion", session__participant__study=study, session__participant__site__in=sites
    )
    return dict(given.values_list("session_id", "started_at"))


@dataclass(frozen=True)
class Frames:
    """The finished runs of a table, with what every row of a run begins with."""

    runs: list[Finished]
    current: frozenset[UUID]
    counted: frozenset[UUID]
    verdicts: Mapping[UUID, str]
    is_masked: bool

    @cached_property
    def results(self) -> dict[UUID, Finished]:
        """The runs by their result."""
        return {run["result_pk"]: run for run in self.runs}

    @cached_property
    def _by_key(self) -> dict[UUID, Finished]:
        return {run["pk"]: run for run in self.runs}

    def of(self, parts: Sequence[Part]) -> list[Finished]:
        """Return the runs of some parts."""
        return [self._by_key[part.quantification_id] for part in parts]

    def frame(self, run: Finished) -> dict[str, Any]:  # Any: keyword arguments of a row class
        """Return the columns that every row of a run begins with."""
        return {
            "participant": run["participant"], "site": run["site"], "sex": run["sex"],
            "period": None if self.is_masked else run["period"], "spectrum_id": run["spectrum_id"],
            "quantification_id": run["pk"], "run_ordinal": run["ordinal"], "engine_version": run["engine_version"],
            "settings_sha256": run["settings_sha256"], "protocol_version": run["protocol_version"],
            "is_signed_protocol": run["is_signed"], "is_current": run["pk"] in self.current,
            "is_counted": run["pk"] in self.counted, "is_usable": run["is_usable"],
            "review": self.verdicts.get(run["pk"], ""),
        }  # fmt: skip


def run_frames(
    study: Study, sites: QuerySet[Site], *, is_masked: bool, with_quality: bool = True, **more: Expression | F
) -> Frames:
    """Return the finished runs of the sites' files; of the engine's documents no more than asked for."""
    asked = {"quality": QUALITY, **more} if with_quality else more
    runs = _finished(study, sites, is_masked=is_masked, **asked)
    verdicts = _verdicts(runs)
    return Frames(runs, _current(runs), _counted(runs, verdicts), verdicts, is_masked)


def _finished(study: Study, sites: QuerySet[Site], *, is_masked: bool, **more: Expression | F) -> list[Finished]:
    """Return finished runs of files that were not withdrawn; of the engine's long document only `more`."""
    order = ["spectrum"] if is_masked else ["period", "spectrum__ordinal"]
    return list(
        QuantificationRun.objects.filter(
            state=QuantificationRun.State.DONE,
            result__isnull=False,
            spectrum__session__participant__study=study,
            spectrum__session__participant__site__in=sites,
        )
        .exclude(spectrum__status=Spectrum.Status.WITHDRAWN)
        .annotate(
            participant=F("spectrum__session__participant__number"),
            site=F("spectrum__session__participant__site__code"),
            sex=F("spectrum__session__participant__sex"),
            session=F("spectrum__session_id"),
            period=F("spectrum__session__period__number"),
            session_started_at=F("spectrum__session__started_at"),
            uploaded_at=F("spectrum__uploaded_at"),
            protocol_version=F("protocol__version"),
            is_exploratory=F("protocol__is_exploratory"),
            is_signed=Q(
                protocol__signed_at__isnull=False, engine_version=KeyTextTransform("engine_version", "protocol__terms")
            ),
            excludes_unusable=F("protocol__terms__excludes_unusable"),
            result_pk=F("result__pk"),
            is_usable=F("result__is_usable"),
            acquired_at=F("spectrum__upload__acquired_at"),
            **more,
        )
        .order_by("participant", *order, "ordinal")
        .values(
            "pk", "participant", "site", "sex", "session", "period", "session_started_at", "uploaded_at", "spectrum_id",
            "ordinal", "engine_version", "settings_sha256", "protocol_version", "is_exploratory", "is_signed",
            "excludes_unusable", "result_pk", "is_usable", "acquired_at", *more,
        )
    )  # fmt: skip


def _current(runs: Iterable[Finished]) -> frozenset[UUID]:
    """Return the latest run of each spectrum; `runs` come with their ordinals rising."""
    return frozenset({run["spectrum_id"]: run["pk"] for run in runs}.values())


def _counted(runs: Iterable[Finished], verdicts: Mapping[UUID, str]) -> frozenset[UUID]:
    """Return the runs that the primary outcome takes: of each spectrum the latest under the signed protocol, if usable.

    A rejected fit never counts; a spectrum that misses a threshold counts where the protocol says that it does.
    """
    latest = {run["spectrum_id"]: run for run in runs if run["is_signed"]}
    return frozenset(
        run["pk"]
        for run in latest.values()
        if verdicts.get(run["pk"]) != QuantificationReview.Decision.REJECT
        and (run["is_usable"] or run["excludes_unusable"] is False)
    )


def _verdicts(runs: Iterable[Finished]) -> dict[UUID, str]:
    """Return the latest verdict on each run that has one."""
    reviews = QuantificationReview.objects.filter(run__in=[run["pk"] for run in runs]).order_by("reviewed_at")
    return dict(reviews.values_list("run_id", "decision"))


def _block_qualities(pairs: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """Return the quality of each block by its number, from the pairs that `BLOCKS` fetched."""
    blocks: dict[int, dict[str, Any]] = defaultdict(dict)
    for pair in pairs:
        blocks[pair["id"]][pair["key"]] = pair["value"]
    return {own["block"]: own.get("quality", {}) for own in blocks.values() if "block" in own}
