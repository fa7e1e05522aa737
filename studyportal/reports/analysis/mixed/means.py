"""Marginal means and their pairwise differences, by the conventions of R's emmeans.

A mean is that of the reference grid: every factor at each of its levels with equal weight, every covariate at its mean;
a numeric column of two values stands at both. Source: Searle, Speed and Milliken 1980, Am Stat 34:216.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import prod
from typing import Literal

import numpy as np
from scipy.special import stdtr

from studyportal.reports.analysis.mixed.design import coding_kinds, term_columns
from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.frame import Variable, evaluate
from studyportal.reports.analysis.mixed.intervals import estimates
from studyportal.reports.analysis.mixed.results import Coefficient, Fit, State
from studyportal.reports.analysis.mixed.table import Array, Column, number_text

Adjustment = Literal["tukey", "bonferroni", "none"]
LARGEST_GRID = 20_000


@dataclass(frozen=True, slots=True)
class MarginalMeans:
    """Means of a factor's levels, and all differences of two of them, the first less the second.

    Attributes
    ----------
    pairs
        Their `p` is that of one comparison by itself.
    adjusted
        Their p values as adjusted for the number of comparisons, in the same order.
    """

    factor: str
    means: tuple[Coefficient, ...]
    pairs: tuple[Coefficient, ...]
    adjustment: Adjustment
    adjusted: tuple[float, ...]


def marginal_means(
    fit: Fit, factor: str, *, at: Mapping[str, str] | None = None, adjustment: Adjustment = "tukey"
) -> MarginalMeans:
    """Return the marginal means of a factor and their differences, with the fit's method of degrees of freedom.

    Parameters
    ----------
    factor
        A factor of the fixed terms, or several joined by a colon.
    at
        Levels of other factors to stay at, for simple effects: {"sex": "F"}.
    adjustment
        Of the p values of the differences. Tukey's is for all pairs.

    Raises
    ------
    ModelError
        No such factor or level, or a mean that the design cannot give.
    """
    state, chosen, fixed = fit.state, factor.split(":"), dict(at or {})
    for name in (*chosen, *fixed):
        _check_factor(state, name, fixed.get(name))
    grid, labels = _grid(state, fixed)
    keys = [tuple(label[name] for name in chosen) for label in labels]
    order = list(product(*(state.frame.variables[name].levels or () for name in reversed(chosen))))
    rows = {}
    for key in order:
        wanted = tuple(reversed(key))
        members = [place for place, own in enumerate(keys) if own == wanted]
        if members:
            rows[" ".join(wanted)] = _in_basis(state, grid[members].mean(axis=0), " ".join(wanted))
    pairs = {f"{one} - {other}": rows[one] - rows[other] for one, other in combinations(rows, 2)}
    means, differences = (
        estimates(some, state.beta, state.covariance, state.degrees, fit.confidence) for some in (rows, pairs)
    )
    return MarginalMeans(factor, means, differences, adjustment, _adjusted(differences, len(rows), adjustment))


def difference(fit: Fit, factor: str, of: str, against: str, *, at: Mapping[str, str] | None = None) -> Coefficient:
    """Return the marginal mean of one level less that of another, named "of - against".

    Raises
    ------
    ModelError
        As for `marginal_means`.
    """
    for level in (of, against):
        _check_factor(fit.state, factor, level)
    found = {one.name: one for one in marginal_means(fit, factor, at=at, adjustment="none").pairs}
    name = f"{of} - {against}"
    if name in found:
        return found[name]
    turned = found[f"{against} - {of}"]
    return replace(turned, name=name, estimate=-turned.estimate, t=-turned.t, low=-turned.high, high=-turned.low)


def _check_factor(state: State, name: str, level: str | None) -> None:
    variable = state.frame.variables.get(name)
    if variable is None or variable.levels is None:
        factors = ", ".join(label for label, one in state.frame.variables.items() if one.levels is not None)
        msg = f"“{name}” is no factor of the fixed terms; there are {factors or 'none'}."
        raise ModelError(msg)
    if level is not None and level not in variable.levels:
        msg = f"“{name}” has no level “{level}”; there are {', '.join(variable.levels)}."
        raise ModelError(msg)


def _grid(state: State, fixed: Mapping[str, str]) -> tuple[Array, list[dict[str, str]]]:
    """Return the fixed columns at every point of the reference grid, and the factors' levels there."""
    frame = state.frame
    factors = {
        label: [fixed[label]] if label in fixed else list(variable.levels)
        for label, variable in frame.variables.items()
        if variable.levels is not None
    }
    covariates = {name: _stands_at(values) for name, values in frame.covariates.items()}
    size = prod(map(len, factors.values())) * prod(map(len, covariates.values()))
    if size > LARGEST_GRID:
        msg = f"The reference grid would have {size} points: the factors have too many levels for marginal means."
        raise ModelError(msg)
    labels, numbers = [], []
    for levels in product(*factors.values()):
        for values in product(*covariates.values()):
            labels.append(dict(zip(factors, levels, strict=True)))
            numbers.append(values)
    stands = np.array(numbers, float).reshape(size, len(covariates)).T
    columns = {
        name: Column(name, own, tuple(map(number_text, own.tolist())))
        for name, own in zip(covariates, stands, strict=True)
    }
    variables = {label: _at_points(variable, labels, columns) for label, variable in frame.variables.items()}
    kinds = coding_kinds(state.formula, variables, state.coding)
    parts = [np.ones((size, 1))] if state.formula.has_intercept else []
    for term, kind in zip(state.formula.terms, kinds, strict=True):
        parts.append(term_columns(term, variables, kind, size)[0])
    return np.hstack(parts), labels


def _stands_at(values: Array) -> list[float]:
    found = np.unique(values)
    return found.tolist() if found.size <= 2 else [float(values.mean())]


def _at_points(variable: Variable, labels: Sequence[Mapping[str, str]], numbers: Mapping[str, Column]) -> Variable:
    if variable.levels is None:
        return replace(variable, values=evaluate(variable.node, numbers, "a covariate"))
    place = {level: at for at, level in enumerate(variable.levels)}
    return replace(variable, codes=np.array([place[label[variable.label]] for label in labels], np.intp))


def _in_basis(state: State, row: Array, name: str) -> Array:
    """Return a row of fixed columns as a contrast in the basis.

    It is estimable when it is a combination of the design's rows: the aliased columns then are what the kept say.
    """
    basis = state.basis
    contrast: Array = np.linalg.solve(basis.r.T, row[list(basis.kept)]).astype(float)
    if basis.aliased:
        others = list(basis.aliased)
        said = (basis.q.T @ state.columns.matrix[:, others]).T @ contrast
        if np.abs(said - row[others]).max() > 1e-8 * max(1.0, float(np.abs(row).max())):
            msg = f"The marginal mean of “{name}” cannot be estimated: some combinations of levels have no rows."
            raise ModelError(msg)
    return contrast


def _adjusted(pairs: Sequence[Coefficient], levels: int, adjustment: Adjustment) -> tuple[float, ...]:
    match adjustment:
        case "tukey" if levels > 2:
            # Slow to load, and needed here only.
            from scipy.stats import studentized_range  # noqa: PLC0415

            return tuple(
                float(studentized_range.sf(abs(one.t) * 2**0.5, levels, one.df)) for one in pairs
            )  # fmt: skip
        case "bonferroni":
            return tuple(min(1.0, len(pairs) * one.p) for one in pairs)
    return tuple(2 * float(stdtr(one.df, -abs(one.t))) for one in pairs)
