"""What somebody can deduce who knows the method, its settings and some allocations of a stratum.

Each method is a machine: its state is all that the past says about the next code. A state that fits what is known is
possible; a code that no possible list has at a place is excluded; where one code is left, the place is determined.
This is exact, not a simulation, and takes the worst case: the guesser knows the block sizes, though not how they fell.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from sessions.randomization.methods import Method, block_sizes_of, ratio_of, tolerance_of
from sessions.randomization.schemes import check_block_sizes, shares

State = tuple[int, ...]
States = frozenset[State]


class Machine:
    """A method's states and steps over codes numbered 0, 1, ... in the order of `sequences`.

    Raises
    ------
    ValueError
        The parameters are not those of the method.
    """

    def __init__(self, method: Method, parameters: Mapping[str, object], sequences: Sequence[str]) -> None:
        self.codes = tuple(sequences)
        step: Callable[[State, int], States]
        if method is Method.PERMUTED_BLOCKS:
            parts = shares(sequences, ratio_of(parameters))
            sizes = block_sizes_of(parameters)
            check_block_sizes(sizes, parts)
            self.start = frozenset(tuple(part * (size // sum(parts)) for part in parts) for size in sizes)
            step = self._within_block
        elif method is Method.BIG_STICK:
            self._tolerance = tolerance_of(parameters)
            self.start = frozenset({(0,) * len(self.codes)})
            step = self._along_stick
        else:
            # Simple draws remember nothing; of an uploaded list and of minimization an outsider knows no structure.
            self.start = frozenset({()})
            step = _unchanged
        # Both are asked for the same steps again and again: by every place of a stratum, by every simulated trial.
        self.following = lru_cache(maxsize=None)(step)
        self.step = lru_cache(maxsize=None)(self._step_all)

    def possible(self, states: States) -> frozenset[int]:
        """Return the codes that may come next."""
        return frozenset(code for code in range(len(self.codes)) if self.step(states, code))

    def _step_all(self, states: States, code: int) -> States:
        return frozenset(following for state in states for following in self.following(state, code))

    def _within_block(self, left: State, code: int) -> States:
        """A state is what is left of each code in the current block; an empty block is followed by any."""
        if not left[code]:
            return frozenset()
        following = (*left[:code], left[code] - 1, *left[code + 1 :])
        return frozenset({following}) if any(following) else self.start

    def _along_stick(self, ahead: State, code: int) -> States:
        """A state is how far each code is ahead of the rarest."""
        if ahead[code] >= self._tolerance:
            return frozenset()
        counts = [*ahead]
        counts[code] += 1
        rarest = min(counts)
        return frozenset({tuple(count - rarest for count in counts)})


def _unchanged(state: State, _code: int) -> States:
    return frozenset({state})


def deducible(machine: Machine, known: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Return the codes that each place of a stratum can still have.

    Parameters
    ----------
    known
        For each place from the first on, the codes that are possible by what is known of that place alone: one code
        where it is revealed, all codes where nothing is known.

    Raises
    ------
    ValueError
        No list of this method agrees with what is known.
    """
    ahead = [machine.start]
    for allowed in known:
        ahead.append(frozenset().union(*(machine.following(state, code) for state in ahead[-1] for code in allowed)))
    if not ahead[-1]:
        raise ValueError("no list of this method agrees with the known allocations")
    # From the last place backwards: which states have a way to the end, and by which codes they are left.
    found: list[frozenset[int]] = []
    reaching = ahead[-1]
    for place in range(len(known) - 1, -1, -1):
        ways = {
            (state, code)
            for state in ahead[place]
            for code in known[place]
            if not reaching.isdisjoint(machine.following(state, code))
        }
        found.append(frozenset(code for _, code in ways))
        reaching = frozenset(state for state, _ in ways)
    return found[::-1]
