"""The variance components at the optimum, and what their uncertainty does to the fixed effects.

Everything is on the scale of the residual variance and in the orthonormal basis of the fixed columns. Component 0 is
the residual: its G is the identity, which is V less the other components' parts.
"""

from dataclasses import dataclass

import numpy as np

from studyportal.reports.analysis.mixed.blocks import CrossProducts
from studyportal.reports.analysis.mixed.moments import Moments
from studyportal.reports.analysis.mixed.table import Array


@dataclass(frozen=True, slots=True)
class Components:
    """Residual and random intercepts together.

    Attributes
    ----------
    residual_variance
        Of one row.
    covariance
        C = (X'V^-1X)^-1: the coefficients' covariance over the residual variance.
    slopes
        C X'V^-1 G_i V^-1 X C: how C changes with each component.
    mixed
        X'V^-1 G_i V^-1 G_j V^-1 X.
    expected, observed
        tr(P G_i P G_j), and the second derivatives of the deviance.
    active
        Components that are not estimated as zero; the residual always is active.
    """

    residual_variance: float
    covariance: Array
    information: Array
    slopes: Array
    mixed: Array
    expected: Array
    observed: Array
    active: tuple[int, ...]


def components(cross: CrossProducts, at: Moments, *, restricted: bool) -> Components:
    """Return the components at the optimum."""
    degrees = cross.rows - cross.fixed * restricted
    variance = at.residual / degrees
    count = cross.factors + 1
    gamma = at.gamma
    traces = np.concatenate([[degrees - gamma @ at.traces], at.traces])
    squares = np.concatenate([[at.residual - gamma @ at.squares], at.squares])
    expected = _with_residual(at.products, traces, gamma)
    observed = -expected + 2 * _with_residual(at.mixed_squares, squares, gamma) / variance
    information = np.empty((count, cross.fixed, cross.fixed))
    information[1:] = at.information
    information[0] = np.linalg.inv(at.covariance) - np.einsum("k,kij->ij", gamma, at.information)
    mixed = np.empty((count, count, cross.fixed, cross.fixed))
    mixed[1:, 1:] = at.mixed_information
    mixed[0, 1:] = at.information - np.einsum("k,klij->lij", gamma, at.mixed_information)
    mixed[1:, 0] = mixed[0, 1:].transpose(0, 2, 1)
    mixed[0, 0] = information[0] - np.einsum("k,kij->ij", gamma, mixed[1:, 0])
    return Components(
        residual_variance=variance,
        covariance=at.covariance,
        information=information,
        slopes=at.covariance @ information @ at.covariance,
        mixed=mixed,
        expected=expected,
        observed=observed,
        active=(0, *(np.flatnonzero(gamma > 0) + 1).tolist()),
    )


def _with_residual(products: Array, singles: Array, gamma: Array) -> Array:
    """Return the matrix with the residual's row and column before it."""
    whole = np.empty((gamma.size + 1, gamma.size + 1))
    whole[1:, 1:] = products
    whole[0, 1:] = whole[1:, 0] = singles[1:] - gamma @ products
    whole[0, 0] = singles[0] - gamma @ whole[0, 1:]
    return whole
