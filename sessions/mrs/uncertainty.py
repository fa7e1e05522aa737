"""Cramer-Rao lower bounds from the whole Fisher matrix, and of sums and ratios from the covariance.

Bolliger, Boesch, Kreis (2013), NeuroImage 83:1031-1040; Kreis (2016), Magn Reson Med 75:15-18: a large bound is a flag,
never a reason to drop a number.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.fit import Fit, Priors, Search
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
    """Return concentrations and their covariance.

    The Fisher matrix holds every concentration and every non-linear parameter, in the metric that the baseline leaves,
    with the priors as information.

    Parameters
    ----------
    noise
        Standard deviation of the noise in the fitted real spectrum.
    """
    search = Search(model, projector, spectrum, Priors(fit.noise, fit.phase1_sd))
    search.weights = fit.soft_weights
    state = search.at(fit.parameters, fit.positive)
    slopes = -search.slopes(state, search.used)
    jacobian = np.vstack([state.a, slopes])
    seen = jacobian @ projector.T
    fisher = jacobian @ jacobian.T - seen @ seen.T
    count = len(model.names)
    fisher[:count, :count] += search.weights.T @ search.weights
    own = np.arange(count, len(fisher))
    fisher[own, own] += fit.noise**2 * search.precision[search.used]
    diagonal = np.diag(fisher)
    # What the data say nothing about (the width of a group whose amplitude is zero) is left out.
    known = diagonal > 1e-14 * diagonal[:count].max()
    scale = np.where(known, 1 / np.sqrt(np.where(known, diagonal, 1)), 0)
    scaled = fisher * scale[:, None] * scale[None, :]
    scaled[np.diag_indices_from(scaled)] += np.where(known, 1e-9, 1)
    covariance = np.linalg.inv(scaled) * scale[:, None] * scale[None, :] * noise**2
    norms = model.norms
    return Estimates(model.names, fit.amplitudes / norms, covariance[:count, :count] / norms[:, None] / norms[None, :])
