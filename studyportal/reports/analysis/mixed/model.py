"""Fitting a mixed model to a table: from the formula to tests, coefficients and variances."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import fdtrc

from studyportal.reports.analysis.mixed.blocks import cross_products
from studyportal.reports.analysis.mixed.components import components
from studyportal.reports.analysis.mixed.contrasts import type_three
from studyportal.reports.analysis.mixed.degrees import METHODS, FTest, Inference, Method, inference
from studyportal.reports.analysis.mixed.design import SUM, TREATMENT, Basis, Columns, fixed_columns, independent
from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.formula import Formula, Term, read_formula
from studyportal.reports.analysis.mixed.frame import Frame, build_frame
from studyportal.reports.analysis.mixed.identifiability import check_groups, check_outcome, check_variances
from studyportal.reports.analysis.mixed.intervals import estimates
from studyportal.reports.analysis.mixed.optimum import best_fit
from studyportal.reports.analysis.mixed.paired import with_fixed_levels
from studyportal.reports.analysis.mixed.results import Fit, State, TermTest, Variance
from studyportal.reports.analysis.mixed.table import Array, Table

SINGULAR = 1e-4
"""A relative standard deviation below this counts as zero, as in lme4's isSingular."""


def fit(
    table: Table,
    formula: str,
    *,
    method: Method = "kenward-roger",
    restricted: bool = True,
    coding: str = TREATMENT,
    confidence: float = 0.95,
) -> Fit:
    """Return the fit of a linear mixed model with independent random intercepts.

    Parameters
    ----------
    table
        Columns by name: see `read_csv` and `from_values`.
    formula
        For example "change ~ treatment + period + (1|id)".
    method
        Of the degrees of freedom. Kenward-Roger needs restricted likelihood.
    restricted
        REML; else maximum likelihood.
    coding
        Of factors: "treatment" as R's default, or "sum". Tests of terms do not depend on it.
    confidence
        Of the coefficients' intervals.

    Raises
    ------
    ModelError
        The model cannot be fitted; the sentence says why and what to do.

    Sources: Bates, Maechler, Bolker and Walker 2015, J Stat Softw 67(1), for the likelihood; see `degrees` and
    `contrasts` for the tests.
    """
    if method not in METHODS:
        msg = f"There is no method “{method}”; there are {' and '.join(METHODS)}."
        raise ModelError(msg)
    if coding not in {TREATMENT, SUM}:
        msg = f"There is no coding “{coding}”; there are treatment and sum."
        raise ModelError(msg)
    if not 0 < confidence < 1:
        raise ModelError("The confidence lies between 0 and 1, as in 0.95.")
    if method == "kenward-roger" and not restricted:
        raise ModelError("Kenward-Roger is defined for REML: ask for Satterthwaite with maximum likelihood.")
    read = read_formula(formula)
    return fit_frame(
        read, build_frame(read, table), method=method, restricted=restricted, coding=coding, confidence=confidence
    )


def fit_frame(
    formula: Formula, frame: Frame, *, method: Method, restricted: bool, coding: str, confidence: float
) -> Fit:
    """Return the fit of a model whose variables are made."""
    columns = fixed_columns(formula, frame, coding)
    basis = independent(columns)
    check_groups(frame)
    ordinary = check_outcome(frame, basis)
    residual = frame.outcome - basis.q @ ordinary
    # The fit is that of the scaled residuals: neither the outcome's level nor its unit costs a digit.
    scale = float(np.linalg.norm(residual)) / math.sqrt(frame.rows)
    cross = cross_products(frame.groups, basis.q, residual / scale)
    check_variances(cross, frame)
    best = best_fit(cross, restricted=restricted)
    parts = components(cross, best.at, restricted=restricted)
    parts = replace(parts, residual_variance=parts.residual_variance * scale**2)
    beta = ordinary + scale * best.at.beta
    at_work = inference(parts, method)
    contrasts = type_three(formula, frame, basis)
    theta = tuple(np.sqrt(best.at.gamma).tolist())
    zero = [place for place, one in enumerate(theta) if one < SINGULAR]
    degrees = frame.rows - len(basis.kept) * restricted
    criterion = best.deviance + 2 * degrees * math.log(scale)
    if restricted:
        criterion += 2 * float(np.log(np.abs(np.diag(basis.r))).sum())
    return Fit(
        formula=formula.text,
        restricted=restricted,
        method=method,
        confidence=confidence,
        terms=tuple(_term_test(term, rows, at_work, beta) for term, rows in contrasts.items()),
        coefficients=estimates(
            dict(zip(basis.columns.names, np.linalg.inv(basis.r).astype(float), strict=True)),
            beta,
            at_work.covariance,
            at_work.degrees,
            confidence,
        ),
        variance=_variances(frame, parts.residual_variance, theta),
        theta=theta,
        singular=bool(zero),
        criterion=criterion,
        rows=frame.rows,
        dropped=frame.dropped,
        notes=(*frame.notes, *_notes(formula, frame, columns, basis, contrasts=contrasts, zero=zero)),
        fixed_participants=_paired(
            with_fixed_levels(formula, frame, zero),
            method=method,
            restricted=restricted,
            coding=coding,
            confidence=confidence,
        ),
        state=State(formula, frame, columns, basis, coding, beta, at_work.covariance, at_work.degrees),
    )


