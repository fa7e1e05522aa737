"""The baseline: a P-spline whose flexibility is given as its effective dimension, profiled out by one thin QR.

Eilers and Marx (1996), Stat Sci 11:89-121; Wilson (2021), Magn Reson Med 85:13-29 (effective dimension per ppm).
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.linalg import eigh, solve_triangular

from sessions.mrs.model import Model
from sessions.mrs.settings import Settings

Real = NDArray[np.floating[Any]]

RIDGE = 1e-9


def make_projector(model: Model, settings: Settings, factor: float = 1.0) -> Real:
    """Return the baseline's projector for a model, `factor` times as flexible as the settings say."""
    half = departure_projector(model, settings, factor)
    return np.kron(np.eye(2), half) if model.is_complex else half


def departure_projector(model: Model, settings: Settings, factor: float) -> Real:
    """Return the projector of a baseline of the real part alone, `factor` times as flexible as the settings say."""
    span = round(float(model.ppm[-1] - model.ppm[0]), 6)
    if settings.baseline == "polynomial":
        return polynomial_projector(model.points, max(0, round(settings.baseline_order * factor)))
    return baseline_projector(
        model.points, span, settings.baseline_knots_per_ppm, settings.baseline_ed_per_ppm * factor
    )


@lru_cache(maxsize=16)
def polynomial_projector(points: int, order: int) -> Real:
    """Return the orthonormal polynomials up to an order, one a row."""
    powers = np.polynomial.legendre.legvander(np.linspace(-1, 1, points), order)
    return np.ascontiguousarray(np.linalg.qr(powers)[0].T)


@lru_cache(maxsize=16)
def baseline_projector(points: int, ppm_span: float, knots_per_ppm: float, ed_per_ppm: float) -> Real:
    """Return Q (coefficients x points) with Q'Q the smoother matrix of the baseline on an even grid.

    A spectrum r without its best baseline has the penalised sum of squares r'r - (Qr)'(Qr), and Q'(Qr) is that
    baseline.

    Parameters
    ----------
    points, ppm_span
        The fitted range.
    knots_per_ppm
        Density of knots.
    ed_per_ppm
        Effective dimension (trace of the smoother) per ppm; at least 2 in all, which is a straight line.
    """
    intervals = max(4, round(knots_per_ppm * ppm_span))
    knots = np.arange(-3, intervals + 4) / intervals
    design = BSpline.design_matrix(np.linspace(0, 1 - 1e-12, points), knots, 3).toarray()
    difference = np.diff(np.eye(design.shape[1]), n=2, axis=0)
    gram = design.T @ design
    gram[np.diag_indices_from(gram)] += RIDGE * gram[0, 0]
    penalty = difference.T @ difference
    spread = np.maximum(eigh(penalty, gram, eigvals_only=True), 0)
    target = min(max(2.05, ed_per_ppm * ppm_span), len(spread) - 1)
    low, high = -12.0, 16.0
    for _ in range(80):
        middle = (low + high) / 2
        if np.sum(1 / (1 + 10**middle * spread)) > target:
            low = middle
        else:
            high = middle
    strength = 10 ** ((low + high) / 2)
    stacked = np.vstack([design, np.sqrt(strength) * difference])
    triangle = np.linalg.qr(stacked, mode="r")
    return np.ascontiguousarray(solve_triangular(triangle, design.T, trans="T"))
