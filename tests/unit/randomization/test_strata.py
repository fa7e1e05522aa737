"""Warnings about strata say which stratum, how many, and what to do."""

from sessions.randomization.methods import Method
from sessions.randomization.strata import strata_warnings


def warnings(expected: dict[str, float], method: Method, slots: int = 40, **parameters: object) -> list[str]:
    return strata_warnings(expected, method=method, parameters=parameters, slots_per_stratum=slots)


def test_blocks_warn_below_twice_the_largest_block() -> None:
    found = warnings({"01|F": 11.6, "01|M": 12}, Method.PERMUTED_BLOCKS, block_sizes=[4, 6])
    assert found == [
        (
            "Stratum 01|F expects 12 participants, fewer than twice the largest block (6). Its blocks will often stay "
            "incomplete: use smaller blocks, fewer strata, or minimization."
        )
    ]
    assert warnings({"01|F": 12, "01|M": 12}, Method.PERMUTED_BLOCKS, block_sizes=[4, 6]) == []


def test_big_stick_warns_when_a_stratum_is_no_larger_than_the_stick() -> None:
    found = warnings({"a": 3, "b": 37}, Method.BIG_STICK, tolerance=3)
    assert len(found) == 1
    assert found[0].startswith("Stratum a expects 3 participants, no more than the imbalance that big stick allows (3)")
    assert warnings({"a": 4, "b": 36}, Method.BIG_STICK) == []


def test_many_strata_add_up() -> None:
    found = warnings({f"s{n}": 6 for n in range(8)}, Method.BIG_STICK, tolerance=4)
    assert found == [
        (
            "With 8 strata the imbalances may add up to 32 of 48 participants. Fewer strata keep the trial as a whole "
            "balanced."
        )
    ]


def test_a_short_list_is_told_except_where_there_is_none() -> None:
    assert warnings({"all": 50}, Method.SIMPLE) == [
        "Stratum all expects 50 participants but has 40 slots. Make the list longer."
    ]
    assert warnings({"all": 50}, Method.MINIMIZATION) == []
