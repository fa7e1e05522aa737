"""Lists stay as they are, for every method and generator; the simple facts of each method hold."""

from collections import Counter

import pytest

from sessions.randomization import accept, generate_list
from sessions.randomization.generate import commit_codes
from sessions.randomization.generators import Generator
from sessions.randomization.methods import Method
from tests.factories import golden_lists as golden

SEED = golden.SEED


@pytest.mark.parametrize("generator", list(Generator))
@pytest.mark.parametrize("name", list(golden.DESIGNS))
def test_a_committed_list_stays_derivable(name: str, generator: Generator) -> None:
    own = golden.terms(name, generator)
    assert golden.summary(own) == golden.expected()[f"{name}, {generator}"]
    generated = golden.made(own)
    found = accept(
        generated.slots, method=own.method, parameters=own.parameters, sequences=own.sequences, strata=own.strata,
        seed=SEED, root=generated.root, generator=generator, taken_numbers=own.taken_numbers,
    )  # fmt: skip
    assert found.derives_again
    assert found.is_balanced
    assert found.numbers_distinct


def test_the_golden_file_holds_these_lists_and_no_other() -> None:
    assert list(golden.expected()) == [f"{name}, {one}" for name in golden.DESIGNS for one in Generator]


def test_numbers_of_earlier_lists_are_not_given_again() -> None:
    own = golden.terms("blocks of 4", Generator.HMAC_DRBG)
    without = generate_list(
        method=own.method, parameters=own.parameters, sequences=own.sequences, strata=own.strata,
        slots_per_stratum=10, seed=SEED,
    )  # fmt: skip
    assert set(golden.TAKEN) < {slot.number for slot in without.slots}
    assert not set(golden.TAKEN) & {slot.number for slot in golden.made(own).slots}


def drawn(method: Method, slots: int = 600, **parameters: object) -> list[str]:
    made = generate_list(
        method=method, parameters=parameters, sequences=["AB", "BA"], strata=["all"], slots_per_stratum=slots, seed=SEED
    )
    return [slot.sequence for slot in made.slots]


def test_simple_draws_follow_the_ratio() -> None:
    """600 draws at 3:1: within four standard errors (10.6) of 450; fixed seed."""
    assert abs(drawn(Method.SIMPLE, ratio=[3, 1]).count("AB") - 450) < 43
    assert abs(drawn(Method.SIMPLE).count("AB") - 300) < 49


def test_blocks_hold_the_ratio_in_every_block() -> None:
    codes = drawn(Method.PERMUTED_BLOCKS, block_sizes=[6], ratio=[2, 1])
    assert all(Counter(codes[at : at + 6]) == {"AB": 4, "BA": 2} for at in range(0, 600, 6))


@pytest.mark.parametrize(
    ("method", "parameters", "words"),
    [
        (Method.MINIMIZATION, {}, "minimization makes no list"),
        (Method.UPLOADED_LIST, {}, "uploaded list makes no list"),
        (Method.BIG_STICK, {"ratio": [2, 1]}, "equal shares only"),
        (Method.SIMPLE, {"ratio": [2]}, "2 positive whole numbers"),
        (Method.SIMPLE, {"ratio": [2, 0]}, "2 positive whole numbers"),
        (Method.SIMPLE, {"ratio": "21"}, "list of whole numbers"),
        (Method.SIMPLE, {"ratio": [1.5, 1]}, "list of whole numbers"),
        (Method.PERMUTED_BLOCKS, {"block_sizes": [4], "ratio": [2, 1]}, "multiple of 3, the sum of the ratio 2:1"),
    ],
)
def test_impossible_lists_are_refused(method: Method, parameters: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        drawn(method, **parameters)


def test_equal_shares_may_be_written_as_a_ratio() -> None:
    assert drawn(Method.BIG_STICK, ratio=[1, 1]) == drawn(Method.BIG_STICK)


def test_an_empty_uploaded_list_and_a_short_seed_are_refused() -> None:
    with pytest.raises(ValueError, match="without slots"):
        commit_codes({"all": []}, seed=SEED)
    with pytest.raises(ValueError, match="32 bytes"):
        commit_codes({"all": ["AB"]}, seed=b"short")
