"""Counts of responders and their uncertainty."""

from dataclasses import dataclass

from scipy.special import ndtri


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share of `n`, with its interval; all between 0 and 1."""

    successes: int
    n: int
    value: float
    lower: float
    upper: float


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Proportion:
    """Return a proportion with Wilson's score interval, without continuity correction.

    It stays within 0 and 1 and has a width at 0 and at n, where the normal approximation has none.

    Source: Wilson 1927, J Am Stat Assoc 22:209; Newcombe 1998, Stat Med 17:857, method 3.

    Raises
    ------
    ValueError
        The counts are impossible.
    """
    if n < 1 or not 0 <= successes <= n:
        msg = f"{successes} of {n} is not a proportion"
        raise ValueError(msg)
    z = float(ndtri((1 + confidence) / 2))
    share = successes / n
    centre = share + z**2 / (2 * n)
    half = z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    scale = 1 + z**2 / n
    return Proportion(successes, n, share, max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale))


def is_response(before: float, after: float, *, reduction: float = 0.5) -> bool:
    """Whether a severity score fell by at least this share of its value before.

    Raises
    ------
    ValueError
        The score before is not positive: nothing could fall.
    """
    if before <= 0:
        raise ValueError("a response is defined for a positive score before treatment")
    return before - after >= reduction * before
