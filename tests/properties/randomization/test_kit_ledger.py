"""The kit ledger's promises under any legal order of movements, and that its numbers and picks tell no treatment."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, chi2_contingency

from sessions.allocation.kit_ledger import (
    ARRIVALS,
    BOOKED,
    FROM,
    LEADS_TO,
    SPENT,
    TWO_SIGNATURES,
    Movement,
    State,
    balance,
    may_follow,
    state_after,
)
from sessions.randomization import HmacDrbg, draw_kits


@st.composite
def histories(draw: st.DrawFn) -> list[Movement]:
    """A kit's way: any movement that may follow, as long as one may and the draw goes on."""
    history: list[Movement] = []
    state: State | None = None
    for _ in range(draw(st.integers(min_value=1, max_value=12))):
        legal = [m for m in Movement if may_follow(m, state, is_spent=not SPENT.isdisjoint(history))]
        if not legal:
            break
        history.append(draw(st.sampled_from(legal)))
        state = LEADS_TO[history[-1]]
    return history


@settings(deadline=None, max_examples=150)
@given(st.lists(histories(), max_size=25))
def test_any_legal_order_keeps_the_balance(kits: list[list[Movement]]) -> None:
    books = balance(kits)
    assert books.announced == len(kits) == books.on_the_way + books.never_arrived + books.received
    assert books.received == sum(books.kits_in(state) for state in BOOKED) == books.accounted
    assert books.difference == 0


@settings(deadline=None, max_examples=150)
@given(histories())
def test_nothing_spent_comes_back_into_stock_and_the_destroyed_stays_so(history: list[Movement]) -> None:
    state = state_after(history)
    assert state is LEADS_TO[history[-1]]
    if not SPENT.isdisjoint(history):
        assert state not in {State.IN_STOCK, State.RESERVED, State.IN_TRANSIT}
    assert history.count(Movement.DISPENSED) <= 1
    if Movement.DESTROYED in history:
        assert history[-1] is Movement.DESTROYED
    assert history[0] is Movement.ANNOUNCED
    assert state is State.IN_TRANSIT or len(history) > 1
    assert not (state is State.DISPENSED and ARRIVALS.isdisjoint(history))


@settings(deadline=None, max_examples=100)
@given(histories(), st.sampled_from(Movement))
def test_an_illegal_movement_is_named(history: list[Movement], movement: Movement) -> None:
    state = state_after(history)
    if may_follow(movement, state, is_spent=not SPENT.isdisjoint(history)):
        assert state_after([*history, movement]) is LEADS_TO[movement]
    else:
        with pytest.raises(ValueError, match="cannot follow"):
            state_after([*history, movement])


def test_a_broken_ledger_shows_as_a_difference() -> None:
    books = balance([[Movement.ANNOUNCED, Movement.RECEIVED]])
    assert type(books)(2, 0, 0, 1, books.states).difference == 1
    assert type(books)(1, 0, 0, 1, {}).difference == 1
    assert balance([]).difference == 0
    with pytest.raises(ValueError, match="received cannot follow nothing"):
        balance([[Movement.RECEIVED]])


def test_every_movement_has_its_rule_its_state_and_its_words() -> None:
    assert set(FROM) == set(LEADS_TO) == set(Movement)
    assert set(LEADS_TO.values()) == set(State)
    assert {Movement.DISPENSED, Movement.DESTROYED, Movement.RECALLED, Movement.RELEASED} <= TWO_SIGNATURES
    assert [one.words for one in (State.IN_TRANSIT, State.IN_STOCK, Movement.LOST, Movement.PUT_BACK)] == [
        "On its way", "In stock", "Reported missing", "Put back",
    ]  # fmt: skip


# Bar B7 for what the ward could see in order, beside the numbers themselves (tests/unit/randomization/test_kits.py).

LISTS = 10_000
BOUND = chi2.ppf(0.9999, 1)


def seen(pick, *, lists: int = LISTS) -> float:
    """Chi-square of "the second number is below the first" against "both participants have one treatment".

    Two participants take one kit each from a fresh shipment of three kits a treatment; `pick` chooses among those that
    fit. The seeds are fixed.
    """
    pool = HmacDrbg(b"order".ljust(32, b"\0")).generate(8 * lists) if lists * 8 <= 60_000 else b"".join(
        HmacDrbg(bytes([part]).ljust(32, b"\0")).generate(40_000) for part in range(lists * 8 // 40_000)
    )  # fmt: skip
    table: Counter[tuple[bool, bool]] = Counter()
    dice = random.Random(20261126)
    for at in range(lists):
        kits = draw_kits({"A": 3, "B": 3}, seed=pool[8 * at : 8 * at + 8], shipment="S-001")
        first, second = dice.choice("AB"), dice.choice("AB")
        one = pick([kit for kit in kits if kit.treatment == first], dice)
        other = pick([kit for kit in kits if kit.treatment == second and kit is not one], dice)
        table[other.number < one.number, first == second] += 1
    rows = [[table[below, same] for same in (False, True)] for below in (False, True)]
    return chi2_contingency(rows, correction=False).statistic


def test_the_order_of_dispensed_numbers_says_nothing_when_the_pick_is_drawn() -> None:
    assert seen(lambda fitting, dice: dice.choice(fitting)) < BOUND


def test_the_same_statistic_finds_a_pick_of_the_lowest_number_at_once() -> None:
    """The tempting rule leaks: a number below an earlier one can only be of another treatment."""
    assert seen(lambda fitting, dice: fitting[0], lists=300) > BOUND
