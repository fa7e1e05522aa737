"""What must hold before a model can be fitted, each with the sentence for when it does not."""

import numpy as np

from studyportal.reports.analysis.mixed.blocks import CrossProducts
from studyportal.reports.analysis.mixed.design import Basis
from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.frame import Frame
from studyportal.reports.analysis.mixed.moments import moments
from studyportal.reports.analysis.mixed.table import Array

SMALL = 1e-9


def check_groups(frame: Frame) -> None:
    """Refuse grouping factors that cannot have a variance of their own.

    Raises
    ------
    ModelError
        One level; one row in every level; the same grouping twice.
    """
    for group in frame.groups:
        if group.levels < 2:
            msg = f"(1|{group.label}) needs two levels or more; the rows that are used have one."
            raise ModelError(msg)
        if group.levels == frame.rows:
            msg = (
                f"(1|{group.label}) has one row in each of its levels, so it cannot be told from the residual: "
                "leave it out, or give the rows that repeat."
            )
            raise ModelError(msg)
    for place, group in enumerate(frame.groups):
        for other in frame.groups[:place]:
            pairs = np.unique(group.codes * other.levels + other.codes).size
            if pairs == group.levels == other.levels:
                msg = f"(1|{other.label}) and (1|{group.label}) group the rows alike: keep one of them."
                raise ModelError(msg)


def check_outcome(frame: Frame, basis: Basis) -> Array:
    """Return the ordinary least-squares coefficients in the basis.

    Raises
    ------
    ModelError
        Too few rows, an outcome that does not vary, or one that the fixed terms reproduce.
    """
    if frame.rows <= basis.q.shape[1]:
        msg = (
            f"{frame.rows} rows are too few for {basis.q.shape[1]} fixed coefficients and a residual: "
            "give more rows or fewer terms."
        )
        raise ModelError(msg)
    spread = frame.outcome - frame.outcome.mean()
    size = float(np.linalg.norm(spread))
    if size <= 1e-12 * float(np.linalg.norm(frame.outcome)):
        msg = f"“{frame.outcome_label}” has the same value in every row: there is nothing to explain."
        raise ModelError(msg)
    ordinary = basis.q.T @ frame.outcome
    # Twice, as one pass may leave rounding errors of a large mean.
    ordinary = ordinary + basis.q.T @ (frame.outcome - basis.q @ ordinary)
    if float(np.linalg.norm(frame.outcome - basis.q @ ordinary)) <= 1e-10 * size:
        msg = f"The fixed terms reproduce “{frame.outcome_label}” exactly: no residual is left to judge by."
        raise ModelError(msg)
    return ordinary


def check_variances(cross: CrossProducts, frame: Frame) -> None:
    """Refuse random terms whose variances the design cannot tell apart, whatever the outcome.

    Raises
    ------
    ModelError
        The fixed terms say a random term already, or two variances always act together.
    """
    if not cross.factors:
        return
    at = moments(cross, np.zeros(cross.factors))
    for place, group in enumerate(frame.groups):
        if at.traces[place] <= SMALL * frame.rows:
            msg = f"The fixed terms already tell the levels of “{group.label}” apart: take it out there or here."
            raise ModelError(msg)
    whole = np.empty((cross.factors + 1, cross.factors + 1))
    whole[1:, 1:] = at.products
    whole[0, 1:] = whole[1:, 0] = at.traces
    whole[0, 0] = cross.rows - cross.fixed
    scale = np.sqrt(np.diag(whole))
    if float(np.linalg.eigvalsh(whole / scale / scale[:, None])[0]) < SMALL:
        terms = " and ".join(f"(1|{group.label})" for group in frame.groups)
        msg = f"{terms} and the residual cannot be told apart in these rows: leave out a random term or a fixed one."
        raise ModelError(msg)
