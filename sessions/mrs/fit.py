"""One spectrum from its start to its fit: grid, common parameters, then everything."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.model import SHAPE, Model
from sessions.mrs.search import Priors, Search, State

__all__ = ["Fit", "Priors", "Search", "fit_spectrum"]

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

MOST_ITERATIONS = 40


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
    priors: Priors
    cost: float
    iterations: int
    has_converged: bool


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
    globals_only[SHAPE:] = False
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
        priors=priors,
        cost=state.cost,
        iterations=before + iterations,
        has_converged=converged,
    )


def _rms(state: State, search: Search) -> float:
    fitted = search.q.T @ state.residual_seen
    return float(np.sqrt(np.mean((state.residual - fitted) ** 2)))
