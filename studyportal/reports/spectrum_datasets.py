"""The part of the datasets that comes from spectra: files, estimates and quality, for given sites.

Masked rows carry neither period nor upload time and stand in an order that says nothing about them: who reviews fits
may not tell the first session from the second.
"""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from sessions.models import (
    Dose,
    MetaboliteEstimate,
    QuantificationReview,
    QuantificationRun,
    Spectrum,
    StudySession,
)
from sessions.policies import infusion_start
from studyportal.reports import rows
from studyportal.studies.models import Site, Study


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


def estimates_at(
    study: Study, sites: QuerySet[Site], *, is_masked: bool, name: str = ""
) -> list[rows.QuantificationRow]:
    """Return the estimates of all finished runs of the sites, or those of one `name` only."""
    runs = _finished(study, sites, is_masked=is_masked)
    current = _current(runs)
    estimates: dict[UUID, list[MetaboliteEstimate]] = defaultdict(list)
    wanted = MetaboliteEstimate.objects.filter(result__run__in=[run.pk for run in runs])
    for estimate in (wanted.filter(name=name) if name else wanted).order_by("block", "quantity", "name"):
        estimates[estimate.result_id].append(estimate)
    found = []
    for run in runs:
        frame = _frame(run, is_masked=is_masked)
        for estimate in estimates[run.result.pk]:
            quality = _quality(run, estimate.block)
            found.append(
                rows.QuantificationRow(
                    **frame, is_current=run.pk in current, snr=quality.get("snr"), fwhm_hz=quality.get("fwhm_hz"),
                    block=estimate.block, minutes_from_infusion=estimate.minutes_from_infusion,
                    quantity=estimate.quantity, name=estimate.name, value=estimate.value,
                    crlb_percent=estimate.crlb_percent,
                )
            )  # fmt: skip
    return found


def quality_at(study: Study, sites: QuerySet[Site]) -> list[rows.QualityRow]:
    """Return the quality of every spectrum's latest finished run, in the order of acquisition."""
    runs = _finished(study, sites, is_masked=False)
    current = _current(runs)
    found = []
    for run in runs:
        if run.pk not in current:
            continue
        session, quality = run.spectrum.session, _quality(run, None)
        ratio = run.result.document.get("ratios", {}).get(study.mrs_primary_ratio, {})
        found.append(
            rows.QualityRow(
                participant=session.participant.number, site=session.participant.site.code,
                spectrum_id=run.spectrum_id, acquired_at=_acquired_at(session, run), is_usable=run.result.is_usable,
                review=_verdict(run), snr=quality.get("snr"), fwhm_hz=quality.get("fwhm_hz"),
                crlb_percent=ratio.get("crlb_percent"),
            )
        )  # fmt: skip
    return sorted(found, key=lambda row: (row.acquired_at, row.spectrum_id))


def _finished(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> list[QuantificationRun]:
    order = ["spectrum"] if is_masked else ["spectrum__session__period__number", "spectrum__ordinal"]
    return list(
        QuantificationRun.objects.filter(
            state=QuantificationRun.State.DONE,
            result__isnull=False,
            spectrum__session__participant__study=study,
            spectrum__session__participant__site__in=sites,
        )
        .select_related("result", "spectrum__session__participant__site", "spectrum__session__period")
        .prefetch_related(
            Prefetch("reviews", QuantificationReview.objects.order_by("reviewed_at")),
            Prefetch("spectrum__session__doses", Dose.objects.select_related("planned")),
        )
        .order_by("spectrum__session__participant__number", *order, "ordinal")
    )


def _current(runs: Sequence[QuantificationRun]) -> frozenset[UUID]:
    """Return the latest run of each spectrum; `runs` come with their ordinals rising."""
    return frozenset({run.spectrum_id: run.pk for run in runs}.values())


def _frame(run: QuantificationRun, *, is_masked: bool) -> dict[str, Any]:  # Any: keyword arguments of a row class
    session = run.spectrum.session
    return {
        "participant": session.participant.number, "site": session.participant.site.code,
        "sex": session.participant.sex, "period": None if is_masked else session.period.number,
        "spectrum_id": run.spectrum_id, "quantification_id": run.pk, "run_ordinal": run.ordinal,
        "engine_version": run.engine_version, "settings_sha256": run.settings_sha256,
        "is_usable": run.result.is_usable, "review": _verdict(run),
    }  # fmt: skip


def _quality(run: QuantificationRun, block: int | None) -> dict[str, Any]:  # Any: the engine's JSON
    """Return the quality of the whole spectrum, or of one block of it."""
    document = run.result.document
    if block is not None:
        document = next((one for one in document.get("blocks", []) if one.get("block") == block), {})
    return dict(document.get("quality", {}))


def _verdict(run: QuantificationRun) -> str:
    reviews = list(run.reviews.all())
    return reviews[-1].decision if reviews else ""


def _acquired_at(session: StudySession, run: QuantificationRun) -> datetime.datetime:
    return infusion_start(session) or session.started_at or run.spectrum.uploaded_at
