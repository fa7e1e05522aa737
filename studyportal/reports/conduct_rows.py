"""Rows about how the study was run: doses as given, adverse events, deviations and quantification runs.

Same rules as `datasets`: scoped to the sites where the viewer holds the permission of the grain; the unblinded twin of
each needs the links that `datasets.open_links` has announced and opened, at the vault.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform

from sessions.analysis_protocols import standing_of
from sessions.models import AdverseEvent, AnalysisProtocol, Dose, ProtocolDeviation, QuantificationRun, Spectrum
from sessions.services.analysis_protocols import signed_of
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, sites_with
from studyportal.reports.datasets import Links
from studyportal.reports.rows import values_of
from studyportal.studies.models import Site, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseRow:
    """One dose as given; what the capsule held is not part of it."""

    participant: str
    site: str
    period: int
    kind: str
    label: str
    started_at: datetime.datetime
    ended_at: datetime.datetime | None
    duration_minutes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdverseEventRow:
    """One adverse event reported in or after a session."""

    participant: str
    site: str
    period: int
    adverse_event_id: UUID
    term: str
    severity: str
    is_serious: bool
    started_at: datetime.datetime
    ended_at: datetime.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationRow:
    """One departure from the protocol; `period` is None when it belongs to no session."""

    participant: str
    site: str
    period: int | None
    deviation_id: UUID
    code: str
    description: str
    occurred_at: datetime.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One quantification run in any state, with the quality figures of a finished one; none of a withdrawn file.

    `period` and the times are None for those who review fits with the session masked: their order would tell.
    """

    participant: str
    site: str
    period: int | None
    spectrum_id: UUID
    quantification_id: UUID
    run_ordinal: int
    state: str
    basis: str
    engine_version: str
    settings_sha256: str
    protocol_version: int | None
    is_signed_protocol: bool
    queued_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    attempts: int
    failure_code: str
    is_usable: bool | None
    seconds_to_verdict: float | None
    snr: float | None
    fwhm_hz: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedDoseRow(DoseRow):
    """A dose with what was given in its session."""

    sequence: str
    treatment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedAdverseEventRow(AdverseEventRow):
    """An adverse event with what was given in its session."""

    sequence: str
    treatment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedDeviationRow(DeviationRow):
    """A deviation with what was given in its session, where it has one."""

    sequence: str
    treatment: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedRunRow(RunRow):
    """A run with what was given in its spectrum's session."""

    sequence: str
    treatment: str


Base = TypeVar("Base", DoseRow, AdverseEventRow, DeviationRow, RunRow)
Twin = TypeVar("Twin")


def dose_rows(viewer: User, study: Study) -> list[DoseRow]:
    """Doses of the sites where the viewer may see sessions."""
    return doses_at(study, sites_with(viewer, Permission.SESSION_VIEW, study))


def adverse_event_rows(viewer: User, study: Study) -> list[AdverseEventRow]:
    """Adverse events of the sites where the viewer may export safety data."""
    return adverse_events_at(study, sites_with(viewer, Permission.SAFETY_EXPORT, study))


def deviation_rows(viewer: User, study: Study) -> list[DeviationRow]:
    """Deviations of the sites whose progress the viewer reports on."""
    return deviations_at(study, sites_with(viewer, Permission.REPORT_VIEW, study))


def run_rows(viewer: User, study: Study) -> list[RunRow]:
    """Runs of the sites where the viewer may see the quality of spectra."""
    is_masked = can(viewer, Permission.QUANTIFICATION_REVIEW, study)
    return runs_at(study, sites_with(viewer, Permission.SPECTRUM_QUALITY_VIEW, study), is_masked=is_masked)


def unblinded_dose_rows(study: Study, links: Links) -> list[UnblindedDoseRow]:
    """Doses with what was given in their session."""
    return _linked(doses_at(study, study.sites.all()), links, UnblindedDoseRow)


def unblinded_adverse_event_rows(study: Study, links: Links) -> list[UnblindedAdverseEventRow]:
    """Adverse events with what was given in their session."""
    return _linked(adverse_events_at(study, study.sites.all()), links, UnblindedAdverseEventRow)


def unblinded_deviation_rows(study: Study, links: Links) -> list[UnblindedDeviationRow]:
    """Deviations of randomized participants with their sequence."""
    return _linked(deviations_at(study, study.sites.all()), links, UnblindedDeviationRow)


def unblinded_run_rows(study: Study, links: Links) -> list[UnblindedRunRow]:
    """Runs with what was given in their spectrum's session."""
    return _linked(runs_at(study, study.sites.all(), is_masked=False), links, UnblindedRunRow)


