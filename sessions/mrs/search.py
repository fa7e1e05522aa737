"""The search: Levenberg and Marquardt with Kaufman's Jacobian over phases, shifts, widths and the lineshape.

Concentrations (non-negative) and baseline are solved for exactly at every step. Golub and Pereyra (2003), Inverse
Problems 19:R1; Kaufman (1975), BIT 15:49.
"""

from dataclasses import dataclass
from typing import Any, Self

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
    PIVOT_PPM,
    SHAPE,
    SHIFT,
    VARIANCE,
    Model,
)  # fmt: skip
from sessions.mrs.nnls import nnls_normal
from sessions.mrs.settings import Settings

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

START_SHIFTS_PPM = (-0.04, -0.02, 0.0, 0.02, 0.04)
START_PHASES = (-1.0, -0.5, 0.0, 0.5, 1.0)
START_TRIED, START_RIDGE = 8, 1e-3
LARGEST_GROUP_SHIFT_PPM = 0.15
CONVERGED = 1e-5
NEGLIGIBLE = 1e-6
WIDTHS = (GAMMA, VARIANCE, MM_GAMMA, MM_VARIANCE)


@dataclass(frozen=True)
class Priors:
    """Standard deviations that do not belong to single components, and the noise that scales them all."""

    noise: float
    phase1_sd_rad_per_ppm: float
    shape_sd: float = 0.0

    @classmethod
    def of(cls, settings: Settings, noise: float) -> Self:
        """Take the priors from the settings.

        Both parts of a zero-filled spectrum hold what one of them holds: their residuals count half.
        """
        noise *= np.sqrt(2) if settings.domain == "complex" else 1
        return cls(noise, float(np.deg2rad(settings.phase1_sd_deg_per_ppm)), settings.lineshape_sd)


