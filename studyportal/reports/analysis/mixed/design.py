"""Design matrices as R makes them: columns, their names and terms, and which columns the others already say."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.formula import Formula, Term
from studyportal.reports.analysis.mixed.frame import Frame, Variable
from studyportal.reports.analysis.mixed.table import Array

TREATMENT, SUM, FULL = "treatment", "sum", "full"
RELATIVE_TOLERANCE = 1e-7
"""A column that is left with less of its length than this, once the earlier ones are taken out, is aliased (lme4)."""
MOST_COLUMNS = 1000


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a design.

    Attributes
    ----------
    matrix
        Shape (rows, columns).
    names
        As in R: `(Intercept)`, `treatmentB`, `treatmentB:age`.
    term_of
        Each column's term: its place in the formula's terms, -1 for the intercept.
    """

    matrix: Array
    names: tuple[str, ...]
    term_of: tuple[int, ...]

    def taken(self, kept: list[int]) -> "Columns":
        """Return some of the columns."""
        return Columns(
            self.matrix[:, kept], tuple(self.names[at] for at in kept), tuple(self.term_of[at] for at in kept)
        )


def coding(levels: int, kind: str) -> Array:
    """Return the rows of a factor's levels in a coding, shape (levels, columns)."""
    if kind == FULL:
        return np.eye(levels)
    if kind == TREATMENT:
        return np.eye(levels)[:, 1:]
    return np.vstack([np.eye(levels - 1), -np.ones(levels - 1)])


def fixed_columns(formula: Formula, frame: Frame, kind: str = TREATMENT) -> Columns:
    """Return the columns of the fixed terms.

    A factor is coded by contrasts where the rest of its term is part of an earlier term, else by all its levels
    (Chambers and Hastie 1992, Statistical Models in S, section 2.4).

    Raises
    ------
    ModelError
        More columns than anybody can read.
    """
    kinds = coding_kinds(formula, frame.variables, kind)
    return _bound(formula, kinds, frame)


def overparameterised(formula: Formula, frame: Frame) -> Columns:
    """Return the columns of every term with all levels of all its factors: the design that SAS starts from."""
    return _bound(formula, [dict.fromkeys(term, FULL) for term in formula.terms], frame)


def _bound(formula: Formula, parts: list[dict[str, str]], frame: Frame) -> Columns:
    matrices, names, term_of = [], [], []
    if formula.has_intercept:
        matrices.append(np.ones((frame.rows, 1)))
        names.append("(Intercept)")
        term_of.append(-1)
    for place, (term, kinds) in enumerate(zip(formula.terms, parts, strict=True)):
        matrix, own = term_columns(term, frame.variables, kinds, frame.rows)
        matrices.append(matrix)
        names.extend(own)
        term_of.extend([place] * len(own))
        if len(names) > MOST_COLUMNS:
            msg = f"The fixed terms need more than {MOST_COLUMNS} columns: is a column with many levels among them?"
            raise ModelError(msg)
    if not matrices:
        raise ModelError("The formula has no fixed term and no intercept.")
    return Columns(np.hstack(matrices), tuple(names), tuple(term_of))


def term_columns(
    term: Term, variables: dict[str, Variable], kinds: dict[str, str], rows: int
) -> tuple[Array, list[str]]:
    """Return the columns of one term; the first variable varies fastest, as in R."""
    matrix, names = np.ones((rows, 1)), [[""]]
    for label in term:
        variable = variables[label]
        if variable.levels is None:
            own, own_names = variable.values[:, None], [label]
        else:
            if matrix.shape[1] * len(variable.levels) > MOST_COLUMNS:
                msg = f"The term {':'.join(term)} needs more than {MOST_COLUMNS} columns."
                raise ModelError(msg)
            own = coding(len(variable.levels), kinds[label])[variable.codes]
            own_names = _level_names(label, variable.levels, kinds[label])
        matrix = (own[:, :, None] * matrix[:, None, :]).reshape(rows, -1)
        names.append(own_names)
    # The last variable varies slowest: the product runs from the back.
    return matrix, [":".join(filter(None, reversed(row))) for row in product(*reversed(names))]


def _level_names(label: str, levels: tuple[str, ...], kind: str) -> list[str]:
    if kind == SUM:
        return [f"{label}{number}" for number in range(1, len(levels))]
    return [f"{label}{level}" for level in (levels if kind == FULL else levels[1:])]


def coding_kinds(formula: Formula, variables: dict[str, Variable], kind: str) -> list[dict[str, str]]:
    """Return, for each term, how each of its factors is coded."""
    found: list[dict[str, str]] = []
    for place, term in enumerate(formula.terms):
        kinds = {}
        for label in term:
            rest = set(term) - {label}
            spanned = not rest or any(rest <= set(earlier) for earlier in formula.terms[:place])
            kinds[label] = kind if spanned else FULL
        found.append(kinds)
    if not formula.has_intercept:
        for term, kinds in zip(formula.terms, found, strict=True):
            first = next((label for label in term if variables[label].levels is not None), None)
            if first is not None:
                kinds[first] = FULL
                break
    return found


@dataclass(frozen=True, slots=True)
class Basis:
    """An orthonormal basis of independent columns: `columns.matrix == q @ r`.

    Attributes
    ----------
    kept, aliased
        Places of the independent columns, and of those that they already say.
    """

    columns: Columns
    q: Array
    r: Array
    kept: tuple[int, ...]
    aliased: tuple[int, ...]


def independent(columns: Columns) -> Basis:
    """Return a basis of the columns, leaving out each that follows from those before it."""
    matrix = columns.matrix
    kept, aliased = list(range(matrix.shape[1])), list[int]()
    if len(kept) <= matrix.shape[0]:
        q, r = np.linalg.qr(matrix)
        lengths = np.sqrt((matrix**2).sum(axis=0))
        if (np.abs(np.diag(r)) >= RELATIVE_TOLERANCE * lengths).all() and lengths.all():
            return Basis(columns, q, r, tuple(kept), ())
    kept = []
    basis = np.empty((matrix.shape[0], 0))
    for at, column in enumerate(matrix.T):
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        length = float(np.linalg.norm(rest))
        if length < RELATIVE_TOLERANCE * float(np.linalg.norm(column)) or length == 0:
            aliased.append(at)
        else:
            kept.append(at)
            basis = np.column_stack([basis, rest / length])
    taken = columns.taken(kept)
    q, r = np.linalg.qr(taken.matrix)
    return Basis(taken, q, r, tuple(kept), tuple(aliased))
