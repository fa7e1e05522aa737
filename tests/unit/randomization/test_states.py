"""What can be deduced of a stratum, against all lists written out."""

import itertools

import pytest

from sessions.randomization.methods import Method
from sessions.randomization.states import Machine, deducible

CODES = ("AB", "BA")
ANY = frozenset({0, 1})
A, B = frozenset({0}), frozenset({1})


def blocks(*sizes: int, **more: object) -> Machine:
    return Machine(Method.PERMUTED_BLOCKS, {"block_sizes": list(sizes), **more}, CODES)


def stick(tolerance: int) -> Machine:
    return Machine(Method.BIG_STICK, {"tolerance": tolerance}, CODES)


def all_lists(machine: Machine, length: int) -> list[tuple[int, ...]]:
    """Every list that the method can make, found by walking forwards only."""
    found = [((), machine.start)]
    for _ in range(length):
        found = [
            ((*codes, code), machine.step(states, code))
            for codes, states in found
            for code in range(len(machine.codes))
            if machine.step(states, code)
        ]
    return [codes for codes, _ in found]


def test_the_last_of_a_block_is_determined() -> None:
    assert deducible(blocks(4), [A, B, A, ANY]) == [A, B, A, B]
    assert deducible(blocks(4), [A, A, ANY, ANY]) == [A, A, B, B]
    assert deducible(blocks(4), [ANY, ANY, A, A]) == [B, B, A, A]
    assert deducible(blocks(4), [A, ANY, ANY, ANY]) == [A, ANY, ANY, ANY]


def test_random_sizes_hide_the_end_of_a_block_until_it_must_be_one() -> None:
    assert deducible(blocks(2, 4), [A, B, A, ANY])[3] == ANY  # A B | A A B B begins so too
    assert deducible(blocks(2, 4), [A, B, ANY, ANY])[2:] == [ANY, ANY]
    assert deducible(blocks(2, 4), [A, A, ANY, ANY])[2:] == [B, B]  # only a block of 4 begins with two


def test_big_stick_is_determined_at_the_stick_only() -> None:
    assert deducible(stick(3), [A, A, A, ANY])[3] == B
    assert deducible(stick(3), [A, A, ANY, ANY])[2:] == [ANY, ANY]
    # Seen from behind: A must have come between, or B would have passed the stick.
    assert deducible(stick(2), [B, B, ANY, B]) == [B, B, A, B]


def test_simple_and_unknown_methods_determine_nothing() -> None:
    for method in (Method.SIMPLE, Method.UPLOADED_LIST, Method.MINIMIZATION):
        assert deducible(Machine(method, {}, CODES), [A, A, ANY]) == [A, A, ANY]


@pytest.mark.parametrize(
    "machine",
    [
        blocks(4), blocks(2, 4), blocks(3, ratio=[2, 1]), stick(1), stick(2), stick(3),
        Machine(Method.PERMUTED_BLOCKS, {"block_sizes": [3]}, ("X", "Y", "Z")),
        Machine(Method.BIG_STICK, {"tolerance": 2}, ("X", "Y", "Z")),
    ],
)  # fmt: skip
def test_every_pattern_of_knowledge_agrees_with_counting_lists(machine: Machine) -> None:
    """All lists of 6, every subset of places revealed: the codes left at a place are those of the lists that agree."""
    length = 5 if len(machine.codes) == 3 else 6
    lists = all_lists(machine, length)
    everything = frozenset(range(len(machine.codes)))
    for truth in lists[:: max(1, len(lists) // 12)]:
        for shown in itertools.product((False, True), repeat=length):
            agreeing = [one for one in lists if all(one[i] == truth[i] for i, is_shown in enumerate(shown) if is_shown)]
            expected = [frozenset(one[i] for one in agreeing) for i in range(length)]
            known = [frozenset({truth[i]}) if is_shown else everything for i, is_shown in enumerate(shown)]
            assert deducible(machine, known) == expected


def test_knowledge_that_no_list_has_is_refused() -> None:
    with pytest.raises(ValueError, match="agrees with the known"):
        deducible(blocks(4), [A, A, A])
    with pytest.raises(ValueError, match="agrees with the known"):
        deducible(stick(1), [A, A])


def test_nothing_known_of_an_empty_stratum() -> None:
    assert deducible(blocks(4), []) == []


def test_possible_codes_come_from_the_states() -> None:
    machine = blocks(2)
    assert machine.possible(machine.start) == ANY
    assert machine.possible(machine.step(machine.start, 0)) == B


def test_impossible_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 2"):
        blocks(3)
    with pytest.raises(ValueError, match="multiple of 3, the sum of the ratio 2:1"):
        blocks(4, ratio=[2, 1])
