"""Estimates of contrasts with their t tests and intervals."""

import math
from collections.abc import Callable, Mapping

from scipy.special import stdtr, stdtrit

from studyportal.reports.analysis.mixed.results import Coefficient
from studyportal.reports.analysis.mixed.table import Array


def estimates(
    contrasts: Mapping[str, Array],
    beta: Array,
    covariance: Array,
    degrees: Callable[[Array], float],
    confidence: float,
) -> tuple[Coefficient, ...]:
    """Return the estimates of named contrasts, by Student's t on their own degrees of freedom."""
    found = []
    for name, contrast in contrasts.items():
        estimate = float(contrast @ beta)
        error = math.sqrt(max(0.0, float(contrast @ covariance @ contrast)))
        df = degrees(contrast)
        t = estimate / error if error else math.nan
        half = error * float(stdtrit(df, (1 + confidence) / 2)) if df > 0 else math.nan
        p = 2 * float(stdtr(df, -abs(t))) if df > 0 else math.nan
        found.append(Coefficient(name, estimate, error, df, t, p, estimate - half, estimate + half))
    return tuple(found)
