"""Shares of right guesses against published and hand-made figures."""

import itertools
from fractions import Fraction

import pytest

from sessions.randomization import guessing


@pytest.mark.parametrize(
    ("size", "share"),
    [
        # Blackwell and Hodges 1957: right guesses expected in a block of 2n are n + 4**n / (2 C(2n, n)) - 1/2.
        (2, Fraction(3, 4)),
        (4, Fraction(17, 24)),
        (6, Fraction(41, 60)),
        (8, Fraction(373, 560)),
    ],
)
def test_blocks_of_one_size(size: int, share: Fraction) -> None:
    assert guessing.blocks_guess_probability(size) == pytest.approx(float(share), abs=1e-12)


@pytest.mark.parametrize("half", [1, 2, 3, 4, 5])
def test_blocks_follow_the_closed_form_of_blackwell_and_hodges(half: int) -> None:
    from math import comb

    expected = (half + 4**half / (2 * comb(2 * half, half)) - 0.5) / (2 * half)
    assert guessing.blocks_guess_probability(2 * half) == pytest.approx(expected, abs=1e-12)


def test_random_sizes_of_one_size_are_that_size() -> None:
    assert guessing.random_blocks_guess_probability([4], 20) == pytest.approx(17 / 24)


def test_random_sizes_by_counting_every_list() -> None:
    """Blocks of 2 or 4 over three allocations, all lists written out; the guesser does not know the sizes."""

    def lists(length: int) -> list[tuple[str, float, int]]:
        """Every prefix with its probability and the start of its last block."""
        found = [("", 1.0)]
        while any(len(text) < length for text, _ in found):
            longer = []
            for text, probability in found:
                if len(text) >= length:
                    longer.append((text, probability))
                    continue
                for size in (2, 4):
                    blocks = sorted(set(itertools.permutations("A" * (size // 2) + "B" * (size // 2))))
                    longer += [(text + "".join(b), probability / 2 / len(blocks)) for b in blocks]
            found = longer
        return found

    # With sizes 2 and 4 the block that holds allocation 1 always starts there; allocation 3 may start a new one.
    right = 0.0
    for text, probability in lists(3):
        right += probability * 0.5  # allocation 1: a tie
        right += probability * (text[1] != text[0])  # allocation 2: name the one that is behind
    second = right
    assert guessing.random_blocks_guess_probability([2, 4], 2) == pytest.approx(second / 2)


@pytest.mark.parametrize(
    ("tolerance", "allocations", "share"),
    [
        (1, 2, 0.75),  # a fair draw, then a forced one
        (2, 4, (0.5 + 0.5 + (0.5 + 0.5 * 0.5) + 0.5) / 4),
        (3, 1, 0.5),
    ],
)
def test_big_stick_by_hand(tolerance: int, allocations: int, share: float) -> None:
    assert guessing.big_stick_guess_probability(tolerance, allocations) == pytest.approx(share)


@pytest.mark.parametrize("tolerance", [1, 2, 3, 4])
def test_big_stick_in_the_long_run(tolerance: int) -> None:
    """The stationary walk is at the stick 1/tolerance of the time when it may be (Soares and Wu 1983)."""
    found = guessing.big_stick_guess_probability(tolerance, 4000)
    assert found == pytest.approx(0.5 + 1 / (4 * tolerance), abs=2e-3)


def test_big_stick_gives_less_than_blocks_of_four() -> None:
    assert round(guessing.big_stick_guess_probability(3, 40), 3) == 0.578
    assert round(guessing.blocks_guess_probability(4), 3) == 0.708


@pytest.mark.parametrize("size", [0, 1, 3, -2])
def test_odd_blocks_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="even size"):
        guessing.blocks_guess_probability(size)


@pytest.mark.parametrize(("sizes", "allocations"), [([], 4), ([3], 4), ([0], 4)])
def test_odd_random_blocks_are_refused(sizes: list[int], allocations: int) -> None:
    with pytest.raises(ValueError, match="even sizes"):
        guessing.random_blocks_guess_probability(sizes, allocations)


def test_nothing_to_guess_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one allocation"):
        guessing.random_blocks_guess_probability([2], 0)
    with pytest.raises(ValueError, match="at least one allocation"):
        guessing.big_stick_guess_probability(3, 0)
    with pytest.raises(ValueError, match="at least 1"):
        guessing.big_stick_guess_probability(0)
