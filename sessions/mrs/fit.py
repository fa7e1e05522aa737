"""The fit: variable projection by Levenberg and Marquardt with Kaufman's Jacobian.

Concentrations (non-negative) and baseline are solved for exactly at every step; only phases, shifts and widths are
searched. Golub and Pereyra (2003), Inverse Problems 19:R1; Kaufman (1975), BIT 15:49.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.model import (
    GAMMA,
    GLOBALS,
    MM_GAMMA,
    MM_SHIFT,
    MM_VARIANCE,
    PHI0,
    PHI1,
    SHIFT,
    VARIANCE,
    Model,
)  # fmt: skip
from sessions.mrs.nnls import nnls_normal

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

START_SHIFTS_PPM = (-0.04, -0.02, 0.0, 0.02, 0.04)
START_PHASES = (-1.0, -0.5, 0.0, 0.5, 1.0)
LARGEST_GROUP_SHIFT_PPM = 0.15
MOST_ITERATIONS = 40
CONVERGED = 1e-5


@dataclass(frozen=True)
class Priors:
    """Standard deviations that do not belong to single components, and the noise that scales them all."""

    noise: float
    phase1_sd_rad_per_ppm: float
    big_scale: float = 0.0


@dataclass(frozen=True)
class Fit:
    """A finished fit, in normalised amplitudes.

    Parameters
    ----------
    parameters, amplitudes, positive
        Non-linear parameters, concentrations times the components' norms, and the active set.
    noise
        The noise by which the priors were scaled: the larger of the data's noise and the residual.
    cost
        Penalised sum of squares.
    iterations, has_converged
        Of the search.
    """

    parameters: Real
    amplitudes: Real
    positive: NDArray[np.bool_]
    noise: float
    soft_weights: Real
    phase1_sd: float
    cost: float
    iterations: int
    has_converged: bool


@dataclass
class _State:
    """One point of the search."""

    p: Real
    y: Complex
    decays: Complex
    free: Real
    a: Real
    a_seen: Real
    gram: Real
    c: Real
    positive: NDArray[np.bool_]
    residual: Real
    residual_seen: Real
    cost: float


class Search:
    """One data spectrum, one model, one baseline."""

    def __init__(self, model: Model, projector: Real, spectrum: Complex, priors: Priors) -> None:
        self.model, self.q, self.spectrum, self.priors = model, projector, spectrum, priors
        self.weights: Real = np.zeros((0, len(model.names)))
        count = len(model.names)
        precision = np.zeros(GLOBALS + 2 * count)
        precision[PHI1] = priors.phase1_sd_rad_per_ppm**-2
        precision[MM_SHIFT] = (0.01 * model.grid.frequency_mhz) ** -2
        precision[GLOBALS : GLOBALS + count] = model.shift_sd_hz**-2
        precision[GLOBALS + count :] = model.width_sd_hz**-2
        self.precision = precision
        used = np.ones(GLOBALS + 2 * count, dtype=bool)
        if not (model.kinds == 1).any():
            used[[MM_GAMMA, MM_VARIANCE, MM_SHIFT]] = False
        self.used = used
        self.noise = priors.noise

    def set_soft_ratios(self, amplitudes: Real) -> None:
        """Scale the soft ratios by a first solution: each row's deviation is its share of what it is measured by."""
        model = self.model
        if not len(model.soft_rows):
            return
        of = model.soft_of @ amplitudes
        sizes = np.abs(amplitudes / model.norms).max()
        self.weights = model.soft_rows * (self.noise / (model.soft_sd * np.maximum(of, 0.02 * sizes)))[:, None]

    def at(self, p: Real, positive: NDArray[np.bool_] | None) -> _State:
        """Solve the linear part at given non-linear parameters."""
        decays, free = self.model.decays(p)
        a = np.ascontiguousarray(self.model.spectra(decays).real)
        a_seen = a @ self.q.T
        gram = a @ a.T - a_seen @ a_seen.T + self.weights.T @ self.weights
        y = self.model.rotated(self.spectrum, p)
        y_seen = self.q @ y.real
        right = a @ y.real - a_seen @ y_seen
        c, positive = nnls_normal(gram, right, positive)
        residual = y.real - c @ a
        seen = y_seen - c @ a_seen
        cost = float(residual @ residual - seen @ seen + ((self.weights @ c) ** 2).sum())
        cost += self.noise**2 * float(self.precision @ p**2)
        return _State(p, y, decays, free, a, a_seen, gram, c, positive, residual, seen, cost)

    def slopes(self, state: _State, chosen: NDArray[np.bool_]) -> Real:
        """Return the derivative of the residual by every chosen parameter, one a row."""
        model, c = self.model, state.c
        count = len(model.names)
        by_shift, by_width, timed = model.slopes(state.decays, state.free)
        by_shift, by_width = by_shift * c[:, None], by_width * c[:, None]
        rows = np.zeros((len(state.p), model.points))
        rows[PHI0] = -state.y.imag
        rows[PHI1] = -state.y.imag * (model.ppm - 3.0)
        rows[SHIFT] = -by_shift.sum(axis=0)
        rows[GAMMA] = -by_width[model.kinds == 0].sum(axis=0)
        rows[VARIANCE] = -model.variance_slope(timed, c, 0)
        if self.used[MM_GAMMA]:
            rows[MM_GAMMA] = -by_width[model.kinds == 1].sum(axis=0)
            rows[MM_VARIANCE] = -model.variance_slope(timed, c, 1)
            rows[MM_SHIFT] = -by_shift[model.kinds == 1].sum(axis=0)
        rows[GLOBALS : GLOBALS + count] = -by_shift
        rows[GLOBALS + count :] = -by_width
        return rows[chosen]

    def run(self, p: Real, chosen: NDArray[np.bool_], limit: int) -> tuple[_State, int, bool]:
        """Search over the chosen parameters until the cost stands still."""
        state = self.at(p, None)
        damping, converged, iteration = 1e-3, False, 0
        while iteration < limit and not converged:
            iteration += 1
            gradient, hessian = self._normal_equations(state, chosen)
            diagonal = np.diag(hessian).copy()
            diagonal[diagonal <= 0] = 1
            improved = False
            for _ in range(8):
                step = np.zeros(len(state.p))
                damped = hessian + np.diag(damping * diagonal + 1e-12 * diagonal.max())
                step[chosen] = -np.linalg.solve(damped, gradient)
                trial = self.at(self._bounded(state.p + step), state.positive)
                if trial.cost <= state.cost:
                    improved = True
                    break
                damping *= 6
            if not improved:
                converged = True
                break
            converged = state.cost - trial.cost <= CONVERGED * trial.cost
            state, damping = trial, max(damping / 8, 1e-9)
        return state, iteration, converged

    def _normal_equations(self, state: _State, chosen: NDArray[np.bool_]) -> tuple[Real, Real]:
        d = self.slopes(state, chosen)
        d_seen = d @ self.q.T
        active = state.positive
        cross = d @ state.a[active].T - d_seen @ state.a_seen[active].T
        hessian = d @ d.T - d_seen @ d_seen.T
        gram = state.gram[np.ix_(active, active)]
        gram = gram + np.diag(1e-10 * np.diag(gram))
        hessian = hessian - cross @ np.linalg.solve(gram, cross.T)
        gradient = d @ state.residual - d_seen @ state.residual_seen
        weight = self.noise**2 * self.precision[chosen]
        gradient = gradient + weight * state.p[chosen]
        hessian[np.diag_indices_from(hessian)] += weight
        # A width at zero that would turn negative stays where it is.
        held = np.isin(np.flatnonzero(chosen), (GAMMA, VARIANCE, MM_GAMMA, MM_VARIANCE)) & (state.p[chosen] <= 0)
        held &= gradient > 0
        gradient[held] = 0
        hessian[held, :] = 0
        hessian[:, held] = 0
        hessian[held, held] = 1
        return gradient, hessian

    def _bounded(self, p: Real) -> Real:
        p[[GAMMA, VARIANCE, MM_GAMMA, MM_VARIANCE]] = np.maximum(p[[GAMMA, VARIANCE, MM_GAMMA, MM_VARIANCE]], 0)
        limit = LARGEST_GROUP_SHIFT_PPM * self.model.grid.frequency_mhz
        p[SHIFT] = np.clip(p[SHIFT], -limit, limit)
        return p

    def start(self, p: Real) -> Real:
        """Find shift and zero-order phase on a grid with the linear solver alone."""
        model = self.model
        a = model.components(p)
        a_seen = a @ self.q.T
        gram = a @ a.T - a_seen @ a_seen.T
        best, found = np.inf, p
        bins_per_ppm = (model.points - 1) / (model.ppm[-1] - model.ppm[0])
        positive = None
        for shift_ppm in START_SHIFTS_PPM:
            bins = round(shift_ppm * bins_per_ppm)
            moved = np.roll(self.spectrum, -bins)
            for phase in START_PHASES:
                q = p.copy()
                q[PHI0] += phase
                y = model.rotated(moved, q).real
                y_seen = self.q @ y
                c, positive = nnls_normal(gram, a @ y - a_seen @ y_seen, positive)
                residual, seen = y - c @ a, y_seen - c @ a_seen
                cost = float(residual @ residual - seen @ seen)
                if cost < best:
                    best, found = cost, q.copy()
                    found[SHIFT] += bins / bins_per_ppm * model.grid.frequency_mhz
        return found


