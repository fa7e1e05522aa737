"""The general linear model over transients: what of a time course goes with an event, a dose, a drift or the linewidth.

Ordinary least squares; where neighbouring residuals are alike, generalised least squares with a first-order
autoregression (Cochrane and Orcutt 1949, J Am Stat Assoc 44:32-61). The haemodynamic response is the difference of two
gamma densities (Glover 1999, NeuroImage 9:416-429).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, stdtr, stdtrit

from sessions.mrs.errors import MrsError
from sessions.mrs.schedule import Event

Real = NDArray[np.floating[Any]]

BASELINE = "baseline"
DRIFT, LINEWIDTH = "drift", "linewidth"
CONFIDENCE = 0.95
FINE_S = 0.1
HRF_SECONDS = 32.0
MOST_REGRESSORS = 40


@dataclass(frozen=True)
class Design:
    """Regressors, one a column, with their names; `is_effect` tells those of interest from nuisances."""

    names: tuple[str, ...]
    matrix: Real
    is_effect: tuple[bool, ...]


@dataclass(frozen=True)
class Effect:
    """One estimated quantity: standard error, confidence limits (95 %), two-sided P value."""

    estimate: float
    se: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Regression:
    """A fitted model.

    Parameters
    ----------
    estimates, covariance
        Of the regressors.
    degrees_of_freedom, residual_sd
        Of the residuals.
    autocorrelation
        Of neighbouring residuals, before it was corrected for.
    """

    estimates: Real
    covariance: Real
    degrees_of_freedom: int
    residual_sd: float
    autocorrelation: float

    def effect(self, weights: Real) -> Effect:
        """Return a linear combination of the regressors' estimates."""
        estimate = float(weights @ self.estimates)
        se = float(np.sqrt(max(float(weights @ self.covariance @ weights), 0.0)))
        reach = float(stdtrit(self.degrees_of_freedom, 0.5 + CONFIDENCE / 2)) * se
        p = 2 * float(stdtr(self.degrees_of_freedom, -abs(estimate) / se)) if se > 0 else float("nan")
        return Effect(estimate, se, estimate - reach, estimate + reach, p)


def event_regressors(events: Sequence[Event], starts_s: Real, length_s: float, response: str) -> dict[str, Real]:
    """Return one regressor a kind of event: the share of each transient that it covers, or its haemodynamic response.

    Parameters
    ----------
    starts_s, length_s
        Start of each transient, and how long one takes.
    response
        `boxcar` or `hrf`.
    """
    # Events long before the first transient have no response left in it.
    first = float(starts_s[0]) - HRF_SECONDS - 10
    bins = int(np.ceil((float(starts_s[-1]) + length_s - first) / FINE_S)) + 1
    found = {}
    for kind in dict.fromkeys(event.kind for event in events):
        course = np.zeros(bins)
        for event in events:
            if event.kind == kind:
                low = (event.onset_s - first) / FINE_S
                high = low + max(1.0, event.duration_s / FINE_S)
                course[round(min(max(low, 0), bins)) : round(min(max(high, 0), bins))] = 1
        if response == "hrf":
            course = np.convolve(course, _haemodynamic_response())[:bins]
        total = np.concatenate([[0.0], np.cumsum(course)])
        begin = np.clip(np.rint((starts_s - first) / FINE_S).astype(int), 0, bins)
        end = np.clip(np.rint((starts_s + length_s - first) / FINE_S).astype(int), 0, bins)
        found[kind] = (total[end] - total[begin]) / np.maximum(end - begin, 1)
    return found


def _haemodynamic_response() -> Real:
    """Return the double-gamma response, whose integral is 1: a long event rises to 1."""
    times = np.arange(FINE_S, HRF_SECONDS, FINE_S)
    response = _gamma(times, 6.0) - _gamma(times, 16.0) / 6.0
    return np.asarray(response / response.sum())


def _gamma(times: Real, shape: float) -> Real:
    return np.asarray(np.exp((shape - 1) * np.log(times) - times - gammaln(shape)))


