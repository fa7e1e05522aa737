"""Means and intervals of a time course by treatment and block, for a figure."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit

Cell = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one participant under one treatment in one block."""

    participant: Hashable
    treatment: str
    block: int
    value: float


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """Mean of a cell with its interval, in the unit of the values; the limits are None for fewer than two values."""

    treatment: str
    block: int
    n: int
    mean: float
    lower: float | None
    upper: float | None


def plain_series(measurements: Iterable[Measurement], *, confidence: float = 0.95) -> list[SeriesPoint]:
    """Return the mean of every cell with Student's interval over participants.

    It answers how well each mean is known by itself. Differences between people widen it, though they cancel in a
    crossover's comparison: two overlapping intervals say little about the treatment.
    """
    return [_point(cell, values, confidence, widen=1.0) for cell, values in _cells(measurements).items()]


def within_participant_series(measurements: Sequence[Measurement], *, confidence: float = 0.95) -> list[SeriesPoint]:
    """Return the mean of every cell with an interval from which differences between people are removed.

    Each participant's values are shifted so that everybody has the same mean (Cousineau 2005, Tutor Quant Methods
    Psychol 1:42), and the variance is multiplied by J / (J - 1) for J cells (Morey 2008, Tutor Quant Methods Psychol
    4:61). Only participants with a value in every cell count, as otherwise the shift would depend on what is missing.

    Raises
    ------
    ValueError
        A participant has two values in one cell, or there are fewer than two cells.
    """
    cells = {(row.treatment, row.block) for row in measurements}
    if len(cells) < 2:
        raise ValueError("within-participant intervals need two cells or more")
    by_participant: dict[Hashable, dict[Cell, float]] = {}
    for row in measurements:
        own = by_participant.setdefault(row.participant, {})
        if (row.treatment, row.block) in own:
            msg = f"participant {row.participant} has two values for {row.treatment}, block {row.block}"
            raise ValueError(msg)
        own[row.treatment, row.block] = row.value
    complete = {participant: own for participant, own in by_participant.items() if len(own) == len(cells)}
    if not complete:
        return []
    grand_mean = fmean(fmean(own.values()) for own in complete.values())
    shifted = [
        Measurement(participant, *cell, value - fmean(own.values()) + grand_mean)
        for participant, own in complete.items()
        for cell, value in own.items()
    ]
    widen = (len(cells) / (len(cells) - 1)) ** 0.5
    return [_point(cell, values, confidence, widen=widen) for cell, values in _cells(shifted).items()]


def _cells(measurements: Iterable[Measurement]) -> dict[Cell, list[float]]:
    """Return the values of every cell, treatments in order of their names, blocks in order of time."""
    cells: dict[Cell, list[float]] = {}
    for row in measurements:
        cells.setdefault((row.treatment, row.block), []).append(row.value)
    return dict(sorted(cells.items()))


def _point(cell: Cell, values: Sequence[float], confidence: float, *, widen: float) -> SeriesPoint:
    mean, n = fmean(values), len(values)
    if n < 2:
        return SeriesPoint(*cell, n, mean, None, None)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * stdev(values) / n**0.5 * widen
    return SeriesPoint(*cell, n, mean, mean - half, mean + half)