def fit_spectrum(model: Model, projector: Real, spectrum: Complex, priors: Priors, start: Fit | Real) -> Fit:
    """Fit one spectrum.

    Parameters
    ----------
    model, projector, spectrum
        Components, baseline and the data on the model's grid.
    priors
        Noise of the data and the phase prior.
    start
        Parameters to search from (grid, then globals, then everything), or a fit of a like spectrum to go on from.
    """
    search = Search(model, projector, spectrum, priors)
    globals_only = search.used.copy()
    globals_only[GLOBALS:] = False
    before = 0
    if isinstance(start, Fit):
        p = start.parameters.copy()
        state = search.at(p, start.positive)
    else:
        p = search.start(start)
        state, before, _ = search.run(p, globals_only, 6)
    search.noise = max(priors.noise, _rms(state, search))
    search.set_soft_ratios(state.c)
    state, iterations, converged = search.run(state.p, search.used, MOST_ITERATIONS)
    return Fit(
        parameters=state.p,
        amplitudes=state.c,
        positive=state.positive,
        noise=search.noise,
        soft_weights=search.weights,
        phase1_sd=priors.phase1_sd_rad_per_ppm,
        cost=state.cost,
        iterations=before + iterations,
        has_converged=converged,
    )


def _rms(state: _State, search: Search) -> float:
    fitted = search.q.T @ state.residual_seen
    return float(np.sqrt(np.mean((state.residual - fitted) ** 2)))
