"""Cramer-Rao lower bounds from the whole Fisher matrix, and of sums and ratios from the covariance.

Bolliger, Boesch, Kreis (2013), NeuroImage 83:1031-1040; Kreis (2016), Magn Reson Med 75:15-18: a large bound is a flag,
never a reason to drop a number.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.fit import Fit, Search
from sessions.mrs.model import Model

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

SUMS: dict[str, tuple[str, ...]] = {
    "tNAA": ("NAA", "NAAG"),
    "tCr": ("Cr", "PCr"),
    "tCho": ("GPC", "PCh", "Cho"),
    "Glx": ("Glu", "Gln"),
}
RATIOS: tuple[tuple[str, str], ...] = (
    ("Glx", "tNAA"), ("Glu", "tNAA"), ("Gln", "tNAA"), ("Glu", "tCr"), ("Gln", "tCr"), ("Glx", "tCr"), ("tNAA", "tCr"),
    ("Ins", "tCr"), ("tCho", "tCr"), ("GABA", "tCr"), ("GSH", "tCr"), ("Lac", "tCr"), ("Gln", "Glu"), ("GABA", "Glx"),
)  # fmt: skip
LARGEST_PERCENT = 999.0


@dataclass(frozen=True)
class Estimates:
    """Concentrations (in the basis' units), their covariance, and the names they go by."""

    names: tuple[str, ...]
    amplitudes: Real
    covariance: Real

    def quantity(self, name: str) -> tuple[float, float] | None:
        """Return amplitude and bound of a metabolite or a sum; None when the basis has none of its parts."""
        row = self._row(name)
        if row is None:
            return None
        return float(row @ self.amplitudes), float(np.sqrt(max(float(row @ self.covariance @ row), 0.0)))

    def ratio(self, upper: str, lower: str) -> tuple[float | None, float | None] | None:
        """Return value and relative bound (percent) of a ratio by the delta method."""
        above, below = self._row(upper), self._row(lower)
        if above is None or below is None:
            return None
        a, b = float(above @ self.amplitudes), float(below @ self.amplitudes)
        if b <= 0:
            return None, None
        if a <= 0:
            return 0.0, None
        slope = above / b - below * a / b**2
        sd = float(np.sqrt(max(float(slope @ self.covariance @ slope), 0.0)))
        return a / b, min(100 * sd / (a / b), LARGEST_PERCENT)

    def _row(self, name: str) -> Real | None:
        parts = SUMS.get(name, (name,))
        row = np.array([1.0 if own in parts else 0.0 for own in self.names])
        return row if row.any() else None


def estimates(model: Model, projector: Real, spectrum: Complex, fit: Fit, noise: float) -> Estimates:
    """Return concentrations and their covariance: how far they would move were the measurement repeated.

    With H the curvature of what is minimised (every concentration and non-linear parameter, priors, and the metric that
    the penalised baseline leaves) and F the part of it that noise can move, the covariance is noise^2 H^-1 F H^-1.
    Without priors and penalty that is the Cramer-Rao bound, F^-1; with them H^-1 alone would be too large, since a
    prior does not vary from one measurement to the next. Components held at zero are taken as absent for the others'
    bounds; their own bound is that of a fit that lets them go.

    Parameters
    ----------
    noise
        Standard deviation of the noise in the fitted real spectrum.
    """
    search = Search(model, projector, spectrum, replace(fit.priors, noise=fit.noise))
    search.weights = fit.soft_weights
    state = search.at(fit.parameters, fit.positive)
    count = len(model.names)
    jacobian = np.vstack([state.a, -search.slopes(state, search.used)])
    seen = jacobian @ projector.T
    left = jacobian - seen @ projector
    curvature = jacobian @ jacobian.T - seen @ seen.T
    curvature[:count, :count] += search.weights.T @ search.weights
    own = np.arange(count, len(curvature))
    curvature[own, own] += fit.noise**2 * search.precision[search.used]
    moved = left @ left.T * noise**2
    absent = np.concatenate([~state.positive, np.zeros(len(own), dtype=bool)])
    covariance = _sandwich(curvature, moved, ~absent, count)
    if absent.any():
        alone = np.diag(_sandwich(curvature, moved, np.ones_like(absent), count))
        zero = np.flatnonzero(absent)
        covariance[zero, zero] = alone[zero]
    norms = model.norms
    return Estimates(model.names, fit.amplitudes / norms, covariance / norms[:, None] / norms[None, :])


def _sandwich(curvature: Real, moved: Real, chosen: NDArray[np.bool_], count: int) -> Real:
    """Return the covariance of the first `count` parameters."""
    diagonal = np.diag(curvature)
    # What the data say nothing about (the width of a group whose amplitude is zero) is left out.
    known = chosen & (diagonal > 1e-14 * diagonal[:count].max())
    scale = np.where(known, 1 / np.sqrt(np.where(known, diagonal, 1)), 0)
    scaled = curvature * scale[:, None] * scale[None, :]
    scaled[np.diag_indices_from(scaled)] += np.where(known, 1e-9, 1)
    inverse = (np.linalg.inv(scaled) * scale[:, None] * scale[None, :])[:count]
    return np.asarray(inverse @ moved @ inverse.T)
