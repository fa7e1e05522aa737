"""Simulated trials against exact values: closed forms, the walks of `guessing`, and every list written out."""

import itertools
from fractions import Fraction
from math import comb

import pytest

from sessions.randomization.guessing import big_stick_guess_probability, random_blocks_guess_probability
from sessions.randomization.methods import Method
from sessions.randomization.simulation import TrialPlan, chance_of_guess, compare_schemes, simulate
from sessions.randomization.states import Machine

SEED = b"simulation".ljust(32, b"\0")
TWO = ("AB", "BA")
RUNS = 400


def plan(method: Method, participants: int = 40, *, strata: int = 1, codes=TWO, **parameters: object) -> TrialPlan:
    return TrialPlan(method, parameters, codes, participants, strata)


def run(*args: object, runs: int = RUNS, **more: object):
    return simulate(plan(*args, **more), runs=runs, seed=SEED)


@pytest.mark.parametrize(
    ("method", "parameters", "expected"),
    [
        (Method.PERMUTED_BLOCKS, {"block_sizes": [4]}, 17 / 24),  # Blackwell and Hodges 1957: 70.8 %
        (Method.PERMUTED_BLOCKS, {"block_sizes": [2]}, 3 / 4),
        (Method.PERMUTED_BLOCKS, {"block_sizes": [2, 4]}, random_blocks_guess_probability([2, 4], 40)),
        (Method.BIG_STICK, {"tolerance": 3}, big_stick_guess_probability(3, 40)),  # 57.8 %
        (Method.BIG_STICK, {"tolerance": 2}, big_stick_guess_probability(2, 40)),
        (Method.SIMPLE, {}, 1 / 2),
    ],
)
def test_right_guesses_agree_with_the_exact_share(method: Method, parameters: dict, expected: float) -> None:
    """Within four standard errors of the simulation; the seed is fixed."""
    found = run(method, **parameters)
    assert abs(found.correct_guesses - expected) <= 4 * found.correct_guesses_error
    assert found.correct_guesses_error < 0.005


def test_the_figure_of_the_design_is_for_forty_allocations() -> None:
    assert round(big_stick_guess_probability(3, 40), 3) == 0.578
    assert round(big_stick_guess_probability(3, 24), 3) != 0.578


@pytest.mark.parametrize("half", [1, 2, 3])
def test_the_determined_end_of_a_block(half: int) -> None:
    """The last run of b + b shuffled letters has 2b / (b + 1) of them on average, so that share 1 / (b + 1) is certain.

    Exact over all arrangements, and by simulation.
    """
    blocks = set(itertools.permutations([0, 1] * half))
    machine = Machine(Method.PERMUTED_BLOCKS, {"block_sizes": [2 * half]}, TWO)
    certain = 0
    for block in blocks:
        states = machine.start
        for code in block:
            certain += len(machine.possible(states)) == 1
            states = machine.step(states, code)
    assert Fraction(certain, len(blocks) * 2 * half) == Fraction(1, half + 1)
    found = run(Method.PERMUTED_BLOCKS, 36, block_sizes=[2 * half])
    assert found.determined == pytest.approx(1 / (half + 1), abs=0.015)


def test_the_determined_slots_of_big_stick_are_those_at_the_stick() -> None:
    """Inside the sticks any guess is right half of the time, at a stick always: certain share = 2 x right - 1."""
    found = run(Method.BIG_STICK, tolerance=3)
    assert found.determined == pytest.approx(2 * big_stick_guess_probability(3, 40) - 1, abs=0.012)


def test_imbalance_of_simple_randomization() -> None:
    """Mean absolute difference after 2m fair draws: 2m C(2m, m) / 4**m; 5.01 for 40."""
    found = run(Method.SIMPLE, runs=600)
    assert found.final_imbalance == pytest.approx(40 * comb(40, 20) / 4**20, abs=0.6)
    assert found.determined == 0
    assert found.worst_imbalance <= 40


