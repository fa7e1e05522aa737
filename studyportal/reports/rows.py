"""The typed rows that reports, figures and the API are made of: one class a grain, units in the names.

The blinded rows name neither sequence nor treatment. Their unblinded twins add both and are built at the vault only.
"""

import datetime
from dataclasses import dataclass, fields
from functools import cache
from typing import Any
from uuid import UUID


def values_of(row: Any) -> dict[str, Any]:  # Any: every row class, which share no base
    """Return a row's values by name, as its unblinded twin takes them."""
    return {name: getattr(row, name) for name in _names(type(row))}  # type: ignore[arg-type]  # classes hash


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantRow:
    """One screened or enrolled participant."""

    participant: str
    site: str
    sex: str
    age_years: int
    status: str
    screened_at: datetime.datetime
    randomization_number: str
    randomized_at: datetime.datetime | None
    is_randomized_on_paper: bool
    randomized_in_error_at: datetime.datetime | None
    stratum_at_randomization: str
    stratum_corrected: str
    withdrawn_on: datetime.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One session; `infusion_minutes` is the infusion's actual length."""

    participant: str
    site: str
    sex: str
    period: int
    status: str
    planned_at: datetime.datetime | None
    started_at: datetime.datetime | None
    pretreatment_at: datetime.datetime | None
    infusion_started_at: datetime.datetime | None
    infusion_ended_at: datetime.datetime | None
    infusion_minutes: float | None
    completed_at: datetime.datetime | None
    missed_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MadrsRow:
    """One signed MADRS; the total (0-60) is None when an item is missing."""

    participant: str
    site: str
    sex: str
    period: int
    timepoint: str
    rater: str
    interview_started_at: datetime.datetime
    hours_from_infusion: float | None
    is_in_window: bool | None
    items_scored: int
    total: int | None
    signed_at: datetime.datetime | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """One item of a signed MADRS: a score 0-6, or the reason why there is none."""

    participant: str
    site: str
    sex: str
    period: int
    timepoint: str
    item: int
    title: str
    value: int | None
    missing_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumRow:
    """One uploaded spectrum; of one whose `status` is withdrawn no other table holds anything.

    `period` and `uploaded_at` are None for those who review fits with the session masked.
    """

    participant: str
    site: str
    period: int | None
    spectrum_id: UUID
    ordinal: int
    kind: str
    status: str
    original_sha256: str
    stored_sha256: str
    stored_bytes: int | None
    uploaded_at: datetime.datetime | None
    water_reference_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFrame:
    """What every row of a finished run begins with.

    `is_current` marks the latest finished run of its spectrum; `review` is the latest verdict on the run. `is_counted`:
    whether the primary outcome takes it, which only runs under the signed analysis protocol reach. `period` is None for
    those who review fits with the session masked.
    """

    participant: str
    site: str
    sex: str
    period: int | None
    spectrum_id: UUID
    quantification_id: UUID
    run_ordinal: int
    engine_version: str
    settings_sha256: str
    protocol_version: int | None
    is_signed_protocol: bool
    is_current: bool
    is_counted: bool
    is_usable: bool
    review: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantificationRow(RunFrame):
    """One estimate of a finished run, of the whole spectrum (`block` None) or of one block."""

    snr: float | None
    fwhm_hz: float | None
    block: int | None
    minutes_from_infusion: float | None
    quantity: str
    name: str
    value: float | None
    crlb_percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRow:
    """Quality of one spectrum's latest run: no metabolite's value, only how well the study's ratio is known."""

    participant: str
    site: str
    spectrum_id: UUID
    acquired_at: datetime.datetime
    is_usable: bool
    review: str
    snr: float | None
    fwhm_hz: float | None
    crlb_percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedParticipantRow(ParticipantRow):
    """A participant with the allocated sequence."""

    sequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedSessionRow(SessionRow):
    """A session with what was given in it."""

    sequence: str
    treatment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedMadrsRow(MadrsRow):
    """A MADRS with what was given in its session.

    `is_after_reveal` marks an interview that began when the participant's treatment had been revealed to somebody, or
    could be deduced from another's reveal: its rater may no longer have been blinded.
    """

    sequence: str
    treatment: str
    is_after_reveal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedItemRow(ItemRow):
    """An item with what was given in its session."""

    sequence: str
    treatment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedSpectrumRow(SpectrumRow):
    """A spectrum with what was given in its session."""

    sequence: str
    treatment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedQuantificationRow(QuantificationRow):
    """An estimate with what was given in its session."""

    sequence: str
    treatment: str
