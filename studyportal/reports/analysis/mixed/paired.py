"""The fixed-participant analysis: what to show beside a fit whose participant variance is estimated as zero.

Levels of the vanished factor enter as fixed effects, so that only comparisons within them count: in a two-period
crossover this is the paired analysis.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from studyportal.reports.analysis.mixed.formula import Formula
from studyportal.reports.analysis.mixed.frame import Frame, Variable

MOST_LEVELS = 400


def with_fixed_levels(formula: Formula, frame: Frame, zero: Sequence[int]) -> tuple[Formula, Frame] | None:
    """Return the model with the levels of the first vanished factor fixed; None where that has no meaning.

    It has none when no whole factor vanished (a nested one may), when its levels are among the fixed terms already, are
    too many, or leave no row for a residual.
    """
    whole = [place for place in zero if len(formula.groups[place]) == 1]
    if not whole or not formula.has_intercept:
        return None
    place = whole[0]
    group = frame.groups[place]
    if group.label in frame.variables or group.levels > MOST_LEVELS or frame.rows < group.levels + 3:
        return None
    levels = tuple(str(number) for number in range(group.levels))
    label = group.label
    fixed = replace(
        formula,
        terms=((label,), *formula.terms),
        variables={label: formula.groups[place][0], **formula.variables},
        groups=formula.groups[:place] + formula.groups[place + 1 :],
    )
    variable = Variable(label, formula.groups[place][0], levels, group.codes, np.empty(0))
    return fixed, replace(
        frame,
        variables={label: variable, **frame.variables},
        groups=frame.groups[:place] + frame.groups[place + 1 :],
    )
