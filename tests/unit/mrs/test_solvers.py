"""The linear solvers against their references: NNLS against scipy, the spline against its definition."""

import numpy as np
import pytest
import scipy.optimize

from sessions.mrs.baseline import baseline_projector
from sessions.mrs.nnls import nnls_normal


@pytest.mark.parametrize("seed", range(12))
def test_nnls_agrees_with_scipy(seed) -> None:
    generator = np.random.default_rng(seed)
    matrix = np.abs(generator.normal(size=(60, 12))) * 10.0 ** generator.integers(-4, 5, 12)
    right = generator.normal(size=60) + matrix @ (
        np.maximum(generator.normal(size=12), 0) / np.linalg.norm(matrix, axis=0)
    )
    expected, _ = scipy.optimize.nnls(matrix, right)
    found, positive = nnls_normal(matrix.T @ matrix, matrix.T @ right)
    scale = np.linalg.norm(matrix, axis=0)
    np.testing.assert_allclose(found * scale, expected * scale, atol=1e-6 * np.abs(expected * scale).max())
    np.testing.assert_array_equal(positive, found > 0)
    again, _ = nnls_normal(matrix.T @ matrix, matrix.T @ right, generator.random(12) > 0.5)
    np.testing.assert_allclose(again * scale, expected * scale, atol=1e-6 * np.abs(expected * scale).max())


def test_nnls_of_a_negative_problem_is_zero() -> None:
    found, positive = nnls_normal(np.eye(3), -np.ones(3), np.ones(3, dtype=bool))
    np.testing.assert_array_equal(found, np.zeros(3))
    assert not positive.any()


@pytest.mark.parametrize("flexibility", [0.8, 1.5, 2.5, 4.0])
def test_baseline_has_the_effective_dimension_that_is_asked(flexibility) -> None:
    projector = baseline_projector(500, 4.0, 15.0, flexibility)
    assert np.trace(projector.T @ projector) == pytest.approx(4 * flexibility, rel=1e-6)


def test_baseline_takes_straight_lines_whole_and_peaks_hardly() -> None:
    projector = baseline_projector(500, 4.0, 15.0, 1.0)
    axis = np.linspace(-1, 1, 500)
    line = 3 - 2 * axis
    np.testing.assert_allclose(projector.T @ (projector @ line), line, atol=1e-6)
    peak = np.exp(-((axis / 0.01) ** 2))
    assert np.linalg.norm(projector @ peak) < 0.25 * np.linalg.norm(peak)


def test_baseline_never_has_less_than_a_straight_line() -> None:
    projector = baseline_projector(300, 1.0, 15.0, 0.1)
    assert np.trace(projector.T @ projector) == pytest.approx(2.05, rel=1e-4)
