"""For any design: what a list promises."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.randomization import HmacDrbg, Method, accept, generate_list
from sessions.randomization.acceptance import largest_imbalance

designs = st.one_of(
    st.tuples(
        st.just(Method.PERMUTED_BLOCKS),
        st.lists(st.sampled_from([2, 4, 6]), min_size=1, max_size=3).map(lambda sizes: {"block_sizes": sizes}),
    ),
    st.tuples(st.just(Method.BIG_STICK), st.integers(1, 5).map(lambda mti: {"tolerance": mti})),
)


@settings(max_examples=40, deadline=None)
@given(design=designs, seed=st.binary(min_size=32, max_size=32), slots=st.integers(1, 24), strata=st.integers(1, 4))
def test_every_list_is_accepted_and_stays_within_its_imbalance(design, seed, slots, strata) -> None:
    method, parameters = design
    keys = [f"s{i}" for i in range(strata)]
    made = generate_list(
        method=method, parameters=parameters, sequences=["AB", "BA"], strata=keys, slots_per_stratum=slots, seed=seed
    )
    found = accept(
        made.slots, method=method, parameters=parameters, sequences=["AB", "BA"], strata=keys, seed=seed, root=made.root
    )
    assert found.derives_again
    assert found.numbers_distinct
    assert found.is_balanced
    bound = parameters.get("tolerance") or max(parameters["block_sizes"]) // 2
    assert all(facts.largest_imbalance <= bound for facts in found.strata)


@settings(max_examples=40, deadline=None)
@given(codes=st.lists(st.sampled_from(["AB", "BA"]), max_size=40))
def test_largest_imbalance_is_the_furthest_that_the_walk_goes(codes) -> None:
    walk = [Counter(codes[:n])["AB"] - Counter(codes[:n])["BA"] for n in range(len(codes) + 1)]
    assert largest_imbalance(codes, ["AB", "BA"]) == max(abs(step) for step in walk)


def test_numbers_say_nothing_about_sequences_over_many_lists() -> None:
    """Mean rank of a list's numbers by sequence: no pull over 300 lists (the standard error of the mean is 0.0083)."""
    entropy = HmacDrbg(b"suite".ljust(32, b"\0"))
    shares = []
    for _ in range(300):
        made = generate_list(
            method=Method.BIG_STICK, parameters={"tolerance": 3}, sequences=["AB", "BA"], strata=["F", "M"],
            slots_per_stratum=8, seed=entropy.generate(32),
        )  # fmt: skip
        first, other = ([s.number for s in made.slots if s.sequence == code] for code in ("AB", "BA"))
        shares.append(sum(a < b for a in first for b in other) / (len(first) * len(other)))
    assert abs(sum(shares) / len(shares) - 0.5) < 0.034
