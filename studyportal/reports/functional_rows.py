"""The typed rows of functional spectra: fits of parts, changes after the dose, effects of the model, transients.

The columns after the run's own are those of `sessions.functional_tables`; a test keeps the two alike.
"""

from dataclasses import dataclass

from studyportal.reports.rows import RunFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow(RunFrame):
    """One quantity in one part of a functional file: a sliding window, an event or a single transient."""

    part: int
    part_name: str
    first_transient: int
    last_transient: int
    transients: int
    minutes_from_start: float | None
    minutes_from_infusion: float | None
    quantity: str
    name: str
    value: float | None
    crlb_percent: float | None
    change_percent: float | None
    snr: float | None
    fwhm_hz: float | None
    shift_hz: float | None
    phase_deg: float | None
    residual_over_noise: float | None
    has_converged: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow(RunFrame):
    """One quantity's change from before the infusion and the area under it, over the single transients of a run."""

    quantity: str
    name: str
    predose_value: float | None
    predose_transients: int
    change_percent: float | None
    change_se: float | None
    change_low: float | None
    change_high: float | None
    auc_percent_minutes: float | None
    auc_se: float | None
    auc_low: float | None
    auc_high: float | None
    minutes_after_dose: float
    dose_from_minutes: float | None
    dose_to_minutes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow(RunFrame):
    """One term of the general linear model of one quantity over the single transients of a run."""

    quantity: str
    name: str
    term: str
    kind: str
    estimate: float | None
    se: float | None
    low: float | None
    high: float | None
    p: float | None
    percent: float | None
    percent_low: float | None
    percent_high: float | None
    response: str
    transients: int
    degrees_of_freedom: int
    residual_sd: float | None
    autocorrelation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransientRow(RunFrame):
    """One transient of a run: its frequency, phase, width and signal, and whether it was left out as an outlier."""

    transient: int
    minutes_from_start: float | None
    minutes_from_infusion: float | None
    shift_hz: float | None
    phase_deg: float | None
    width_change_hz: float | None
    fwhm_hz: float | None
    snr: float | None
    scale: float | None
    is_rejected: bool
    rejected_because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedSeriesRow(SeriesRow):
    """A part's quantity with what was given in its session."""

    sequence: str
    treatment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedChangeRow(ChangeRow):
    """A change with what was given in its session."""

    sequence: str
    treatment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedEffectRow(EffectRow):
    """An effect with what was given in its session."""

    sequence: str
    treatment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblindedTransientRow(TransientRow):
    """A transient with what was given in its session."""

    sequence: str
    treatment: str