def _term_test(term: Term, rows: Array, at_work: Inference, beta: Array) -> TermTest:
    # A term of which nothing is left has no contrast.
    found = at_work.test(rows, beta) if rows.size else FTest(math.nan, 0, math.nan)
    valid = found.df1 > 0 and found.df2 > 0 and found.F >= 0
    p = float(fdtrc(found.df1, found.df2, found.F)) if valid else math.nan
    return TermTest(":".join(term), found.F, found.df1, found.df2, p)


def _variances(frame: Frame, residual: float, theta: Sequence[float]) -> tuple[Variance, ...]:
    random = (
        Variance(group.label, one**2 * residual, one * math.sqrt(residual), group.levels)
        for group, one in zip(frame.groups, theta, strict=True)
    )
    return (*random, Variance("Residual", residual, math.sqrt(residual), frame.rows))


def _notes(
    formula: Formula, frame: Frame, columns: Columns, basis: Basis, *, contrasts: dict[Term, Array], zero: list[int]
) -> list[str]:
    notes = []
    if frame.dropped:
        were = "1 row was" if frame.dropped == 1 else f"{frame.dropped} rows were"
        notes.append(f"{were} left out, as a value is missing in a column of the formula; {frame.rows} were used.")
    if basis.aliased:
        names = ", ".join(columns.names[at] for at in basis.aliased)
        notes.append(f"The design is rank deficient: left out, as the other columns already say it: {names}.")
    for term, tested in contrasts.items():
        place = formula.terms.index(term)
        wanted = columns.term_of.count(place)
        if not tested.shape[0]:
            notes.append(f"“{':'.join(term)}” cannot be estimated from these rows.")
        elif np.linalg.matrix_rank(tested) < wanted:
            notes.append(
                f"“{':'.join(term)}” lacks cells: its test has fewer degrees of freedom than its levels promise, and "
                "what it compares depends on which cells are there."
            )
    notes.extend(
        f"Singular fit: the variance between levels of “{frame.groups[place].label}” is estimated as zero, "
        "so the model treats their rows as unrelated."
        for place in zero
    )
    return notes


def _paired(
    fixed: tuple[Formula, Frame] | None, *, method: Method, restricted: bool, coding: str, confidence: float
) -> Fit | None:
    """Return the fit with fixed levels, without the levels' own lines; None where there is none."""
    if fixed is None:
        return None
    formula, frame = fixed
    try:
        found = fit_frame(formula, frame, method=method, restricted=restricted, coding=coding, confidence=confidence)
    except ModelError:
        # The levels leave too little: the fit beside which this would stand is good without it.
        return None
    levels = formula.terms[0]
    term_of = found.state.basis.columns.term_of
    shown = [at for at, term in enumerate(term_of) if term not in {-1, 0}]
    return replace(
        found,
        terms=tuple(test for test in found.terms if test.term != ":".join(levels)),
        coefficients=tuple(found.coefficients[at] for at in shown),
        notes=tuple(note for note in found.notes if f"“{levels[0]}”" not in note),
    )
