"""Kit numbers: the check digit's promises by trying every error, and numbers that say nothing of the contents."""

import itertools
from collections import Counter

import pytest
from scipy.stats import chi2_contingency

from sessions.randomization.drbg import HmacDrbg
from sessions.randomization.generators import Generator
from sessions.randomization.kits import DAMM, check_digit, draw_kits, is_kit_number

SEED = bytes(range(32))
CHI_SQUARE_9999 = {1: 15.137, 3: 21.108, 9: 33.720}
"""99.99 % quantiles by degrees of freedom."""


def test_the_published_example_of_damm() -> None:
    """Damm's example: 572 takes the check digit 4."""
    assert check_digit("572") == 4
    assert check_digit("5724") == 0


def test_the_table_is_a_weakly_totally_anti_symmetric_quasigroup() -> None:
    digits = range(10)
    for c, x, y in itertools.product(digits, repeat=3):
        if x != y:
            assert DAMM[DAMM[c][x]][y] != DAMM[DAMM[c][y]][x]
    assert all(sorted(row) == list(digits) for row in DAMM)
    assert all(sorted(column) == list(digits) for column in zip(*DAMM, strict=True))
    assert all(DAMM[digit][digit] == 0 for digit in digits)


def test_every_wrong_digit_and_every_exchange_of_neighbours_is_found() -> None:
    for kit in draw_kits({"A": 20, "B": 20}, seed=SEED, shipment="1"):
        digits = kit.number[2:7] + kit.number[8]
        assert is_kit_number(kit.number)
        for place, other in itertools.product(range(6), "0123456789"):
            if other != digits[place]:
                wrong = digits[:place] + other + digits[place + 1 :]
                assert not is_kit_number(f"K-{wrong[:5]}-{wrong[5]}")
        for place in range(5):
            wrong = digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
            assert (wrong == digits) == is_kit_number(f"K-{wrong[:5]}-{wrong[5]}")


@pytest.mark.parametrize(
    "text", ["", "K-12345", "X-00000-0", "K-0000-0", "K-00000-00", "K-0000a-0", "K-٠٠٠٠٠-0", "K--"]
)
def test_other_texts_are_no_kit_numbers(text: str) -> None:
    assert not is_kit_number(text)
    assert is_kit_number("K-00000-0")


@pytest.mark.parametrize("digits", ["", "12a", "²"])
def test_a_check_digit_is_of_digits_only(digits: str) -> None:
    with pytest.raises(ValueError, match="digits only"):
        check_digit(digits)


def test_a_shipment_has_its_counts_distinct_numbers_and_stays_as_it_is() -> None:
    kits = draw_kits({"A": 30, "B": 20, "C": 10}, seed=SEED, shipment="1")
    assert Counter(kit.treatment for kit in kits) == {"A": 30, "B": 20, "C": 10}
    numbers = [kit.number for kit in kits]
    assert numbers == sorted(set(numbers))
    assert [(kit.number, kit.treatment) for kit in kits[:3]] == [
        ("K-00440-4", "B"),
        ("K-02934-5", "B"),
        ("K-05572-2", "A"),
    ]
    assert kits == draw_kits({"A": 30, "B": 20, "C": 10}, seed=SEED, shipment="1")
    for other in (
        draw_kits({"A": 30, "B": 20, "C": 10}, seed=SEED, shipment="2"),
        draw_kits({"A": 30, "B": 20, "C": 10}, seed=SEED, shipment="1", generator=Generator.CHACHA20),
    ):
        assert len({kit.number for kit in other} & set(numbers)) < 3


def test_numbers_do_not_depend_on_what_the_kits_hold() -> None:
    one, other = (draw_kits(counts, seed=SEED, shipment="1") for counts in ({"A": 9, "B": 1}, {"A": 1, "B": 9}))
    assert [kit.number for kit in one] == [kit.number for kit in other]


def test_numbers_that_exist_are_not_drawn_again() -> None:
    first = draw_kits({"A": 20}, seed=SEED, shipment="1")
    again = draw_kits({"A": 20}, seed=SEED, shipment="1", taken_numbers=[kit.number for kit in first[:5]])
    assert not {kit.number for kit in first[:5]} & {kit.number for kit in again}
    assert len(again) == 20


def test_a_large_shipment_takes_more_digits() -> None:
    assert {len(kit.number) for kit in draw_kits({"A": 10_001}, seed=SEED, shipment="1")} == {len("K-123456-7")}


@pytest.mark.parametrize("contents", [{}, {"A": 0}, {"A": 2, "B": -1}])
def test_an_empty_shipment_is_refused(contents: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="needs a kit"):
        draw_kits(contents, seed=SEED, shipment="1")


def test_numbers_say_nothing_of_contents_over_10_000_lists() -> None:
    """Chi-square of rank, last digit and parity against contents, each below its 99.99 % bound; the seeds are fixed.

    `benchmarks/lists.py` does the same with larger shipments.
    """
    lists, ranks, check, parity = 10_000, Counter(), Counter(), Counter()
    seeds = HmacDrbg(b"kits".ljust(32, b"\0"))
    pool = seeds.generate(40_000) + seeds.generate(40_000)
    for at in range(lists):
        kits = draw_kits({"A": 2, "B": 2}, seed=pool[8 * at : 8 * at + 8], shipment="1", generator=Generator.HMAC_DRBG)
        for rank, kit in enumerate(kits):
            is_a = kit.treatment == "A"
            ranks[rank, is_a] += 1
            check[kit.number[-1], is_a] += 1
            parity[int(kit.number[6]) % 2, is_a] += 1
    # Within a list the four ranks share two kits of A, so their counts repel each other: Cochran's Q has (n - 1) / n.
    assert independence(ranks) * 3 / 4 < CHI_SQUARE_9999[3]
    assert independence(check) < CHI_SQUARE_9999[9]
    assert independence(parity) < CHI_SQUARE_9999[1]


def independence(table: Counter) -> float:
    """Pearson's chi-square of a table counted by (row, column)."""
    rows, columns = (sorted({key[side] for key in table}, key=str) for side in (0, 1))
    return chi2_contingency([[table[row, column] for column in columns] for row in rows], correction=False).statistic


def test_the_bound_would_find_numbers_that_tell() -> None:
    """The same test on numbers dealt in the order of the contents fails at once: it is not blind itself."""
    told = Counter()
    for _ in range(200):
        told.update({(rank, rank < 2): 1 for rank in range(4)})
        told.update({(rank, rank >= 2): 0 for rank in range(4)})
    assert independence(told) > CHI_SQUARE_9999[3]