def test_imbalance_of_restricted_methods_keeps_its_bound() -> None:
    assert run(Method.BIG_STICK, tolerance=3).worst_imbalance == 3
    blocks = run(Method.PERMUTED_BLOCKS, block_sizes=[4])
    assert (blocks.worst_imbalance, blocks.final_imbalance) == (2, 0)
    assert run(Method.PERMUTED_BLOCKS, 30, block_sizes=[3], ratio=[2, 1]).worst_imbalance == 1


def test_strata_add_to_the_imbalance_of_the_whole() -> None:
    one, eight = (run(Method.PERMUTED_BLOCKS, strata=strata, block_sizes=[4]) for strata in (1, 8))
    assert eight.final_imbalance > one.final_imbalance + 1
    assert eight.worst_imbalance <= 16


def test_minimization_is_guessed_by_its_coin_and_determines_nothing() -> None:
    """Who knows every factor is right with p where one is preferred and with 1/2 at a tie."""
    found = run(Method.MINIMIZATION, factors={"site": ["01", "02"], "sex": ["F", "M"]}, measure="variance", runs=100)
    assert 0.5 < found.correct_guesses < 0.8
    assert found.determined == 0
    assert found.final_imbalance < run(Method.SIMPLE).final_imbalance


def test_three_sequences_and_unequal_shares() -> None:
    three = run(Method.SIMPLE, codes=("X", "Y", "Z"))
    assert three.correct_guesses == pytest.approx(1 / 3, abs=0.02)
    unequal = run(Method.SIMPLE, ratio=[2, 1])
    assert 1 / 3 < unequal.correct_guesses < 2 / 3


@pytest.mark.parametrize(
    ("counts", "parts", "chances"),
    [
        ((0, 0), (1, 1), (0.5, 0.5)),
        ((1, 0), (1, 1), (0, 1)),
        ((2, 1), (2, 1), (1, 0)),  # on their shares: the greater one is named
        ((1, 1), (2, 1), (1, 0)),
        ((2, 0), (2, 1), (0, 1)),
        ((1, 0, 0), (1, 1, 1), (0, 0.5, 0.5)),
    ],
)
def test_the_guesser_names_who_is_behind(counts, parts, chances) -> None:
    assert tuple(chance_of_guess(counts, parts, code) for code in range(len(parts))) == chances


def test_progress_and_repetition() -> None:
    told: list[tuple[int, int]] = []
    plans = {"stick": plan(Method.BIG_STICK, 10), "simple": plan(Method.SIMPLE, 10)}
    found = compare_schemes(plans, runs=3, seed=SEED, progress=lambda done, whole: told.append((done, whole)))
    assert told == [(done, 6) for done in range(1, 7)]
    assert found == compare_schemes(plans, runs=3, seed=SEED)
    assert found["stick"] == simulate(plans["stick"], runs=3, seed=SEED)


def test_one_run_has_no_standard_error() -> None:
    assert str(run(Method.SIMPLE, 4, runs=1).correct_guesses_error) == "nan"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"participants": 0}, "needs a participant"),
        ({"strata": 0}, "needs a participant"),
        ({"method": Method.UPLOADED_LIST}, "cannot be simulated"),
        ({"parameters": {"ratio": [2, 1]}}, "cannot be simulated"),
        ({"method": Method.PERMUTED_BLOCKS}, "list of block sizes"),
        ({"method": Method.MINIMIZATION}, "needs its factors"),
    ],
)
def test_impossible_plans_are_refused(changed: dict[str, object], words: str) -> None:
    settings = {"method": Method.BIG_STICK, "parameters": {}, "sequences": TWO, "participants": 4} | changed
    with pytest.raises(ValueError, match=words):
        simulate(TrialPlan(**settings), runs=2, seed=SEED)


def test_no_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="a run"):
        run(Method.SIMPLE, runs=0)
