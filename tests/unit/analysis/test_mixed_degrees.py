"""Degrees of freedom at their edges."""

import math

import numpy as np
import pytest

from studyportal.reports.analysis.mixed.blocks import cross_products
from studyportal.reports.analysis.mixed.components import components
from studyportal.reports.analysis.mixed.degrees import KenwardRoger, Satterthwaite, _joint, _matched, _ratio
from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.frame import Group
from studyportal.reports.analysis.mixed.optimum import _shorter, best_fit, profile

# Two values in each of six levels; the second factor crosses the first.
LEVELS = np.arange(12) // 2
X = np.column_stack([np.ones(12), np.tile([0.0, 1.0], 6)])


def test_joint_degrees_of_freedom() -> None:
    assert _joint([7.0, 7.0, 7.0]) == 7.0
    # E = 10/8 + 6/4 = 2.75; 2E / (E - 2)
    assert _joint([10.0, 6.0]) == pytest.approx(5.5 / 0.75)
    # A t of two or fewer has no variance to match.
    assert _joint([1.9, 40.0]) == 2.0


@pytest.mark.parametrize(("rank", "degrees"), [(1, 11.0), (3, 24.0), (2, 3.0), (2, 2.0), (4, 2.0), (3, 1.0)])
def test_kenward_roger_is_exact_where_f_is(rank, degrees) -> None:
    """A balanced variance estimate on m degrees of freedom has A1 = 2 q^2 / m and A2 = 2 q / m: F itself, on m."""
    found, scaling = _matched(2 * rank**2 / degrees, 2 * rank / degrees, rank)
    assert (found, scaling) == (pytest.approx(degrees), pytest.approx(1.0))


def test_a_ratio_to_nothing_is_without_bound() -> None:
    assert math.isinf(_ratio(3.0, 0.0))


def test_contrasts_that_repeat_are_counted_once() -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(size=12) + np.repeat(rng.normal(0, 2, 6), 2)
    q, _ = np.linalg.qr(X)
    cross = cross_products([Group("id", LEVELS, 6)], q, y - q @ (q.T @ y))
    best = best_fit(cross, restricted=True)
    parts = components(cross, best.at, restricted=True)
    contrasts = np.array([[0.0, 1.0], [0.0, 2.0]])
    beta = np.array([0.3, 1.2])
    for method in (KenwardRoger(parts), Satterthwaite(parts)):
        once, twice = method.test(contrasts[:1], beta), method.test(contrasts, beta)
        assert (twice.df1, once.df1) == (1, 1)
        assert (twice.F, twice.df2) == (pytest.approx(once.F), pytest.approx(once.df2))
        assert once.df2 == pytest.approx(5)


def test_an_outcome_without_residual_is_refused_in_words() -> None:
    q, _ = np.linalg.qr(X)
    with pytest.raises(ModelError, match="reproduce the outcome exactly"):
        profile(cross_products([Group("id", LEVELS, 6)], q, np.zeros(12)), np.array([1.0]), restricted=True)
    levels_only = np.repeat(np.array([1.0, 5.0, 2.0, 8.0, 3.0, 9.0]), 2)
    with pytest.raises(ModelError, match="no residual"):
        best_fit(cross_products([Group("id", LEVELS, 6)], q, levels_only), restricted=True)


def test_a_step_uphill_is_not_taken(monkeypatch) -> None:
    q, _ = np.linalg.qr(X)
    y = np.random.default_rng(3).normal(size=12) + np.repeat([4.0, -3.0, 1.0, 0.0, 2.0, -4.0], 2)
    cross = cross_products([Group("id", LEVELS, 6)], q, y - q @ (q.T @ y))
    start = profile(cross, np.array([1.0]), restricted=True)
    assert _shorter(cross, start, 50 * np.sign(start.gradient), restricted=True) is start
    # A search that finds no better place stays.
    monkeypatch.setattr("studyportal.reports.analysis.mixed.optimum._shorter", lambda _, here, *__, **___: here)
    assert best_fit(cross, restricted=True).deviance == start.deviance


@pytest.mark.parametrize("limit", ["MOST_WORK", "MOST_CELLS"])
def test_what_would_take_too_long_is_refused(monkeypatch, limit) -> None:
    monkeypatch.setattr(f"studyportal.reports.analysis.mixed.blocks.{limit}", 10)
    crossed = [Group("id", LEVELS, 6), Group("item", np.tile([0, 1, 2], 4), 3)]
    with pytest.raises(ModelError, match=r"\(1\|id\) and \(1\|item\) cross with too many levels"):
        cross_products(crossed, X, np.arange(12.0))