def _linked(found: Sequence[Base], links: Links, twin: Callable[..., Twin]) -> list[Twin]:
    """Return the twins of the rows of randomized participants."""
    return [
        twin(
            **values_of(row),
            sequence=links.sequences[row.participant],
            treatment=_given(links, row.participant, row.period),
        )
        for row in found
        if row.participant in links.sequences
    ]


def _given(links: Links, participant: str, period: int | None) -> str | None:
    return None if period is None else links.treatments[links.sequences[participant], period]


def doses_at(study: Study, sites: QuerySet[Site]) -> list[DoseRow]:
    """Doses by participant, period and planned time."""
    found = (
        Dose.objects.filter(session__participant__study=study, session__participant__site__in=sites)
        .select_related("session__participant__site", "session__period", "planned")
        .order_by("session__participant__number", "session__period__number", "planned__minutes_from_infusion")
    )
    return [
        DoseRow(
            participant=one.session.participant.number, site=one.session.participant.site.code,
            period=one.session.period.number, kind=one.planned.kind, label=one.planned.label,
            started_at=one.started_at, ended_at=one.ended_at,
            duration_minutes=(one.ended_at - one.started_at).total_seconds() / 60 if one.ended_at else None,
        )
        for one in found
    ]  # fmt: skip


def adverse_events_at(study: Study, sites: QuerySet[Site]) -> list[AdverseEventRow]:
    """Adverse events by participant, period and start."""
    found = (
        AdverseEvent.objects.filter(session__participant__study=study, session__participant__site__in=sites)
        .select_related("session__participant__site", "session__period")
        .order_by("session__participant__number", "session__period__number", "started_at", "pk")
    )
    return [
        AdverseEventRow(
            participant=one.session.participant.number, site=one.session.participant.site.code,
            period=one.session.period.number, adverse_event_id=one.pk, term=one.term, severity=one.severity,
            is_serious=one.is_serious, started_at=one.started_at, ended_at=one.ended_at,
        )
        for one in found
    ]  # fmt: skip


def deviations_at(study: Study, sites: QuerySet[Site]) -> list[DeviationRow]:
    """Deviations by participant and time."""
    found = (
        ProtocolDeviation.objects.filter(participant__study=study, participant__site__in=sites)
        .select_related("participant__site", "session__period")
        .order_by("participant__number", "occurred_at", "pk")
    )
    return [
        DeviationRow(
            participant=one.participant.number, site=one.participant.site.code,
            period=one.session.period.number if one.session else None, deviation_id=one.pk, code=one.code,
            description=one.description, occurred_at=one.occurred_at,
        )
        for one in found
    ]  # fmt: skip


def runs_at(study: Study, sites: QuerySet[Site], *, is_masked: bool) -> list[RunRow]:
    """Runs by participant, period, spectrum and ordinal."""
    signed = signed_of(study)
    found = (
        QuantificationRun.objects.filter(
            spectrum__session__participant__study=study, spectrum__session__participant__site__in=sites
        )
        .exclude(spectrum__status=Spectrum.Status.WITHDRAWN)
        .select_related("result", "basis", "protocol", "spectrum__session__participant__site")
        .select_related("spectrum__session__period")
        .defer("result__document", "spectrum__header", "settings")
        .annotate(quality=KeyTransform("quality", "result__document"))
        .order_by("spectrum__session__participant__number", "spectrum__session__period__number", "spectrum", "ordinal")
    )
    return [_run(one, signed, is_masked=is_masked) for one in found]


def _run(one: QuantificationRun, signed: AnalysisProtocol | None, *, is_masked: bool) -> RunRow:
    session = one.spectrum.session
    result = getattr(one, "result", None)
    quality = one.quality or {}  # type: ignore[attr-defined]  # annotated in `runs_at`
    return RunRow(
        participant=session.participant.number, site=session.participant.site.code,
        period=None if is_masked else session.period.number, spectrum_id=one.spectrum_id, quantification_id=one.pk,
        run_ordinal=one.ordinal, state=one.state, basis=one.basis.name if one.basis else "",
        engine_version=one.engine_version, settings_sha256=one.settings_sha256,
        protocol_version=one.protocol.version if one.protocol else None,
        is_signed_protocol=standing_of(one, signed).counts,
        queued_at=None if is_masked else one.queued_at, finished_at=None if is_masked else one.finished_at,
        attempts=one.attempts, failure_code=one.failure_code, is_usable=result.is_usable if result else None,
        seconds_to_verdict=result.seconds_to_verdict if result else None,
        snr=quality.get("snr"), fwhm_hz=quality.get("fwhm_hz"),
    )  # fmt: skip
