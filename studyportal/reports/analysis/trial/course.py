"""A4 and A5: a time course within each session, as a whole and as one number a session."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Literal

from studyportal.reports.analysis.mixed import difference, fit, from_values
from studyportal.reports.analysis.mixed.degrees import Method
from studyportal.reports.analysis.trial.rows import Analysis, CourseRow, Label, ScoreRow, other_treatment
from studyportal.reports.analysis.trial.scores import change_score

COURSE = "value ~ treatment*factor(block) + factor(period) + (1|participant) + (1|participant:session)"
FLAT_COURSE = "value ~ treatment*factor(block) + factor(period) + (1|participant)"
Summary = Literal["mean", "area"]


def course(
    rows: Sequence[CourseRow], *, reference: str, with_session: bool = True, method: Method = "kenward-roger"
) -> Analysis:
    """Return A4: the time course of both treatments; the effect is the mean difference over all blocks.

    A session's blocks share what that session does to them. Without the session's intercept, as published, a contrast
    between sessions is judged by the scatter of blocks (pseudo-replication): P comes out too small.
    """
    formula = COURSE if with_session else FLAT_COURSE
    interest = other_treatment((row.treatment for row in rows), reference)
    table = from_values(
        {
            "participant": [row.participant for row in rows],
            "session": [f"session {row.period}" for row in rows],
            "period": [row.period for row in rows],
            "treatment": [row.treatment for row in rows],
            "block": [row.block for row in rows],
            "value": [row.value for row in rows],
        }
    )
    found = fit(table, formula, method=method)
    effect = difference(found, "treatment", interest, reference)
    label = Label.DEFAULT if with_session else Label.AS_PUBLISHED
    return Analysis("A4", label, formula, "treatment", (effect,), found)


def summarise(
    rows: Sequence[CourseRow], *, summary: Summary = "mean", minutes: Mapping[int, float] | None = None
) -> list[ScoreRow]:
    """Return each session's baseline and its summary after it: the mean of later blocks, or the mean level of an area.

    Parameters
    ----------
    summary
        "area" is that under the line through the blocks, baseline included, over the time that it spans; so both
        summaries are levels in the outcome's unit, and the change is that from the baseline.
    minutes
        The time of each block, for "area"; blocks are one apart without it.

    A session without its baseline has none; one that misses a later block has no area, and the mean of those it has.
    """
    sessions: dict[tuple[str, str, int, str], dict[int, float]] = defaultdict(dict)
    for row in rows:
        values = sessions[row.participant, row.sequence, row.period, row.treatment]
        if row.value is not None:
            values[row.block] = row.value
    blocks = sorted({row.block for row in rows})
    times = {block: float(block) if minutes is None else minutes[block] for block in blocks}
    return [
        ScoreRow(*session, before=values.get(0), after=_level(values, blocks, times, summary))
        for session, values in sessions.items()
    ]


def course_summary(
    rows: Sequence[CourseRow],
    *,
    reference: str,
    summary: Summary = "mean",
    minutes: Mapping[int, float] | None = None,
    method: Method = "kenward-roger",
) -> Analysis:
    """Return A5: one number a session, analysed like A1; no block is counted as if it were a session."""
    found = change_score(summarise(rows, summary=summary, minutes=minutes), reference=reference, method=method)
    return Analysis("A5", Label.DEFAULT, found.formula, found.term, found.effects, found.fit)


def _level(
    values: Mapping[int, float], blocks: Sequence[int], times: Mapping[int, float], summary: Summary
) -> float | None:
    if summary == "mean":
        later = [value for block, value in values.items() if block > 0]
        return fmean(later) if later else None
    if len(blocks) < 2 or any(block not in values for block in blocks):
        return None
    area = sum(
        (times[after] - times[before]) * (values[before] + values[after]) / 2 for before, after in pairwise(blocks)
    )
    return area / (times[blocks[-1]] - times[blocks[0]])
