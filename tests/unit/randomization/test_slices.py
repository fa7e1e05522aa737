"""A comparison in slices: the same figures however it is cut, and the exact ones where they are known."""

import json
from dataclasses import asdict

import pytest

from sessions.randomization import Method
from sessions.randomization.comparison import scheme
from sessions.randomization.simulation import Simulated, TrialPlan, simulate
from sessions.randomization.slices import SLICE_RUNS, Comparison, pooled, usual_schemes

FACTORS = {"site": ["01", "02"], "sex": ["F", "M"]}
DOCUMENTED = {
    "Big stick, imbalance at most 3": 57.8,
    "Blocks of 4": 70.8,
    "Blocks of 2": 75.0,
    "Big stick, imbalance at most 2": 61.9,
    "Simple": 50.0,
}


def comparison(schemes, **changed: object) -> Comparison:
    asked = {"sequences": ("AB", "BA"), "participants": 40, "strata": 1, "runs": 100, "seed": "5"} | changed
    return Comparison(schemes=schemes, **asked)


def run(one: Comparison) -> Comparison:
    while not one.has_ended:
        one.advance()
    return one


def test_the_simulated_shares_are_the_exact_ones_of_the_documentation() -> None:
    chosen = [
        (method, parameters)
        for method, parameters in usual_schemes(2, FACTORS)
        if scheme_words(method, parameters) in DOCUMENTED
    ]
    found = {one.words: one for one in run(comparison(chosen, runs=750)).compared()}
    assert set(found) == set(DOCUMENTED)
    for words, percent in DOCUMENTED.items():
        one = found[words]
        exact = scheme(one.method, one.parameters, 40)
        assert round(exact.percent, 1) == percent
        assert abs(one.guessed_percent - exact.percent) < 4 * one.error_percent + 1e-9
        assert one.error_percent < 0.4
    assert abs(found["Blocks of 4"].determined_percent - 100 / 3) < 1.5
    assert found["Blocks of 4"].result.final_imbalance == 0
    assert found["Big stick, imbalance at most 3"].result.worst_imbalance == 3


def scheme_words(method: str, parameters: dict[str, object]) -> str:
    return scheme(Method(method), parameters, 40).words if method != Method.MINIMIZATION else ""


def test_progress_goes_in_slices_round_all_schemes_and_survives_being_stored() -> None:
    one = comparison([("simple", {}), ("big_stick", {"tolerance": 3})])
    seen = [one.done]
    while not one.has_ended:
        one.advance()
        seen.append(one.done)
        stored = json.loads(json.dumps(asdict(one)))
        one = Comparison(**stored)
    assert seen == list(range(0, 201, SLICE_RUNS))
    assert one.whole == 200
    one.advance()
    assert one.done == 200
    assert asdict(one)["parts"] == asdict(run(comparison([("simple", {}), ("big_stick", {"tolerance": 3})])))["parts"]


def test_slices_together_are_one_simulation() -> None:
    plan = TrialPlan(Method.BIG_STICK, {"tolerance": 3}, ("AB", "BA"), 24)
    parts = [simulate(plan, runs=20, seed=bytes([n]) * 32) for n in range(3)]
    whole = pooled([asdict(part) for part in parts])
    shares = [part.correct_guesses for part in parts]
    assert whole.runs == 60
    assert whole.correct_guesses == pytest.approx(sum(shares) / 3)
    assert whole.worst_imbalance == max(part.worst_imbalance for part in parts)
    # Two slices of two trials each, checked by hand: 0, 1 and 1, 2 have mean 1 and a standard error of sqrt(2/3/4).
    by_hand = [
        asdict(Simulated(2, mean, 0.5, 0, 0, 0, 0)) for mean in (0.5, 1.5)
    ]  # fmt: skip
    assert pooled(by_hand).correct_guesses_error == pytest.approx((2 / 3 / 4) ** 0.5)


def test_the_usual_schemes_fit_more_sequences() -> None:
    assert ("permuted_blocks", {"block_sizes": [6, 12]}) in usual_schemes(6, {})
    assert [method for method, _ in usual_schemes(6, {"site": ["01"]})].count("minimization") == 0
    schemes = usual_schemes(4, FACTORS)
    made = run(comparison(schemes, sequences=("A", "B", "C", "D"), participants=8, strata=2, runs=25))
    assert len(made.compared()) == len(schemes) == 10
