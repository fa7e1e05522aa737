"""Treatment differences in the two-period, two-treatment crossover.

Two estimates of the same thing: the paired t, which ignores periods, and that of Hills and Armitage, which takes a
period effect out. Neither tests carry-over first, and neither falls back on period 1.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

from scipy.special import stdtr, stdtrit

Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True, slots=True)
class PairedOutcome:
    """One participant's outcome in both periods, in the outcome's unit.

    Attributes
    ----------
    treated_first
        Whether the treatment of interest came in period 1 and the reference in period 2.
    """

    period_1: float
    period_2: float
    treated_first: bool

    @property
    def treatment_difference(self) -> float:
        """Treatment of interest minus reference."""
        difference = self.period_1 - self.period_2
        return difference if self.treated_first else -difference


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference with its uncertainty; all but the last three in the outcome's unit.

    Attributes
    ----------
    n
        Participants with both periods.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    degrees_of_freedom: int
    p_value: float
    n: int


def change(before: float, after: float) -> float:
    """Return the change score, after minus before: on a severity scale negative is better."""
    return after - before


def paired_t(outcomes: Sequence[PairedOutcome], *, confidence: float = 0.95) -> Estimate:
    """Return the mean within-participant difference, treatment of interest minus reference.

    With n participants on n - 1 degrees of freedom. A period effect goes into the estimate as far as the sequences are
    unequally filled, and into the error: prefer `hills_armitage`.

    Raises
    ------
    ValueError
        Fewer than two participants have both periods.
    """
    if len(outcomes) < 2:
        raise ValueError("a paired difference needs at least two participants with both periods")
    differences = [outcome.treatment_difference for outcome in outcomes]
    n = len(differences)
    variance = _sum_of_squares(differences) / (n - 1)
    return _estimate(fmean(differences), (variance / n) ** 0.5, n - 1, n, confidence)


def hills_armitage(outcomes: Sequence[PairedOutcome], *, confidence: float = 0.95) -> Estimate:
    """Return the treatment difference adjusted for a period effect, on n - 2 degrees of freedom.

    Half the difference between the sequences' mean period differences. In complete data it equals the least-squares
    estimate of `outcome ~ treatment + period + participant`. Unbiased as long as there is no carry-over.

    Source: Hills and Armitage 1979, Br J Clin Pharmacol 8:7.

    Raises
    ------
    ValueError
        A sequence is empty, or fewer than three participants have both periods.
    """
    return _between_sequences(outcomes, confidence, lambda one, other: (one - other) / 2)


def period_effect(outcomes: Sequence[PairedOutcome], *, confidence: float = 0.95) -> Estimate:
    """Return period 2 minus period 1, adjusted for the treatment (Hills and Armitage 1979).

    Raises
    ------
    ValueError
        As for `hills_armitage`.
    """
    return _between_sequences(outcomes, confidence, lambda one, other: -(one + other) / 2)


def by_subgroup(
    outcomes: Iterable[tuple[Group, PairedOutcome]], *, confidence: float = 0.95
) -> dict[Group, Estimate | None]:
    """Return the Hills-Armitage estimate of each subgroup, in order of appearance.

    `None` stands where a subgroup is too small for one. Two intervals side by side are no test of an interaction.
    """
    members: dict[Group, list[PairedOutcome]] = {}
    for group, outcome in outcomes:
        members.setdefault(group, []).append(outcome)
    return {
        group: hills_armitage(rows, confidence=confidence) if _is_estimable(rows) else None
        for group, rows in members.items()
    }


def _is_estimable(outcomes: Sequence[PairedOutcome]) -> bool:
    return len(outcomes) > 2 and len({outcome.treated_first for outcome in outcomes}) == 2


def _between_sequences(
    outcomes: Sequence[PairedOutcome], confidence: float, combine: Callable[[float, float], float]
) -> Estimate:
    """Combine the sequences' mean period differences (period 1 minus 2), with the variance pooled within them."""
    if not _is_estimable(outcomes):
        raise ValueError("a period-adjusted difference needs three participants or more, and both sequences")
    treated_first, treated_second = (
        [outcome.period_1 - outcome.period_2 for outcome in outcomes if outcome.treated_first is first]
        for first in (True, False)
    )
    n = len(outcomes)
    variance = (_sum_of_squares(treated_first) + _sum_of_squares(treated_second)) / (n - 2)
    standard_error = (variance * (1 / len(treated_first) + 1 / len(treated_second))) ** 0.5 / 2
    return _estimate(combine(fmean(treated_first), fmean(treated_second)), standard_error, n - 2, n, confidence)


def _sum_of_squares(values: Sequence[float]) -> float:
    mean = fmean(values)
    return sum((value - mean) ** 2 for value in values)


def _estimate(value: float, standard_error: float, degrees: int, n: int, confidence: float) -> Estimate:
    half = float(stdtrit(degrees, (1 + confidence) / 2)) * standard_error
    t = abs(value) / standard_error if standard_error > 0 else float("inf") if value else 0.0
    p_value = 2 * float(stdtr(degrees, -t))
    return Estimate(value, standard_error, value - half, value + half, degrees, p_value, n)
