"""What a mixed model's answers may not depend on, and what they must agree with."""

import math
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyportal.reports.analysis.crossover import PairedOutcome, hills_armitage
from studyportal.reports.analysis.mixed import ModelError, fit, from_values, marginal_means
from studyportal.reports.analysis.mixed.blocks import cross_products
from studyportal.reports.analysis.mixed.formula import read_formula
from studyportal.reports.analysis.mixed.frame import Group
from studyportal.reports.analysis.mixed.moments import moments
from studyportal.reports.analysis.mixed.optimum import best_fit, profile

METHODS = st.sampled_from(["kenward-roger", "satterthwaite"])
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=10, deadline=None)
FORMULA = "y ~ treatment + factor(period) + x + (1|id)"


def trial(seed: int, *, people: int = 9, share: float = 0.15) -> dict[str, list[object]]:
    """An incomplete three-period crossover with a covariate that changes from period to period."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[object]] = {name: [] for name in ("id", "treatment", "period", "x", "y")}
    for person in range(people):
        level = rng.normal(0, 1.2)
        for period, treatment in enumerate(rng.permutation(["A", "B", "C"]), start=1):
            if rng.random() < share:
                continue
            y = level + rng.normal() + (treatment == "B")
            for name, value in zip(columns, (f"P{person}", str(treatment), period, rng.normal(), y), strict=True):
                columns[name].append(value)
    return columns


def same(one, other, *, rel=1e-6, renamed=False) -> None:
    for mine, theirs in zip(one.terms, other.terms, strict=True):
        assert pytest.approx(theirs.F, rel=rel, abs=1e-9) == mine.F
        # Satterthwaite of several contrasts depends on the contrasts that say the same, in lmerTest too.
        if mine.df1 == 1 or one.method == "kenward-roger" or not renamed:
            assert mine.df2 == pytest.approx(theirs.df2, rel=rel)


@few
@given(seeds, METHODS)
def test_the_order_of_rows_means_nothing(seed, method) -> None:
    columns = trial(seed)
    order = np.random.default_rng(seed + 1).permutation(len(columns["y"]))
    shuffled = {name: [values[at] for at in order] for name, values in columns.items()}
    same(fit(from_values(columns), FORMULA, method=method), fit(from_values(shuffled), FORMULA, method=method))


@few
@given(seeds, METHODS)
def test_names_of_levels_mean_nothing(seed, method) -> None:
    columns = trial(seed)
    names = {"A": "zinc", "B": "copper", "C": "iron"}
    renamed = columns | {
        "treatment": [names[str(one)] for one in columns["treatment"]],
        "id": [f"{hash(one) % 1000}-{one}" for one in columns["id"]],
    }
    one, other = (fit(from_values(some), FORMULA, method=method) for some in (columns, renamed))
    same(one, other, renamed=True)
    means = {mean.name: mean.estimate for mean in marginal_means(other, "treatment", adjustment="none").means}
    for mean in marginal_means(one, "treatment", adjustment="none").means:
        assert means[names[mean.name]] == pytest.approx(mean.estimate, rel=1e-6, abs=1e-8)


@few
@given(seeds, METHODS, st.floats(-1e5, 1e5), st.floats(1e-4, 1e4))
def test_shift_and_scale_of_the_outcome(seed, method, shift, scale) -> None:
    columns = trial(seed)
    moved = columns | {"y": [float(y) * scale + shift for y in columns["y"]]}
    one, other = (fit(from_values(some), FORMULA, method=method) for some in (columns, moved))
    # What a large shift leaves of a small scale in the last digits of the data.
    lost = max(1e-6, 1e-13 * abs(shift) / scale * 1e3)
    same(one, other, rel=lost)
    for mine, theirs in zip(one.coefficients[1:], other.coefficients[1:], strict=True):
        assert theirs.se == pytest.approx(mine.se * scale, rel=lost)


@few
@given(seeds, METHODS)
def test_f_of_one_degree_is_the_square_of_t(seed, method) -> None:
    found = fit(from_values(trial(seed)), FORMULA, method=method)
    x_test = next(one for one in found.terms if one.term == "x")
    x = next(one for one in found.coefficients if one.name == "x")
    assert (x_test.F, x_test.df2) == (pytest.approx(x.t**2, rel=1e-7), pytest.approx(x.df, rel=1e-7))
    assert x_test.p == pytest.approx(x.p, rel=1e-6, abs=1e-12)
    assert (x.low < x.estimate < x.high, 0 <= x.p <= 1) == (True, True)


@few
@given(seeds, st.integers(2, 9))
def test_a_complete_crossover_is_the_paired_analysis(seed, pairs) -> None:
    rng = np.random.default_rng(seed)
    columns: dict[str, list[object]] = {name: [] for name in ("id", "treatment", "period", "y")}
    outcomes = []
    for person in range(2 * pairs):
        one, other = (rng.normal(0, 3, 2) + rng.normal(0, 5)).tolist()
        first = person % 2 == 0
        outcomes.append(PairedOutcome(one, other, treated_first=not first))
        columns["id"] += [f"P{person}"] * 2
        columns["treatment"] += ["A", "B"] if first else ["B", "A"]
        columns["period"] += [1, 2]
        columns["y"] += [one, other]
    found = fit(from_values(columns), "y ~ treatment + period + (1|id)")
    # Where the participant variance is zero, the fixed-participant analysis takes over.
    chosen = found.fixed_participants or found
    treatment = next(one for one in chosen.coefficients if one.name == "treatmentB")
    by_hand = hills_armitage(outcomes)
    assert treatment.estimate == pytest.approx(by_hand.value, rel=1e-6, abs=1e-9)
    assert treatment.se == pytest.approx(by_hand.standard_error, rel=1e-6)
    assert (treatment.df, found.terms[0].df2) == (pytest.approx(2 * pairs - 2), pytest.approx(2 * pairs - 2))


def dense(groups, x, y, gamma) -> dict[str, object]:
    """The same quantities from matrices of the size of the table, straight from their definitions."""
    z = [np.eye(group.levels)[group.codes] for group in groups]
    v = np.eye(y.size) + sum(one * part @ part.T for one, part in zip(gamma, z, strict=True))
    inverse = np.linalg.inv(v)
    information = x.T @ inverse @ x
    p = inverse - inverse @ x @ np.linalg.inv(information) @ x.T @ inverse
    g = [part @ part.T for part in z]
    return {
        "log_v": np.linalg.slogdet(v)[1],
        "log_xvx": np.linalg.slogdet(information)[1],
        "residual": y @ p @ y,
        "beta": np.linalg.solve(information, x.T @ inverse @ y),
        "covariance": np.linalg.inv(information),
        "traces": [np.trace(p @ one) for one in g],
        "products": [[np.trace(p @ one @ p @ other) for other in g] for one in g],
        "squares": [y @ p @ one @ p @ y for one in g],
        "mixed_squares": [[y @ p @ one @ p @ other @ p @ y for other in g] for one in g],
        "information": [x.T @ inverse @ one @ inverse @ x for one in g],
        "mixed_information": [[x.T @ inverse @ one @ inverse @ other @ inverse @ x for other in g] for one in g],
    }


def crossed_trial(seed: int) -> tuple[list[Group], np.ndarray, np.ndarray]:
    """Participants with sessions, and a factor that crosses them: blocks of several sizes, and a border."""
    rng = np.random.default_rng(seed)
    rows = 40
    person = rng.integers(0, 8, rows)
    columns = [person, person * 2 + rng.integers(0, 2, rows), rng.integers(0, 3, rows)]
    groups = []
    for name, codes in zip(("id", "id:session", "site"), columns, strict=True):
        levels, own = np.unique(codes, return_inverse=True)
        groups.append(Group(name, own, levels.size))
    return groups, np.column_stack([np.ones(rows), rng.normal(size=(rows, 2))]), rng.normal(size=rows)


@few
@given(seeds, st.lists(st.sampled_from([0.0, 0.3, 1.0, 40.0]), min_size=3, max_size=3))
def test_blocks_give_what_whole_matrices_give(seed, gamma) -> None:
    groups, x, y = crossed_trial(seed)
    cross = cross_products(groups, x, y)
    # One factor at least crosses the rest and goes into the border.
    assert len(cross.inner) + len(cross.border) == 3
    found = moments(cross, np.array(gamma))
    for name, value in dense(groups, x, y, gamma).items():
        assert np.allclose(getattr(found, name), value, rtol=1e-7, atol=1e-9), name


@few
@given(seeds, st.booleans())
def test_the_optimum_has_no_slope(seed, restricted) -> None:
    """Inside the gradient is nothing; at zero it points outwards; and no point around it is better."""
    groups, x, y = crossed_trial(seed)
    cross = cross_products(groups, x, y)
    best = best_fit(cross, restricted=restricted)
    gamma = best.at.gamma
    assert np.abs(best.gradient[gamma > 0]).max(initial=0.0) < 1e-6
    assert best.gradient[gamma == 0].min(initial=0.0) >= 0
    for place in range(3):
        for factor in (0.7, 1.4):
            other = gamma.copy()
            other[place] = other[place] * factor + 0.05 * (other[place] == 0)
            beside = profile(cross, other, restricted=restricted)
            assert beside.deviance >= best.deviance - 1e-9
            # The derivatives are those of the deviance.
            up, down = (profile(cross, other * (1 + sign * 1e-5), restricted=restricted) for sign in (1, -1))
            slope = (up.deviance - down.deviance) / 2e-5
            assert slope == pytest.approx(float(beside.gradient @ other), rel=1e-4, abs=1e-6)
            bend = (up.gradient - down.gradient) / 2e-5
            assert np.allclose(bend, beside.observed @ other, rtol=1e-4, atol=1e-6)


def test_the_higher_of_two_peaks_is_found() -> None:
    """Drawn for a restricted likelihood that peaks at zero and, less high, away from it."""
    rng = np.random.default_rng(310)
    count = int(rng.integers(3, 7))
    level = np.repeat(np.arange(count), rng.integers(1, 6, count))
    y = rng.normal(0, 1, level.size) + (rng.normal(0, 1, count))[level]
    q, _ = np.linalg.qr(np.column_stack([np.ones(level.size), rng.normal(size=level.size)]))
    cross = cross_products([Group("g", level, count)], q, y - q @ (q.T @ y))
    grid = [profile(cross, np.array([one]), restricted=True).deviance for one in np.geomspace(1e-3, 1e3, 300)]
    # Up from zero, and down again farther out: two peaks of the likelihood.
    assert grid[1] > grid[0]
    assert min(np.diff(grid)) < 0
    best = best_fit(cross, restricted=True)
    assert (best.at.gamma[0], best.deviance < min(grid)) == (0.0, True)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=string.ascii_letters[:6] + "y~+-*/:^()|%in10,.` ", max_size=30))
def test_any_text_is_a_formula_or_refused_in_words(text) -> None:
    try:
        found = read_formula("y ~ a + " + text)
    except ModelError:
        return
    assert all(set(term) <= set(found.variables) for term in found.terms)


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["y ~ a + (1|g)", "y ~ a*x + (1|g)", "y ~ a*g + (1|b)", "log(y) ~ x + (1|g/b)", "y~a - 1 + (1|b)"]),
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0, 1.0, 2.5, -3.0, 1e9, None]), st.sampled_from("AB"), st.sampled_from("uvw"),
            st.sampled_from("pq"), st.sampled_from([0.0, 1.0, None]),
        ),
        min_size=1, max_size=14,
    ),
    METHODS,
)  # fmt: skip
def test_any_table_is_fitted_or_refused_in_words(formula, rows, method) -> None:
    """Ties, gaps, empty cells, too few rows: an answer with numbers, or a sentence; no warning, no other error."""
    columns = dict(zip(("y", "a", "g", "b", "x"), map(list, zip(*rows, strict=True)), strict=True))
    try:
        found = fit(from_values(columns), formula, method=method)
    except ModelError:
        return
    assert all(one.variance >= 0 and math.isfinite(one.variance) for one in found.variance)
    assert all(math.isnan(one.p) or 0 <= one.p <= 1 for one in found.terms)