@dataclass
class State:
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
        deviations = np.full(GLOBALS + 2 * count, np.inf)
        deviations[PHI1] = priors.phase1_sd_rad_per_ppm
        deviations[SHAPE:GLOBALS] = priors.shape_sd
        deviations[MM_SHIFT] = 0.01 * model.grid.frequency_mhz
        deviations[GLOBALS : GLOBALS + count] = model.shift_sd_hz
        deviations[GLOBALS + count :] = model.width_sd_hz
        # A deviation of zero fixes the parameter.
        used = deviations > 0
        precision[used] = deviations[used] ** -2
        self.precision = precision
        if not (model.kinds == 1).any():
            used[[MM_GAMMA, MM_VARIANCE, MM_SHIFT]] = False
        self.used = used
        self.noise = priors.noise

    def set_soft_ratios(self, amplitudes: Real) -> None:
        """Scale the soft ratios by a first solution: each row's deviation is its share of what it is measured by."""
        model = self.model
        if not len(model.soft_rows):
            return
        of = np.maximum(model.soft_of @ amplitudes, model.soft_least @ amplitudes)
        self.weights = model.soft_rows * (self.noise / (model.soft_sd * np.maximum(of, 1e-12)))[:, None]

    def at(self, p: Real, positive: NDArray[np.bool_] | None) -> State:
        """Solve the linear part at given non-linear parameters."""
        decays, free = self.model.decays(p)
        a = self.model.flat(self.model.spectra(decays))
        a_seen = a @ self.q.T
        gram = a @ a.T - a_seen @ a_seen.T + self.weights.T @ self.weights
        y = self.model.rotated(self.spectrum, p)
        data = self.model.flat(y)
        y_seen = self.q @ data
        right = a @ data - a_seen @ y_seen
        c, positive = nnls_normal(gram, right, positive)
        residual = data - c @ a
        seen = y_seen - c @ a_seen
        cost = float(residual @ residual - seen @ seen + ((self.weights @ c) ** 2).sum())
        cost += self.noise**2 * float(self.precision @ p**2)
        return State(p, y, decays, free, a, a_seen, gram, c, positive, residual, seen, cost)

    def slopes(self, state: State, chosen: NDArray[np.bool_]) -> Real:
        """Return the derivative of the residual by every chosen parameter, one a row."""
        model, c = self.model, state.c
        count = len(model.names)
        by_shift, by_width = np.zeros_like(state.a), np.zeros_like(state.a)
        # What has no amplitude has no slope.
        seen = c > 0
        by_shift[seen], by_width[seen] = model.slopes(state.decays[seen], state.free[seen])
        by_shift, by_width = by_shift * c[:, None], by_width * c[:, None]
        rows = np.zeros((len(state.p), state.a.shape[1]))
        rows[PHI0] = model.flat(1j * state.y)
        rows[PHI1] = model.flat(1j * state.y * (model.ppm - PIVOT_PPM))
        rows[SHIFT] = -by_shift.sum(axis=0)
        rows[GAMMA] = -by_width[model.kinds == 0].sum(axis=0)
        rows[VARIANCE] = -model.variance_slope(state.decays, c, 0)
        if self.used[MM_GAMMA]:
            rows[MM_GAMMA] = -by_width[model.kinds == 1].sum(axis=0)
            rows[MM_VARIANCE] = -model.variance_slope(state.decays, c, 1)
            rows[MM_SHIFT] = -by_shift[model.kinds == 1].sum(axis=0)
        if self.used[SHAPE]:
            rows[SHAPE:GLOBALS] = -model.flat(model.spectra((c @ state.decays) * model.shapes))
        rows[GLOBALS : GLOBALS + count] = -by_shift
        rows[GLOBALS + count :] = -by_width
        return rows[chosen]

    def run(self, p: Real, chosen: NDArray[np.bool_], limit: int) -> tuple[State, int, bool]:
        """Search over the chosen parameters until the cost stands still."""
        state = self.at(p, None)
        damping, converged, iteration = 1e-3, False, 0
        least = np.full(len(p), -np.inf)
        least[list(WIDTHS)] = 0
        while iteration < limit and not converged:
            iteration += 1
            gradient, hessian = self._normal_equations(state, chosen)
            diagonal = np.diag(hessian).copy()
            diagonal[diagonal <= 0] = 1
            improved = False
            for _ in range(8):
                step = np.zeros(len(state.p))
                damped = hessian + np.diag(damping * diagonal + 1e-12 * diagonal.max())
                step[chosen] = _step(damped, gradient, least[chosen] - state.p[chosen])
                if -float(gradient @ step[chosen]) <= NEGLIGIBLE * state.cost:
                    break
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

    def _normal_equations(self, state: State, chosen: NDArray[np.bool_]) -> tuple[Real, Real]:
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
        return gradient, hessian

    def _bounded(self, p: Real) -> Real:
        p[list(WIDTHS)] = np.maximum(p[list(WIDTHS)], 0)
        limit = LARGEST_GROUP_SHIFT_PPM * self.model.grid.frequency_mhz
        p[SHIFT] = np.clip(p[SHIFT], -limit, limit)
        return p

    def start(self, p: Real) -> Real:
        """Find shift and zero-order phase on a grid with the linear solver alone.

        The likeliest few by least squares without bounds are told apart by those with.
        """
        model = self.model
        a = model.components(p)
        a_seen = a @ self.q.T
        gram = a @ a.T - a_seen @ a_seen.T
        hertz_per_bin = (model.ppm[-1] - model.ppm[0]) / (model.points - 1) * model.grid.frequency_mhz
        trials, data = [], []
        for shift_ppm in START_SHIFTS_PPM:
            bins = round(shift_ppm * model.grid.frequency_mhz / hertz_per_bin)
            moved = np.roll(self.spectrum, -bins)
            for phase in START_PHASES:
                trial = p.copy()
                trial[PHI0] += phase
                data.append(model.flat(model.rotated(moved, trial)))
                trial[SHIFT] += bins * hertz_per_bin
                trials.append(trial)
        y = np.stack(data)
        y_seen = y @ self.q.T
        right = y @ a.T - y_seen @ a_seen.T
        energies = (y**2).sum(axis=1) - (y_seen**2).sum(axis=1)
        firm = gram + np.diag(START_RIDGE * np.diag(gram))
        free = energies - (right * np.linalg.solve(firm, right.T).T).sum(axis=1)
        best, found, positive = np.inf, p, None
        for index in np.argsort(free, kind="stable")[:START_TRIED]:
            c, positive = nnls_normal(gram, right[index], positive)
            cost = float(energies[index] - 2 * c @ right[index] + c @ gram @ c)
            if cost < best:
                best, found = cost, trials[index]
        return found


def _step(hessian: Real, gradient: Real, least: Real) -> Real:
    """Solve for a step; what would go below its least stops there, and the others are solved for again."""
    free = np.ones(len(gradient), dtype=bool)
    step = -np.linalg.solve(hessian, gradient)
    for _ in range(len(WIDTHS)):
        over = free & (step < least)
        if not over.any():
            break
        free &= ~over
        step[~free] = least[~free]
        known = gradient[free] + hessian[np.ix_(free, ~free)] @ step[~free]
        step[free] = -np.linalg.solve(hessian[np.ix_(free, free)], known)
    return step
