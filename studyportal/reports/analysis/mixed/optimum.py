"""Variance ratios that make the (restricted) likelihood largest, by Newton's method with exact derivatives.

The deviance is profiled over the coefficients and the residual variance (Bates et al. 2015, J Stat Softw 67(1),
equations 34 and 39) and looked at as a function of the ratios gamma_k = theta_k^2, which may not be negative. Where its
curvature is not positive, the expected one takes its place (Fisher scoring).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studyportal.reports.analysis.mixed.blocks import CrossProducts
from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.moments import Moments, moments
from studyportal.reports.analysis.mixed.table import Array

START = 1.0
"""The ratio to start from, as in lme4."""
LARGEST_RATIO = 1e9
STEPS = 200
FLATTEST = 1e-10
"""Curvature, on a unit diagonal, below which a direction counts as flat."""
DECREMENT = 1e-13
"""Newton's estimate of what the deviance has left to fall, where the search ends."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The profiled deviance at one point, with its gradient and curvatures."""

    at: Moments
    deviance: float
    gradient: Array
    observed: Array
    expected: Array


def profile(cross: CrossProducts, gamma: Array, *, restricted: bool) -> Profile:
    """Return the profiled deviance and its derivatives with respect to the variance ratios."""
    at = moments(cross, gamma, restricted=restricted)
    degrees = cross.rows - cross.fixed * restricted
    if at.residual <= 0:
        raise ModelError("The terms of the formula reproduce the outcome exactly: no residual is left to judge by.")
    logs = at.log_v + (at.log_xvx if restricted else 0.0)
    deviance = logs + degrees * (1 + math.log(2 * math.pi * at.residual / degrees))
    share = at.squares / at.residual
    return Profile(
        at,
        deviance,
        at.traces - degrees * share,
        -at.products + degrees * (2 * at.mixed_squares / at.residual - np.outer(share, share)),
        at.products - np.outer(at.traces, at.traces) / degrees,
    )


def best_fit(cross: CrossProducts, *, restricted: bool) -> Profile:
    """Return the profile at the ratios with the smallest deviance.

    Raises
    ------
    ModelError
        The likelihood has no largest value: nothing is left for the residual.
    """
    if not cross.factors:
        return profile(cross, np.zeros(0), restricted=restricted)
    best = _descend(cross, np.full(cross.factors, START), restricted=restricted)
    # A likelihood may have a second peak where a variance is zero: look there, and climb it if it is one.
    for place in np.flatnonzero(best.at.gamma > 0).tolist():
        without = best.at.gamma.copy()
        without[place] = 0.0
        edge = profile(cross, without, restricted=restricted)
        if edge.gradient[place] > 0:
            other = _descend(cross, without, restricted=restricted)
            best = min(best, other, key=lambda one: one.deviance)
    return best


def _descend(cross: CrossProducts, gamma: Array, *, restricted: bool) -> Profile:
    here = profile(cross, gamma, restricted=restricted)
    for _ in range(STEPS):
        free = (here.at.gamma > 0) | (here.gradient < 0)
        if not free.any():
            break
        step, decrement = _step(here, free)
        if decrement < DECREMENT:
            # One last Newton step costs nothing and squares what is left of the error.
            last = _at_step(cross, here, step, 1.0, restricted=restricted)
            return last if last.deviance <= here.deviance + 1e-11 else here
        following = _shorter(cross, here, step, restricted=restricted)
        if np.array_equal(following.at.gamma, here.at.gamma):
            break
        here = following
        if here.at.gamma.max() >= LARGEST_RATIO:
            raise ModelError(
                "A random term explains all that the fixed terms leave: no residual variance can be estimated. "
                "Is the outcome the same in every row of a level?"
            )
    return here


def _step(here: Profile, free: NDArray[np.bool_]) -> tuple[Array, float]:
    """Return the step of the free ratios and the fall that it promises."""
    chosen = np.flatnonzero(free)
    gradient = here.gradient[chosen]
    values, vectors, scale = _spectrum(here.observed[np.ix_(chosen, chosen)])
    if values[0] < FLATTEST:
        values, vectors, scale = _spectrum(here.expected[np.ix_(chosen, chosen)])
        values = np.maximum(values, FLATTEST)
    turned = vectors.T @ (gradient / scale)
    step = np.zeros_like(here.gradient)
    step[chosen] = -(vectors @ (turned / values)) / scale
    return step, float((turned**2 / values).sum())


def _spectrum(curvature: Array) -> tuple[Array, Array, Array]:
    """Return eigenvalues, smallest first, and eigenvectors of a curvature with a unit diagonal, and its scale."""
    scale = np.sqrt(np.abs(np.diag(curvature))) + np.finfo(float).tiny
    values, vectors = np.linalg.eigh(curvature / scale / scale[:, None])
    return values, vectors, scale


def _at_step(cross: CrossProducts, here: Profile, step: Array, length: float, *, restricted: bool) -> Profile:
    gamma = np.clip(here.at.gamma + length * step, 0.0, LARGEST_RATIO)
    return profile(cross, gamma, restricted=restricted)


def _shorter(cross: CrossProducts, here: Profile, step: Array, *, restricted: bool) -> Profile:
    """Return where the first of ever shorter steps leads that lowers the deviance enough; else where it is."""
    # Far out the likelihood is flat: no ratio grows more than thousandfold at once.
    length = min(1.0, float((1000 * (1 + here.at.gamma) / np.maximum(np.abs(step), 1e-300)).min()))
    # What rounding may add to a deviance is no rise.
    allowed = here.deviance + 1e-13 * (1 + abs(here.deviance))
    for _ in range(40):
        following = _at_step(cross, here, step, length, restricted=restricted)
        moved = following.at.gamma - here.at.gamma
        if following.deviance <= allowed + 1e-4 * min(0.0, float(here.gradient @ moved)):
            return following
        length /= 2
    return here
