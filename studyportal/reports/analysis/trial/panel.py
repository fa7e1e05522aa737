"""A6: the classical panel of a two-period, two-treatment crossover, without a model."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isclose, sqrt

import numpy as np
from scipy.special import ndtr

from studyportal.reports.analysis.crossover import (
    Estimate,
    PairedOutcome,
    change,
    hills_armitage,
    paired_t,
    period_effect,
)
from studyportal.reports.analysis.mixed import ModelError
from studyportal.reports.analysis.trial.rows import ScoreRow, other_treatment

LARGEST_EXACT = 40
"""Participants up to whom rank tests count all arrangements; beyond, a normal approximation is close."""


@dataclass(frozen=True, slots=True)
class RankTest:
    """A rank statistic with its two-sided P value; `is_exact` tells whether all arrangements were counted."""

    statistic: float
    p_value: float
    n: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """The classical analyses side by side.

    Attributes
    ----------
    koch_treatment, koch_period
        Rank-sum tests of the sequences' period differences, and of these with the sign turned in one sequence.
    signed_rank
        Wilcoxon's of the differences between treatments; it ignores periods.
    correlation
        Pearson's r between the two treatments' outcomes within participants.
    incomplete
        Participants left out, as a period is missing.
    """

    paired: Estimate
    treatment: Estimate
    period: Estimate
    koch_treatment: RankTest
    koch_period: RankTest
    signed_rank: RankTest
    correlation: float
    incomplete: int


def panel(rows: Sequence[ScoreRow], *, reference: str, confidence: float = 0.95) -> Panel:
    """Return A6 on the change after treatment, treatment of interest minus reference.

    Sources: Hills and Armitage 1979, Br J Clin Pharmacol 8:7; Koch 1972, Biometrics 28:577.

    Raises
    ------
    ModelError
        Not two treatments, a participant with two rows in a period, or too few complete participants.
    """
    interest = other_treatment((row.treatment for row in rows), reference)
    outcomes, incomplete = _paired(rows, interest)
    if len(outcomes) < 3 or len({one.treated_first for one in outcomes}) < 2:
        raise ModelError("The classical panel needs three complete participants or more, and both sequences.")
    first = [one.period_1 - one.period_2 for one in outcomes if one.treated_first]
    second = [one.period_1 - one.period_2 for one in outcomes if not one.treated_first]
    interests, references = zip(
        *((one.period_1, one.period_2)[:: 1 if one.treated_first else -1] for one in outcomes), strict=True
    )
    return Panel(
        paired=paired_t(outcomes, confidence=confidence),
        treatment=hills_armitage(outcomes, confidence=confidence),
        period=period_effect(outcomes, confidence=confidence),
        koch_treatment=rank_sum(first, second),
        koch_period=rank_sum(first, [-one for one in second]),
        signed_rank=signed_rank([one.treatment_difference for one in outcomes]),
        correlation=_correlation(interests, references),
        incomplete=incomplete,
    )


def _paired(rows: Sequence[ScoreRow], interest: str) -> tuple[list[PairedOutcome], int]:
    outcomes, incomplete = [], 0
    for participant, own in groupby(sorted(rows, key=lambda row: row.participant), key=lambda row: row.participant):
        by_period: dict[int, ScoreRow] = {}
        for row in own:
            if row.period in by_period or row.period not in {1, 2}:
                msg = f"Participant {participant} has a row too many in period {row.period}: the panel takes two."
                raise ModelError(msg)
            by_period[row.period] = row
        values = [_change(by_period.get(period)) for period in (1, 2)]
        one, other = values
        if one is None or other is None or by_period[1].treatment == by_period[2].treatment:
            incomplete += 1
        else:
            outcomes.append(PairedOutcome(one, other, treated_first=by_period[1].treatment == interest))
    return outcomes, incomplete


def _change(row: ScoreRow | None) -> float | None:
    if row is None or row.before is None or row.after is None:
        return None
    return change(row.before, row.after)


def rank_sum(first: Sequence[float], second: Sequence[float]) -> RankTest:
    """Return Wilcoxon's rank-sum test of two samples: the sum of the first one's midranks.

    Exact with ties too, by counting every choice of ranks; P is the share of choices at least as far from the mean.
    """
    ranks = _midranks([*first, *second])
    observed = sum(ranks[: len(first)])
    n, total = len(ranks), sum(ranks)
    mean = total * len(first) / n
    if n > LARGEST_EXACT:
        spread = sum((one - total / n) ** 2 for one in ranks) * len(first) * len(second) / (n * (n - 1))
        return RankTest(observed, _normal(observed - mean, sqrt(spread)), n, is_exact=False)
    # How many choices of so many ranks have each sum; doubled ranks are whole numbers.
    counts: list[Counter[int]] = [Counter({0: 1})] + [Counter() for _ in first]
    for rank in ranks:
        for size in range(len(first), 0, -1):
            for reached, ways in counts[size - 1].items():
                counts[size][reached + round(2 * rank)] += ways
    return RankTest(observed, _share(counts[-1], observed, mean), n, is_exact=True)


def signed_rank(differences: Sequence[float]) -> RankTest:
    """Return Wilcoxon's signed-rank test: the sum of the ranks of positive differences; zeros are left out.

    Exact with ties too, by counting every choice of signs.
    """
    kept = [one for one in differences if one]
    ranks = _midranks([abs(one) for one in kept])
    observed = sum(rank for rank, one in zip(ranks, kept, strict=True) if one > 0)
    mean = sum(ranks) / 2
    if len(kept) > LARGEST_EXACT:
        spread = sum(rank**2 for rank in ranks) / 4
        return RankTest(observed, _normal(observed - mean, sqrt(spread)), len(kept), is_exact=False)
    counts: Counter[int] = Counter({0: 1})
    for rank in ranks:
        step = round(2 * rank)
        counts.update({reached + step: ways for reached, ways in list(counts.items())})
    return RankTest(observed, _share(counts, observed, mean), len(kept), is_exact=True)


def _midranks(values: Sequence[float]) -> list[float]:
    """Return the ranks of values, ties sharing the mean of theirs; differences of rounding alone are ties."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and isclose(
            values[order[end + 1]], values[order[start]], rel_tol=1e-9, abs_tol=1e-12
        ):
            end += 1
        for at in order[start : end + 1]:
            ranks[at] = (start + end) / 2 + 1
        start = end + 1
    return ranks


def _share(counts: Counter[int], observed: float, mean: float) -> float:
    far = abs(observed - mean) - 1e-9
    return sum(ways for reached, ways in counts.items() if abs(reached / 2 - mean) >= far) / counts.total()


def _normal(distance: float, spread: float) -> float:
    return 2 * float(ndtr(-abs(distance) / spread)) if spread else 1.0


def _correlation(one: Iterable[float], other: Iterable[float]) -> float:
    x, y = (np.array(list(some)) for some in (one, other))
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size else float("nan")
