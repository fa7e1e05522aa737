"""The exact shares beside each other, and what has none."""

import pytest

from sessions.randomization.comparison import compare, in_words, scheme
from sessions.randomization.methods import Method


def test_the_usual_schemes_stand_from_hardest_to_easiest_to_guess() -> None:
    found = compare(40)
    assert (found[0].words, found[-1].words) == ("Big stick, imbalance at most 4", "Blocks of 2")
    assert {one.words: round(one.percent, 1) for one in found}["Big stick, imbalance at most 3"] == 57.8
    assert {one.words: round(one.percent, 1) for one in found}["Blocks of 4"] == 70.8
    assert {one.words: round(one.percent, 1) for one in found}["Blocks of 4 or 6 at random"] == 68.9


def test_simple_randomization_cannot_be_guessed() -> None:
    assert scheme(Method.SIMPLE, {}, 40).percent == 50
    assert scheme(Method.SIMPLE, {"ratio": [1, 1]}, 40).percent == 50


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (Method.SIMPLE, {"ratio": [2, 1]}),
        (Method.PERMUTED_BLOCKS, {"block_sizes": [3], "ratio": [2, 1]}),
        (Method.UPLOADED_LIST, {}),
        (Method.MINIMIZATION, {}),
    ],
)
def test_what_has_no_exact_share_is_to_be_simulated(method: Method, parameters: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no exact share of right guesses; simulate it"):
        scheme(method, parameters, 40)


def test_every_method_has_words() -> None:
    assert [in_words(one, {"block_sizes": [2, 4, 6]}) for one in Method] == [
        "Blocks of 2, 4 or 6 at random", "Big stick, imbalance at most 3", "Simple", "Uploaded list", "Minimization",
    ]  # fmt: skip
