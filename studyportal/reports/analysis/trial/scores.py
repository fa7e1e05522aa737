"""A1, A2 and A3: a severity score before and after treatment, overall and by sex."""

from collections.abc import Sequence

from studyportal.reports.analysis.crossover import change
from studyportal.reports.analysis.mixed import Table, difference, fit, from_values
from studyportal.reports.analysis.mixed.degrees import Method
from studyportal.reports.analysis.trial.rows import Analysis, Label, ScoreRow, other_treatment

CHANGE = "change ~ treatment + factor(period) + (1|participant)"
LONG = "score ~ treatment*time + factor(period) + (1|participant)"
BY_SEX = "change ~ treatment*sex + factor(period) + (1|participant)"


def change_score(rows: Sequence[ScoreRow], *, reference: str, method: Method = "kenward-roger") -> Analysis:
    """Return A1, the primary analysis: change after treatment, with a participant intercept.

    In complete data the treatment has n - 2 degrees of freedom, and the estimate is that of Hills and Armitage. A
    session's baseline as an ordinary covariate beside a random participant would be biased (Kenward and Roger 2010,
    Biostatistics 11:1): hence the change.
    """
    found = fit(_changes(rows), CHANGE, method=method)
    interest = other_treatment((row.treatment for row in rows), reference)
    effect = difference(found, "treatment", interest, reference)
    return Analysis("A1", Label.DEFAULT, CHANGE, "treatment", (effect,), found)


def long_scores(rows: Sequence[ScoreRow], *, reference: str, method: Method = "satterthwaite") -> Analysis:
    """Return A2, as published: scores before and after in one model, tested by treatment x time.

    The effects are the differences between treatments before and after; their difference is the test.
    """
    interest = other_treatment((row.treatment for row in rows), reference)
    long = [(row, "1 before", row.before) for row in rows] + [(row, "2 after", row.after) for row in rows]
    table = from_values(
        {
            "participant": [row.participant for row, _, _ in long],
            "period": [row.period for row, _, _ in long],
            "treatment": [row.treatment for row, _, _ in long],
            "time": [time for _, time, _ in long],
            "score": [score for _, _, score in long],
        }
    )
    found = fit(table, LONG, method=method)
    effects = tuple(difference(found, "treatment", interest, reference, at={"time": time}) for time in TIMES)
    return Analysis("A2", Label.AS_PUBLISHED, LONG, "treatment:time", effects, found)


TIMES = ("1 before", "2 after")


def by_sex(rows: Sequence[ScoreRow], *, reference: str, method: Method = "kenward-roger") -> Analysis:
    """Return A3: the effect on change in each sex, in order of its name; the interaction is exploratory.

    Two intervals side by side are no test of a difference: that is the interaction's.
    """
    found = fit(_changes(rows), BY_SEX, method=method)
    interest = other_treatment((row.treatment for row in rows), reference)
    sexes = found.state.frame.variables["sex"].levels or ()
    effects = tuple(difference(found, "treatment", interest, reference, at={"sex": sex}) for sex in sexes)
    return Analysis("A3", Label.EXPLORATORY, BY_SEX, "treatment:sex", effects, found)


def _changes(rows: Sequence[ScoreRow]) -> Table:
    return from_values(
        {
            "participant": [row.participant for row in rows],
            "period": [row.period for row in rows],
            "treatment": [row.treatment for row in rows],
            "sex": [row.sex for row in rows],
            "change": [
                None if row.before is None or row.after is None else change(row.before, row.after) for row in rows
            ],
        }
    )
