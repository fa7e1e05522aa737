"""Who becomes deducible after a reveal, in small trials that can be reasoned through by hand."""

import pytest

from sessions.randomization.contagion import Allocated, Deduction, Dispensed, Reveal, Trial, Why, deductions
from sessions.randomization.designs import williams
from sessions.randomization.methods import Method

AB_BA = {"AB": ("A", "B"), "BA": ("B", "A")}


def trial(codes: str, method: Method = Method.SIMPLE, *, dispensed: tuple[Dispensed, ...] = (), **parameters) -> Trial:
    """P1, P2, ... of one stratum; `codes` names their sequences, a space apart."""
    people = [Allocated(f"P{at}", "01", at, code) for at, code in enumerate(codes.split(), start=1)]
    return Trial(method, parameters, AB_BA, people, dispensed)


def test_one_period_of_ab_ba_gives_both() -> None:
    found = deductions(trial("AB BA"), Reveal("P1", 1))
    assert found == [Deduction("P1", (1,), Why.REVEALED), Deduction("P1", (2,), Why.OTHER_PERIOD)]
    assert found[1].sentence == "P1: the treatment of period 2 follows from the period that was revealed."


def test_a_whole_reveal_is_one_line() -> None:
    found = deductions(trial("AB BA"), Reveal("P2"))
    assert found == [Deduction("P2", (1, 2), Why.REVEALED)]
    assert found[0].sentence == "P2: the treatment of periods 1 and 2 was revealed."


def test_the_last_of_a_block_follows_from_the_third_reveal() -> None:
    own = trial("AB BA AB BA AB", Method.PERMUTED_BLOCKS, block_sizes=[4])
    assert deductions(own, Reveal("P2"), [Reveal("P1")]) == [Deduction("P2", (1, 2), Why.REVEALED)]
    assert deductions(own, Reveal("P3"), [Reveal("P1"), Reveal("P2")]) == [
        Deduction("P3", (1, 2), Why.REVEALED),
        Deduction("P4", (1, 2), Why.STRATUM),
    ]


def test_two_equal_ones_give_the_rest_of_a_block_of_four() -> None:
    own = trial("AB AB BA BA", Method.PERMUTED_BLOCKS, block_sizes=[4])
    found = deductions(own, Reveal("P2"), [Reveal("P1")])
    assert [(one.participant, one.why) for one in found] == [
        ("P2", Why.REVEALED), ("P3", Why.STRATUM), ("P4", Why.STRATUM),
    ]  # fmt: skip


def test_big_stick_gives_the_one_after_the_stick_and_none_before() -> None:
    own = trial("AB AB AB BA AB", Method.BIG_STICK, tolerance=3)
    assert deductions(own, Reveal("P2"), [Reveal("P1")]) == [Deduction("P2", (1, 2), Why.REVEALED)]
    assert deductions(own, Reveal("P3"), [Reveal("P1"), Reveal("P2")]) == [
        Deduction("P3", (1, 2), Why.REVEALED),
        Deduction("P4", (1, 2), Why.STRATUM),
    ]


def test_what_was_known_before_is_not_told_again() -> None:
    own = trial("AB AB BA BA", Method.PERMUTED_BLOCKS, block_sizes=[4])
    earlier = [Reveal("P1"), Reveal("P2")]
    assert deductions(own, Reveal("P3"), earlier) == []
    assert deductions(own, Reveal("P1"), earlier) == []


def test_another_stratum_is_not_touched() -> None:
    people = [Allocated("P1", "01", 1, "AB"), Allocated("Q1", "02", 1, "BA"), Allocated("P2", "01", 2, "BA")]
    own = Trial(Method.PERMUTED_BLOCKS, {"block_sizes": [2]}, AB_BA, people)
    assert [one.participant for one in deductions(own, Reveal("P1"))] == ["P1", "P2"]


def test_the_same_lot_tells_everybody_who_got_it() -> None:
    given = (Dispensed("P1", 1, "L1"), Dispensed("P2", 2, "L1"), Dispensed("P3", 1, "L2"))
    found = deductions(trial("AB BA BA", dispensed=given), Reveal("P1"))
    assert found == [Deduction("P1", (1, 2), Why.REVEALED), Deduction("P2", (1, 2), Why.LOT)]
    assert found[1].sentence == "P2: the treatment of periods 1 and 2 follows from a lot whose content became known."


def test_lots_and_blocks_work_together_until_nothing_is_new() -> None:
    """P1's lot tells P3; P1 and P3 are equal, so the block of four tells P2 and P4; P4's lot tells P5."""
    given = (
        Dispensed("P1", 1, "L1"), Dispensed("P3", 1, "L1"), Dispensed("P4", 1, "L9"), Dispensed("P5", 1, "L9"),
    )  # fmt: skip
    own = trial("AB BA AB BA BA", Method.PERMUTED_BLOCKS, dispensed=given, block_sizes=[4])
    assert [(one.participant, one.why) for one in deductions(own, Reveal("P1"))] == [
        ("P1", Why.REVEALED), ("P2", Why.STRATUM), ("P3", Why.LOT), ("P4", Why.STRATUM), ("P5", Why.LOT),
    ]  # fmt: skip


def test_a_period_of_a_williams_square_tells_the_sequence() -> None:
    square = williams("ABCD")
    own = Trial(Method.SIMPLE, {}, square, [Allocated("P1", "01", 1, "ABDC")])
    assert deductions(own, Reveal("P1", 2)) == [
        Deduction("P1", (2,), Why.REVEALED), Deduction("P1", (1, 3, 4), Why.OTHER_PERIOD),
    ]  # fmt: skip


def test_a_period_of_three_treatments_leaves_two_sequences() -> None:
    """In the six sequences of three treatments each stands twice in a period, and the rest differs."""
    own = Trial(Method.SIMPLE, {}, williams("ABC"), [Allocated("P1", "01", 1, "ABC")])
    assert deductions(own, Reveal("P1", 1)) == [Deduction("P1", (1,), Why.REVEALED)]
    second = deductions(own, Reveal("P1", 2), [Reveal("P1", 1)])
    assert second == [Deduction("P1", (2,), Why.REVEALED), Deduction("P1", (3,), Why.OTHER_PERIOD)]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="P9 is not allocated"):
        deductions(trial("AB"), Reveal("P9"))
    gap = Trial(Method.SIMPLE, {}, AB_BA, [Allocated("P1", "01", 2, "AB")])
    with pytest.raises(ValueError, match="stratum 01 are not used from the first on"):
        deductions(gap, Reveal("P1"))