def make_design(effects: Mapping[str, Real], nuisances: Mapping[str, Real], drift_order: int, count: int) -> Design:
    """Put a design together: effects, then nuisances and drift (centred, so that the baseline keeps its meaning).

    Raises
    ------
    MrsError
        `design-invalid`: too many regressors, or some that cannot be told apart.
    """
    columns: dict[str, Real] = dict(effects)
    for name, values in nuisances.items():
        columns[name] = values - values.mean()
    position = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
    for order in range(1, drift_order + 1):
        course = np.polynomial.legendre.Legendre.basis(order)(position)
        columns[DRIFT if order == 1 else f"{DRIFT}{order}"] = course - course.mean()
    columns[BASELINE] = np.ones(count)
    names = tuple(columns)
    matrix = np.column_stack(list(columns.values()))
    if len(names) > MOST_REGRESSORS or len(names) + 2 > count:
        raise MrsError(
            "design-invalid", f"The schedule has more kinds of events than {count} transients can tell apart."
        )
    scaled = matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-12)
    if np.linalg.svd(scaled, compute_uv=False)[-1] < 1e-4:
        raise MrsError(
            "design-invalid",
            "The kinds of events cannot be told apart from each other and the baseline: leave one of them out, so that "
            "the rest of the time is the baseline.",
        )
    return Design(names, matrix, tuple(name in effects for name in names))


def regress(design: Design, values: Real, kept: NDArray[np.bool_]) -> Regression:
    """Fit the model to the values of the transients that are kept."""
    x, y = design.matrix[kept], values[kept]
    estimates, residual = _least_squares(x, y)
    energy = float(residual @ residual)
    count, terms = x.shape
    neighbours = np.diff(np.flatnonzero(kept)) == 1
    products = float(residual[1:][neighbours] @ residual[:-1][neighbours])
    # Residuals of a model with so many terms are negatively correlated by themselves.
    rho = products / energy + terms / count if energy > 0 else 0.0
    if rho > 2 / np.sqrt(count):
        share = min(rho, 0.9)
        keep = np.sqrt(1 - share**2)
        whitened_x, whitened_y = x.copy(), y.copy()
        whitened_x[0], whitened_y[0] = keep * x[0], keep * y[0]
        whitened_x[1:], whitened_y[1:] = x[1:] - share * x[:-1], y[1:] - share * y[:-1]
        x, y = whitened_x, whitened_y
        estimates, residual = _least_squares(x, y)
        energy = float(residual @ residual)
    freedom = max(count - terms, 1)
    covariance = np.linalg.pinv(x.T @ x) * energy / freedom
    return Regression(estimates, covariance, freedom, float(np.sqrt(energy / freedom)), round(rho, 4))


def _least_squares(x: Real, y: Real) -> tuple[Real, Real]:
    estimates, *_ = np.linalg.lstsq(x, y, rcond=None)
    return estimates, np.asarray(y - x @ estimates)


def contrast_weights(text: str, design: Design) -> Real:
    """Return the weights of a contrast such as `heat - post_heat` or `0.5*a + 0.5*b - c`.

    Raises
    ------
    MrsError
        `contrast-invalid`: it names something that is no regressor.
    """
    weights = np.zeros(len(design.names))
    # The longest names first: a name may hold another one, or a hyphen.
    names = "|".join(re.escape(name) for name in sorted(design.names, key=len, reverse=True))
    term = re.compile(rf"\s*([+-]?)\s*(?:(\d+(?:\.\d+)?)\s*\*\s*)?({names})\s*(?=[+-]|$)")
    position = 0
    while position < len(text):
        found = term.match(text, position)
        if found is None or (position > 0 and not found[1]):
            known = ", ".join(name for name, effect in zip(design.names, design.is_effect, strict=True) if effect)
            raise MrsError("contrast-invalid", f"The contrast {text!r} cannot be read; it may name {known}.")
        size = float(found[2] or 1) * (-1 if found[1] == "-" else 1)
        weights[design.names.index(found[3])] += size
        position = found.end()
    if not weights.any():
        raise MrsError("contrast-invalid", f"The contrast {text!r} names no regressor.")
    return weights
