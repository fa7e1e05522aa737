"""The facts on which a second person approves a list, computed from the opened list and its seed.

Only counts and verdicts come out, never the code of a slot.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sessions.randomization.generate import GeneratedList, Slot, commit_codes, generate_list, stratum_stream
from sessions.randomization.generators import Generator
from sessions.randomization.methods import Method, block_sizes_of, ratio_of, tolerance_of
from sessions.randomization.schemes import draw_blocks, shares

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
        The most that one sequence is ever ahead of another while the list is used up; with unequal shares, counted in
        units of each sequence's share.
    imbalance_allowed
        The most that the method allows; the number of slots where it allows any.
    blocks, blocks_balanced
        Whole blocks within the list, and how many of them hold every sequence equally often; 0 without blocks.
    is_sorted
        Whether all slots of one sequence stand before those of the other. In a short stratum that may be chance.
    """

    stratum: str
    slots: int
    counts: Mapping[str, int]
    largest_imbalance: int | Fraction
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
    generator: Generator = Generator.HMAC_DRBG,
    taken_numbers: Collection[str] = (),
) -> Acceptance:
    """Examine an opened list.

    Parameters
    ----------
    slots
        The opened slots, in any order.
    parameters
        Settings of the method; for an uploaded list, `has_own_numbers` says that its numbers came with it.
    strata
        Keys of the strata in the order in which the list was made.
    root
        The commitment to the slots.

    Raises
    ------
    ValueError
        A stratum has no slot, or the parameters are not those of the method.
    """
    by_stratum = {key: sorted((s for s in slots if s.stratum == key), key=lambda s: s.ordinal) for key in strata}
    length = max(len(own) for own in by_stratum.values())
    if method.is_drawn_from_seed:
        again = generate_list(
            method=method, parameters=parameters, sequences=sequences, strata=strata, slots_per_stratum=length,
            seed=seed, generator=generator, taken_numbers=taken_numbers,
        )  # fmt: skip
    else:
        again = _committed_again(by_stratum, parameters, seed, generator, taken_numbers)
    parts = shares(sequences, ratio_of(parameters))

    def block_sizes(key: str) -> list[int]:
        if method is not Method.PERMUTED_BLOCKS:
            return []
        stream = stratum_stream(seed, key, generator)
        return [len(block) for block in draw_blocks(stream, sequences, length, block_sizes_of(parameters), parts)]

    ordered = [slot for key in strata for slot in by_stratum[key]]
    numbers = [slot.number for slot in slots]
    return Acceptance(
        strata=tuple(
            _facts(
                [slot.sequence for slot in own], key, block_sizes(key), dict(zip(sequences, parts, strict=True)),
                _allowed(method, parameters, sum(parts), len(own)),
            )
            for key, own in by_stratum.items()
        ),
        derives_again=tuple(ordered) == again.slots and again.root == root,
        numbers_distinct=len(set(numbers)) == len(numbers) and not set(numbers) & set(taken_numbers),
        numbers_in_order=any(_rises_or_falls([slot.number for slot in own]) for own in by_stratum.values()),
    )  # fmt: skip


def _committed_again(
    by_stratum: Mapping[str, Sequence[Slot]],
    parameters: Mapping[str, object],
    seed: bytes,
    generator: Generator,
    taken_numbers: Collection[str],
) -> GeneratedList:
    """Commit to the codes of an uploaded list once more: its nonces, and its numbers unless they came with it."""
    codes = {key: [slot.sequence for slot in own] for key, own in by_stratum.items()}
    numbers = {key: [slot.number for slot in own] for key, own in by_stratum.items()}
    return commit_codes(
        codes, seed=seed, generator=generator, taken_numbers=taken_numbers,
        numbers=numbers if parameters.get("has_own_numbers") else None,
    )  # fmt: skip


def _allowed(method: Method, parameters: Mapping[str, object], whole: int, slots: int) -> int:
    if method is Method.PERMUTED_BLOCKS:
        return max(block_sizes_of(parameters)) // whole
    return tolerance_of(parameters) if method is Method.BIG_STICK else slots


def _facts(
    codes: Sequence[str], key: str, block_sizes: Sequence[int], parts: Mapping[str, int], allowed: int
) -> StratumFacts:
    blocks = _whole_blocks(codes, block_sizes)
    return StratumFacts(
        stratum=key,
        slots=len(codes),
        counts={code: codes.count(code) for code in parts},
        largest_imbalance=largest_imbalance(codes, list(parts), list(parts.values())),
        imbalance_allowed=allowed,
        blocks=len(blocks),
        blocks_balanced=sum(
            len({Fraction(block.count(code), part) for code, part in parts.items()}) == 1 for block in blocks
        ),
        is_sorted=len(codes) > len(parts) and _runs(codes) == len(set(codes)),
    )


def largest_imbalance(codes: Sequence[str], sequences: Sequence[str], ratio: Sequence[int] = ()) -> int | Fraction:
    """Return the most that one sequence is ahead of another after any slot, in units of its share."""
    parts = dict(zip(sequences, shares(sequences, ratio), strict=True))
    counts: dict[str, Fraction] = dict.fromkeys(sequences, Fraction(0))
    largest = Fraction(0)
    for code in codes:
        counts[code] += Fraction(1, parts[code])
        largest = max(largest, max(counts.values()) - min(counts.values()))
    return int(largest) if largest.denominator == 1 else largest


def _whole_blocks(codes: Sequence[str], sizes: Sequence[int]) -> list[Sequence[str]]:
    """Cut the list where its blocks end; a last block that the list does not reach the end of is left out."""
    ends = list(itertools.accumulate(sizes, initial=0))
    return [codes[start:end] for start, end in itertools.pairwise(ends) if end <= len(codes)]


def _runs(codes: Sequence[str]) -> int:
    return 1 + sum(one != other for one, other in itertools.pairwise(codes))


def _rises_or_falls(numbers: Sequence[str]) -> bool:
    rising = sorted(numbers)
    return len(numbers) >= SUSPICIOUS_NUMBERS and list(numbers) in (rising, rising[::-1])
