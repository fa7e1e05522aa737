"""Was the blind kept? Indices over guesses of the treatment: "A", "B", or "don't know".

James looks at everybody at once, Bang at each treatment by itself. Both are for the unblinded door: they join guesses
with true treatments. Both take every guess as one of another person: in a crossover give one table for each period, or
one of the guesses of the sequence; guesses of the same person in two periods must not be counted together.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import ndtri

DONT_KNOW = "don't know"

Guesses = Mapping[str, Mapping[str, int]]
"""For each treatment that was given: how many guessed each treatment, or `DONT_KNOW`."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index with its standard error and interval, and the number of guesses that it rests on.

    `standard_error` and the limits are NaN where they are not defined.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    n: int


def james(guesses: Guesses, *, confidence: float = 0.95) -> Index:
    """Return James' blinding index: 0 everybody right, 0.5 random guessing, 1 everybody answers "don't know".

    A wrong guess counts 1/2, a right one 0 and "don't know" 1, as in the paper. Defined for two treatments or more.
    The blind is called broken when the upper limit is below 0.5. The standard error is that of the delta method over
    the whole table.

    Source: James, Bloch, Lee, Kraemer and Fuller 1996, Stat Med 15:1421.

    Raises
    ------
    ValueError
        Fewer than two treatments, a guess of something else, a negative count, nobody asked, or guesses that are all
        of one treatment and all on those who had it: chance disagreement is then zero and the index undefined.
    """
    treatments = _check(guesses)
    table = [[guesses[given].get(named, 0) for given in treatments] for named in (*treatments, DONT_KNOW)]
    n = sum(map(sum, table))
    shares = [[count / n for count in row] for row in table]
    known = 1 - sum(shares[-1])
    if known == 0:
        # All answer "don't know": 1 by definition (James 1996, p. 1425).
        return Index(1.0, 0.0, 1.0, 1.0, n)
    k = len(treatments)
    named = [sum(row) for row in shares[:k]]
    given = [sum(shares[row][column] for row in range(k)) for column in range(k)]
    # Wrong guesses, seen and expected by chance from the margins of those who guessed; both with weight 1/2.
    seen = (known - sum(shares[at][at] for at in range(k))) / 2
    expected = (known**2 - sum(named[at] * given[at] for at in range(k))) / 2
    if expected <= 0:
        raise ValueError("James' index is not defined: all guesses name one treatment, and all on those who had it")
    # BI = (1 + DK + (1 - DK) K) / 2 with K = (seen / known - expected / known**2) / (expected / known**2)
    value = (1 + (1 - known) + known * (seen * known / expected - 1)) / 2
    # By the cell of guess i and treatment j: derivatives of known (1 where somebody guessed), seen and expected.
    gradient = []
    for row in range(k + 1):
        for column in range(k):
            if row == k:
                gradient.append(0.0)
                continue
            d_seen = (row != column) / 2
            d_expected = (2 * known - given[row] - named[column]) / 2
            d_value = -1 + (2 * seen * known + known**2 * d_seen) / (2 * expected)
            gradient.append(d_value - seen * known**2 * d_expected / (2 * expected**2))
    flat = [share for row in shares for share in row]
    mean = sum(one * share for one, share in zip(gradient, flat, strict=True))
    variance = sum(one * one * share for one, share in zip(gradient, flat, strict=True)) - mean**2
    return _with_interval(value, math.sqrt(max(0.0, variance) / n), n, confidence, (0.0, 1.0))


def bang(guesses: Guesses, *, confidence: float = 0.95) -> dict[str, Index | None]:
    """Return Bang's blinding index by treatment: 1 everybody right, 0 random guessing, -1 everybody wrong.

    Right minus wrong guesses over all answers, "don't know" among them (the index for three answers); None for a
    treatment about which nobody was asked.

    Source: Bang, Ni and Davis 2004, Control Clin Trials 25:143.

    Raises
    ------
    ValueError
        Not two treatments (with more, right and wrong are not alike and the index is not defined), a guess of
        something else, a negative count, or nobody asked.
    """
    treatments = _check(guesses)
    if len(treatments) != 2:
        raise ValueError("Bang's index is defined for two treatments; use James' index for more")
    return {given: _bang_of(given, guesses[given], confidence) for given in treatments}


def _bang_of(given: str, answers: Mapping[str, int], confidence: float) -> Index | None:
    n = sum(answers.values())
    if n == 0:
        return None
    right = answers.get(given, 0) / n
    wrong = (n - answers.get(given, 0) - answers.get(DONT_KNOW, 0)) / n
    value = right - wrong
    error = math.sqrt((right + wrong - value**2) / n)
    return _with_interval(value, error, n, confidence, (-1.0, 1.0))


def _with_interval(value: float, error: float, n: int, confidence: float, limits: tuple[float, float]) -> Index:
    half = float(ndtri((1 + confidence) / 2)) * error
    return Index(value, error, max(limits[0], value - half), min(limits[1], value + half), n)


def _check(guesses: Guesses) -> Sequence[str]:
    treatments = list(guesses)
    if len(treatments) < 2:
        raise ValueError("a blinding index needs two treatments or more")
    for answers in guesses.values():
        unknown = sorted(set(answers) - {*treatments, DONT_KNOW})
        if unknown:
            msg = f"a guess of {', '.join(unknown)} is neither a treatment nor «{DONT_KNOW}»"
            raise ValueError(msg)
        if min(answers.values(), default=0) < 0:
            raise ValueError("a count of guesses cannot be negative")
    if not any(sum(answers.values()) for answers in guesses.values()):
        raise ValueError("nobody was asked for a guess")
    return treatments
