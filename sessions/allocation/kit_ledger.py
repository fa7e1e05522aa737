"""The rules of the kit ledger: which movement may follow which, and how a site's books add up. No database here.

A kit is where its last movement put it; nothing else says so. What each movement needs in signatures stands here too,
and the database holds both rules a second time (migration 0006), so that no other way of writing can break them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a kit is."""

    IN_TRANSIT = "in_transit"
    IN_STOCK = "in_stock"
    QUARANTINED = "quarantined"
    RESERVED = "reserved"
    DISPENSED = "dispensed"
    RETURNED = "returned"
    BROKEN = "broken"
    RECALLED = "recalled"
    MISSING = "missing"
    DESTROYED = "destroyed"

    @property
    def words(self) -> str:
        """The state as the screen says it."""
        return WORDS.get(self, self.value.replace("_", " ").capitalize())


class Movement(StrEnum):
    """What can happen to a kit; each leads to one state."""

    ANNOUNCED = "announced"
    RECEIVED = "received"
    HELD_ON_ARRIVAL = "held_on_arrival"
    NOT_ARRIVED = "not_arrived"
    QUARANTINED = "quarantined"
    RELEASED = "released"
    RESERVED = "reserved"
    PUT_BACK = "put_back"
    DISPENSED = "dispensed"
    RETURNED = "returned"
    BROKEN = "broken"
    LOST = "lost"
    FOUND = "found"
    RECALLED = "recalled"
    DESTROYED = "destroyed"

    @property
    def words(self) -> str:
        """The movement as the screen says it."""
        return WORDS.get(self, self.value.replace("_", " ").capitalize())


WORDS: Mapping[str, str] = {
    State.IN_TRANSIT: "On its way",
    State.RESERVED: "Picked",
    Movement.HELD_ON_ARRIVAL: "Received into quarantine",
    Movement.FOUND: "Found, into quarantine",
    Movement.LOST: "Reported missing",
}

LEADS_TO: Mapping[Movement, State] = {
    Movement.ANNOUNCED: State.IN_TRANSIT,
    Movement.RECEIVED: State.IN_STOCK,
    Movement.HELD_ON_ARRIVAL: State.QUARANTINED,
    Movement.NOT_ARRIVED: State.MISSING,
    Movement.QUARANTINED: State.QUARANTINED,
    Movement.RELEASED: State.IN_STOCK,
    Movement.RESERVED: State.RESERVED,
    Movement.PUT_BACK: State.IN_STOCK,
    Movement.DISPENSED: State.DISPENSED,
    Movement.RETURNED: State.RETURNED,
    Movement.BROKEN: State.BROKEN,
    Movement.LOST: State.MISSING,
    Movement.FOUND: State.QUARANTINED,
    Movement.RECALLED: State.RECALLED,
    Movement.DESTROYED: State.DESTROYED,
}
FROM: Mapping[Movement, frozenset[State | None]] = {
    Movement.ANNOUNCED: frozenset({None}),
    Movement.RECEIVED: frozenset({State.IN_TRANSIT}),
    Movement.HELD_ON_ARRIVAL: frozenset({State.IN_TRANSIT}),
    Movement.NOT_ARRIVED: frozenset({State.IN_TRANSIT}),
    Movement.QUARANTINED: frozenset({State.IN_STOCK}),
    Movement.RELEASED: frozenset({State.QUARANTINED}),
    Movement.RESERVED: frozenset({State.IN_STOCK}),
    Movement.PUT_BACK: frozenset({State.RESERVED}),
    Movement.DISPENSED: frozenset({State.RESERVED}),
    Movement.RETURNED: frozenset({State.DISPENSED}),
    Movement.BROKEN: frozenset({State.IN_STOCK, State.QUARANTINED, State.RESERVED, State.DISPENSED}),
    Movement.LOST: frozenset({
        State.IN_STOCK, State.QUARANTINED, State.RESERVED, State.DISPENSED, State.RETURNED, State.BROKEN,
        State.RECALLED,
    }),
    Movement.FOUND: frozenset({State.MISSING}),
    Movement.RECALLED: frozenset({
        State.IN_TRANSIT, State.IN_STOCK, State.QUARANTINED, State.RESERVED, State.DISPENSED,
    }),
    # What is in stock is destroyed only once it has expired; the service looks at the date.
    Movement.DESTROYED: frozenset({
        State.IN_STOCK, State.QUARANTINED, State.RETURNED, State.BROKEN, State.RECALLED,
    }),
}  # fmt: skip

TWO_SIGNATURES = frozenset({
    Movement.RELEASED, Movement.DISPENSED, Movement.BROKEN, Movement.LOST, Movement.RECALLED, Movement.DESTROYED,
})  # fmt: skip
"""Movements that a second person checks and signs."""
SPENT = frozenset({Movement.DISPENSED, Movement.BROKEN, Movement.RECALLED})
"""Movements after which a kit is never released for use again, whatever is found later."""
ARRIVALS = frozenset({Movement.RECEIVED, Movement.HELD_ON_ARRIVAL, Movement.FOUND})
"""Movements that show that a kit did arrive."""
BOOKED = tuple(state for state in State if state is not State.IN_TRANSIT)
"""The states among which everything received is divided."""


def may_follow(movement: Movement, state: State | None, *, is_spent: bool = False) -> bool:
    """Whether a kit in `state` (None: not yet on record) may make `movement`; `is_spent` says what `SPENT` means."""
    return state in FROM[movement] and not (movement is Movement.RELEASED and is_spent)


def state_after(history: Sequence[Movement]) -> State | None:
    """Return where a kit's movements, in their order, have brought it.

    Raises
    ------
    ValueError
        One of them could not follow the one before.
    """
    state: State | None = None
    for place, movement in enumerate(history):
        if not may_follow(movement, state, is_spent=not SPENT.isdisjoint(history[:place])):
            msg = f"{movement} cannot follow {state or 'nothing'}"
            raise ValueError(msg)
        state = LEADS_TO[movement]
    return state


@dataclass(frozen=True, slots=True)
class Balance:
    """The books of some kits: what was announced, what arrived, and where that is now."""

    announced: int
    on_the_way: int
    never_arrived: int
    received: int
    states: Mapping[State, int]

    @property
    def accounted(self) -> int:
        """How many of those received are accounted for by a state."""
        return sum(self.states.values())

    @property
    def difference(self) -> int:
        """What the books cannot explain; anything but zero is a broken ledger."""
        return (self.received - self.accounted) + (
            self.announced - self.on_the_way - self.never_arrived - self.received
        )

    def kits_in(self, state: State) -> int:
        """Return how many received kits are in `state`."""
        return self.states.get(state, 0)


def balance(histories: Iterable[Sequence[Movement]]) -> Balance:
    """Return the books of kits, each given by its movements in their order."""
    announced = on_the_way = never_arrived = received = 0
    states: Counter[State] = Counter()
    for history in histories:
        state = state_after(history)
        announced += 1
        if not ARRIVALS.isdisjoint(history):
            received += 1
            if state is not None:
                states[state] += 1
        elif state is State.IN_TRANSIT:
            on_the_way += 1
        else:
            never_arrived += 1
    return Balance(announced, on_the_way, never_arrived, received, states)
