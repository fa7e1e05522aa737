"""The analyses behind the figures: plain functions on numbers, no Django."""

from studyportal.reports.analysis.crossover import (
    Estimate,
    PairedOutcome,
    by_subgroup,
    change,
    hills_armitage,
    paired_t,
    period_effect,
)
from studyportal.reports.analysis.proportions import Proportion, is_response, wilson
from studyportal.reports.analysis.series import Measurement, SeriesPoint, plain_series, within_participant_series

__all__ = [
    "Estimate",
    "Measurement",
    "PairedOutcome",
    "Proportion",
    "SeriesPoint",
    "by_subgroup",
    "change",
    "hills_armitage",
    "is_response",
    "paired_t",
    "period_effect",
    "plain_series",
    "wilson",
    "within_participant_series",
]
