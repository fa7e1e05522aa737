"""Non-negative least squares on normal equations, after Lawson and Hanson (1974), chapter 23.

The matrix is scaled to a unit diagonal first: without, spectra of very different norm make the active set fail. A
previous active set can be given: along an optimisation it rarely changes, so that one solution is enough.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Real = NDArray[np.floating[Any]]

TOLERANCE = 1e-10
RIDGE = 1e-12


def nnls_normal(gram: Real, right: Real, start: NDArray[np.bool_] | None = None) -> tuple[Real, NDArray[np.bool_]]:
    """Minimise x'Gx/2 - b'x over x >= 0.

    Parameters
    ----------
    gram, right
        G (symmetric, positive semi-definite) and b.
    start
        Set of positive components to start from.

    Returns
    -------
    x, positive
        The solution and its set of positive components.
    """
    scale = 1 / np.sqrt(np.maximum(np.diag(gram), 1e-300))
    g = gram * scale[:, None] * scale[None, :]
    g.flat[:: len(g) + 1] += RIDGE
    b = right * scale
    size = len(b)
    tolerance = TOLERANCE * max(1e-300, float(np.abs(b).max(initial=0)))
    x: Real = np.zeros(size)
    positive = np.zeros(size, dtype=bool)
    if start is not None and start.any():
        positive = start.copy()
        while positive.any():
            trial = _solve(g, b, positive)
            if (trial[positive] > 0).all():
                x = trial
                break
            positive &= trial > 0
    for _ in range(3 * size):
        gradient = b - g @ x
        gradient[positive] = -np.inf
        entering = int(np.argmax(gradient))
        if positive.all() or gradient[entering] <= tolerance:
            break
        positive[entering] = True
        x = _feasible(g, b, x, positive)
    return x * scale, positive


def _feasible(g: Real, b: Real, x: Real, positive: NDArray[np.bool_]) -> Real:
    """Move towards the unconstrained solution on the set, dropping components that would turn negative."""
    while True:
        trial = _solve(g, b, positive)
        negative = positive & (trial <= 0)
        if not negative.any():
            return trial
        step = float(np.min(x[negative] / np.maximum(x[negative] - trial[negative], 1e-300)))
        x = x + step * (trial - x)
        dropped = positive & (x <= TOLERANCE)
        if not dropped.any():
            dropped = negative
        positive &= ~dropped
        x[~positive] = 0
        if not positive.any():
            return x


def _solve(g: Real, b: Real, positive: NDArray[np.bool_]) -> Real:
    chosen = positive.nonzero()[0]
    x = np.zeros(len(b))
    _, solution, _ = lapack.dposv(g[chosen[:, None], chosen], b[chosen], lower=1, overwrite_a=1, overwrite_b=1)
    x[chosen] = solution
    return x
