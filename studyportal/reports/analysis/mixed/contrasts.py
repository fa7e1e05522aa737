"""Type III hypotheses: what each term says beyond all others, whatever the coding of its columns.

With a value in every cell they are the tests of sum-coded columns. With empty cells they follow the general form of
estimable functions, each term made orthogonal to the terms that contain it (SAS/STAT, The Four Types of Estimable
Functions; Goodnight 1980), which is what lmerTest does.
"""

import numpy as np

from studyportal.reports.analysis.mixed.design import TREATMENT, Basis, fixed_columns, independent, overparameterised
from studyportal.reports.analysis.mixed.formula import Formula, Term
from studyportal.reports.analysis.mixed.frame import Frame
from studyportal.reports.analysis.mixed.table import Array

SMALL = 1e-8


def type_three(formula: Formula, frame: Frame, basis: Basis) -> dict[Term, Array]:
    """Return the contrasts of each term in the orthonormal basis, shape (contrasts, columns).

    A term that cannot be tested has none.

    Parameters
    ----------
    basis
        Of the fixed columns as they were fitted, in any coding.
    """
    if len(formula.terms) <= 1 or basis.q.shape[1] <= 1:
        return {term: _sequential(basis, place) for place, term in enumerate(formula.terms)}
    treatment = independent(fixed_columns(formula, frame, TREATMENT))
    to_basis = np.linalg.solve(treatment.r, treatment.q.T @ basis.q)
    found = _estimable(formula, frame, treatment)
    return {term: rows @ to_basis for term, rows in found.items()}


def _sequential(basis: Basis, place: int) -> Array:
    """Return the contrasts of the only term: the rows of its part of the triangular factor, with a unit diagonal."""
    rows = [at for at, term in enumerate(basis.columns.term_of) if term == place]
    return np.diag(1 / np.diag(basis.r))[rows]


def _estimable(formula: Formula, frame: Frame, basis: Basis) -> dict[Term, Array]:
    every = overparameterised(formula, frame)
    general = _rounded(np.linalg.solve(basis.r, basis.q.T @ every.matrix).T.astype(float))
    columns_of = {
        place: [at for at, term in enumerate(basis.columns.term_of) if term == place]
        for place in range(len(formula.terms))
    }
    for place in sorted(columns_of, key=lambda place: len(formula.terms[place]), reverse=True):
        containing = [at for other in _containing(formula, frame, place) for at in columns_of[other]]
        if containing and columns_of[place]:
            upper, own = general[:, containing], general[:, columns_of[place]]
            general[:, columns_of[place]] = _rounded(own - upper @ np.linalg.lstsq(upper, own, rcond=1e-10)[0])
    row_of = {name: at for at, name in enumerate(every.names)}
    general = general[[row_of[name] for name in basis.columns.names]]
    found = {}
    for place, term in enumerate(formula.terms):
        rows = general[:, columns_of[place]].T
        found[term] = rows[np.abs(rows).sum(axis=1) > SMALL]
    return found


def _containing(formula: Formula, frame: Frame, place: int) -> list[int]:
    """Return the terms that contain a term: its factors and more, and the same covariates."""
    own = set(formula.terms[place])
    covariates = {label for label, variable in frame.variables.items() if variable.levels is None}
    return [
        other
        for other, term in enumerate(formula.terms)
        if own < set(term) and own & covariates == set(term) & covariates
    ]


def _rounded(values: Array) -> Array:
    """Return the values with what is zero but for rounding as zero."""
    return np.where(np.abs(values) < SMALL * max(1.0, float(np.abs(values).max(initial=0.0))), 0.0, values)
