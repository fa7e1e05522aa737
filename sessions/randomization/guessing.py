"""How often somebody who knows every earlier allocation of a stratum guesses the next one right.

The guesser follows Blackwell and Hodges 1957, Ann Math Stat 28:449: name the sequence given less often so far, and
any at a tie. Two sequences; exact probabilities, not a simulation.
"""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

Distribution = dict[int, Fraction]
"""Probability of each imbalance: allocations of the first sequence minus those of the second."""

LONG_RUN_ALLOCATIONS = 400


def blocks_guess_probability(block_size: int) -> float:
    """Return the share of right guesses in permuted blocks of one size, known to the guesser.

    Blocks of 2, 4, 6: 75 %, 70.8 %, 68.3 %.

    Raises
    ------
    ValueError
        The size is not a positive even number.
    """
    if block_size < 2 or block_size % 2:
        raise ValueError("blocks of two sequences have an even size")
    right = Fraction(0)
    left: dict[tuple[int, int], Fraction] = {(block_size // 2, block_size // 2): Fraction(1)}
    for remaining in range(block_size, 0, -1):
        following: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
        for (one, other), probability in left.items():
            right += probability * Fraction(max(one, other), remaining)
            if one:
                following[one - 1, other] += probability * Fraction(one, remaining)
            if other:
                following[one, other - 1] += probability * Fraction(other, remaining)
        left = following
    return float(right / block_size)


def random_blocks_guess_probability(block_sizes: Sequence[int], allocations: int) -> float:
    """Return the share of right guesses over the first allocations with block sizes drawn evenly from `block_sizes`.

    The guesser does not know the sizes and names the sequence that is behind.

    Raises
    ------
    ValueError
        No size is given, one is not even, or there is no allocation.
    """
    if not block_sizes or any(size < 2 or size % 2 for size in block_sizes):
        raise ValueError("blocks of two sequences have even sizes")
    _require_allocations(allocations)
    right = Fraction(0)
    # The state is what is left in the current block; outside of a block nothing is.
    states: dict[tuple[int, int], Fraction] = {(0, 0): Fraction(1)}
    for _ in range(allocations):
        following: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
        for (one, other), probability in _opened(states, block_sizes).items():
            right += probability * (Fraction(max(one, other), one + other))
            if one:
                following[one - 1, other] += probability * Fraction(one, one + other)
            if other:
                following[one, other - 1] += probability * Fraction(other, one + other)
        states = following
    return float(right / allocations)


def big_stick_guess_probability(tolerance: int, allocations: int = LONG_RUN_ALLOCATIONS) -> float:
    """Return the share of right guesses over the first allocations of a big stick design.

    Only at the largest imbalance is the next sequence certain; elsewhere it is a fair draw. In the long run the share
    is 1/2 + 1 / (4 * tolerance), 58.3 % for a tolerance of 3; over a stratum's few allocations it is less.

    Raises
    ------
    ValueError
        The tolerance or the number of allocations is not positive.
    """
    if tolerance < 1:
        raise ValueError("the maximal tolerated imbalance must be at least 1")
    _require_allocations(allocations)
    right = 0.0
    states: dict[int, float] = {0: 1.0}
    for _ in range(allocations):
        following: dict[int, float] = defaultdict(float)
        for imbalance, probability in states.items():
            if abs(imbalance) == tolerance:
                right += probability
                following[imbalance - (1 if imbalance > 0 else -1)] += probability
            else:
                right += probability / 2
                following[imbalance + 1] += probability / 2
                following[imbalance - 1] += probability / 2
        states = following
    return right / allocations


def _opened(states: dict[tuple[int, int], Fraction], sizes: Sequence[int]) -> dict[tuple[int, int], Fraction]:
    """Start a new block where the last one is used up."""
    opened: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for state, probability in states.items():
        if state != (0, 0):
            opened[state] += probability
            continue
        for size in sizes:
            opened[size // 2, size // 2] += probability / len(sizes)
    return opened


def _require_allocations(allocations: int) -> None:
    if allocations < 1:
        raise ValueError("a share of right guesses needs at least one allocation")
