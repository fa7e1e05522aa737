"""The facts on which a second person approves a list, computed from the opened list and its seed.

Only counts and verdicts come out, never the code of a slot.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sessions.randomization.generate import Method, Slot, block_sizes_of, generate_list, stratum_stream
from sessions.randomization.schemes import draw_blocks

SUSPICIOUS_NUMBERS = 8
"""Slots of a stratum from which on numbers in order are no accident: 1 in 20,160."""

SUSPICIOUS_SLOTS = 12
"""Slots of a list from which on sequences sorted in every stratum are no accident; in a short stratum they may be."""


@dataclass(frozen=True, slots=True)
class StratumFacts:
    """One stratum of a list.

    Attributes
    ----------
    counts
        Slots by sequence code.
    largest_imbalance
        The most that one sequence is ever ahead of another while the list is used up.
    imbalance_allowed
        The most that the method allows.
    blocks, blocks_balanced
        Whole blocks within the list, and how many of them hold every sequence equally often; 0 without blocks.
    is_sorted
        Whether all slots of one sequence stand before those of the other. In a short stratum that may be chance.
    """

    stratum: str
    slots: int
    counts: Mapping[str, int]
    largest_imbalance: int
    imbalance_allowed: int
    blocks: int
    blocks_balanced: int
    is_sorted: bool


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The facts of a whole list.

    Attributes
    ----------
    derives_again
        Whether the seed gives the same list, slot by slot, and the same commitment.
    numbers_distinct, numbers_in_order
        Whether no number repeats, and whether in some stratum they rise or fall with the list.
    """

    strata: tuple[StratumFacts, ...]
    derives_again: bool
    numbers_distinct: bool
    numbers_in_order: bool

    @property
    def is_balanced(self) -> bool:
        """Whether every whole block is balanced and no stratum passes the imbalance of its method."""
        return all(
            facts.blocks == facts.blocks_balanced and facts.largest_imbalance <= facts.imbalance_allowed
            for facts in self.strata
        )

    @property
    def is_sorted(self) -> bool:
        """Whether the list stands sorted, by sequence in every stratum or by number in one."""
        slots = sum(facts.slots for facts in self.strata)
        by_sequence = slots >= SUSPICIOUS_SLOTS and all(facts.is_sorted for facts in self.strata)
        return self.numbers_in_order or by_sequence

    @property
    def passes(self) -> bool:
        """Whether the list may be approved."""
        return self.derives_again and self.numbers_distinct and self.is_balanced and not self.is_sorted


def accept(
    slots: Sequence[Slot],
    *,
    method: Method,
    parameters: Mapping[str, object],
    sequences: Sequence[str],
    strata: Sequence[str],
    seed: bytes,
    root: bytes,
) -> Acceptance:
    """Examine an opened list.

    Parameters
    ----------
    slots
        The opened slots, in any order.
    strata
        Keys of the strata in the order in which the list was made.
    root
        The commitment that was published.

    Raises
    ------
    ValueError
        A stratum has no slot, or the parameters are not those of the method.
    """
    by_stratum = {key: sorted((s for s in slots if s.stratum == key), key=lambda s: s.ordinal) for key in strata}
    length = max(len(own) for own in by_stratum.values())
    again = generate_list(
        method=method, parameters=parameters, sequences=sequences, strata=strata, slots_per_stratum=length, seed=seed
    )

    def block_sizes(key: str) -> list[int]:
        if method is not Method.PERMUTED_BLOCKS:
            return []
        drawn = draw_blocks(stratum_stream(seed, key), sequences, length, block_sizes_of(parameters))
        return [len(block) for block in drawn]

    if method is Method.PERMUTED_BLOCKS:
        allowed = max(block_sizes_of(parameters)) // len(sequences)
    else:
        allowed = int(str(parameters.get("tolerance", 3)))
    ordered = [slot for key in strata for slot in by_stratum[key]]
    numbers = [slot.number for slot in slots]
    return Acceptance(
        strata=tuple(
            _facts([slot.sequence for slot in own], key, block_sizes(key), sequences, allowed)
            for key, own in by_stratum.items()
        ),
        derives_again=tuple(ordered) == again.slots and again.root == root,
        numbers_distinct=len(set(numbers)) == len(numbers),
        numbers_in_order=any(_rises_or_falls([slot.number for slot in own]) for own in by_stratum.values()),
    )


def _facts(
    codes: Sequence[str], key: str, block_sizes: Sequence[int], sequences: Sequence[str], allowed: int
) -> StratumFacts:
    blocks = _whole_blocks(codes, block_sizes)
    return StratumFacts(
        stratum=key,
        slots=len(codes),
        counts={code: codes.count(code) for code in sequences},
        largest_imbalance=largest_imbalance(codes, sequences),
        imbalance_allowed=allowed,
        blocks=len(blocks),
        blocks_balanced=sum(len({block.count(code) for code in sequences}) == 1 for block in blocks),
        is_sorted=len(codes) > len(sequences) and _runs(codes) == len(set(codes)),
    )


def largest_imbalance(codes: Sequence[str], sequences: Sequence[str]) -> int:
    """Return the most that one sequence is ahead of another after any slot."""
    counts = Counter(dict.fromkeys(sequences, 0))
    largest = 0
    for code in codes:
        counts[code] += 1
        largest = max(largest, max(counts.values()) - min(counts.values()))
    return largest


def _whole_blocks(codes: Sequence[str], sizes: Sequence[int]) -> list[Sequence[str]]:
    """Cut the list where its blocks end; a last block that the list does not reach the end of is left out."""
    ends = list(itertools.accumulate(sizes, initial=0))
    return [codes[start:end] for start, end in itertools.pairwise(ends) if end <= len(codes)]


def _runs(codes: Sequence[str]) -> int:
    return 1 + sum(one != other for one, other in itertools.pairwise(codes))


def _rises_or_falls(numbers: Sequence[str]) -> bool:
    rising = sorted(numbers)
    return len(numbers) >= SUSPICIOUS_NUMBERS and list(numbers) in (rising, rising[::-1])
