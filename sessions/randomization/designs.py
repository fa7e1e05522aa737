"""Crossover designs: which treatments a sequence gives in which period, and whether a set of sequences is balanced."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Sequences = Mapping[str, tuple[str, ...]]
"""Treatments by period, for each sequence code."""

FEWEST_TREATMENTS, MOST_TREATMENTS = 2, 8


@dataclass(frozen=True, slots=True)
class DesignCheck:
    """What was found in a set of sequences.

    Attributes
    ----------
    faults
        What forbids the set, in sentences.
    remarks
        What it costs: an imbalance that the analysis has to carry, in sentences.
    """

    faults: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """Whether the set may be used."""
        return not self.faults


def williams(treatments: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the Williams design: k sequences for an even number of treatments, 2k for an odd one.

    Every treatment stands once in each sequence and equally often in each period, and follows every other treatment
    equally often. With two treatments this is AB/BA. A sequence's code is its treatments one after the other.

    Source: Williams 1949, Aust J Sci Res A 2:149; construction of Bradley 1958, J Am Stat Assoc 53:525: the first row
    zigzags 0, 1, k-1, 2, k-2, and the others follow by addition modulo k; for an odd k the mirrored rows join.

    Raises
    ------
    ValueError
        Fewer than 2 or more than 8 treatments, one named twice, or names whose codes cannot be told apart.
    """
    k = len(treatments)
    if not FEWEST_TREATMENTS <= k <= MOST_TREATMENTS:
        msg = f"a Williams design is offered for {FEWEST_TREATMENTS} to {MOST_TREATMENTS} treatments, not for {k}"
        raise ValueError(msg)
    if len(set(treatments)) != k or not all(treatments):
        raise ValueError("every treatment needs a name of its own")
    first = [0, *(step // 2 + 1 if step % 2 else k - step // 2 for step in range(1, k))]
    rows = [[(start + shift) % k for start in first] for shift in range(k)]
    if k % 2:
        rows += [row[::-1] for row in rows]
    made = [tuple(treatments[place] for place in row) for row in rows]
    coded = {"".join(row): row for row in made}
    if len(coded) != len(made):
        raise ValueError("the names of the treatments run together in a sequence's code; use single letters")
    return coded


def ab_ba(first: str, second: str) -> dict[str, tuple[str, ...]]:
    """Return the two sequences of a trial with two treatments and two periods.

    Raises
    ------
    ValueError
        As for `williams`.
    """
    return williams([first, second])


def carry_over(sequences: Sequences) -> Counter[tuple[str, str]]:
    """Count how often a treatment (second) directly follows another (first) over all sequences."""
    return Counter(pair for row in sequences.values() for pair in itertools.pairwise(row))


def check_sequences(sequences: Sequences, treatments: Sequence[str]) -> DesignCheck:
    """Check an uploaded set of sequences against the treatments of the study."""
    faults = _faults(sequences, treatments)
    return DesignCheck(tuple(faults), () if faults else tuple(_remarks(sequences, treatments)))


def _faults(sequences: Sequences, treatments: Sequence[str]) -> list[str]:
    found = []
    if len(sequences) < 2:
        found.append("There must be at least two sequences; with one there is nothing to randomize. Add another.")
    lengths = {code: len(row) for code, row in sequences.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{code} has {length}" for code, length in lengths.items())
        found.append(f"All sequences must have the same number of periods, but {told}. Complete the short ones.")
    found += [
        "A sequence has no code. Give every sequence a code, such as AB." for code in sequences if not code.strip()
    ]
    for code, row in sequences.items():
        unknown = ", ".join(sorted(set(row) - set(treatments)))
        if unknown:
            known = ", ".join(treatments)
            found.append(f"Sequence {code} names {unknown}, which is no treatment of this study. Use {known}.")
        elif not row:
            found.append(f"Sequence {code} gives no treatment. Name one for every period.")
    given: dict[tuple[str, ...], str] = {}
    for code, row in sequences.items():
        if row in given:
            found.append(f"Sequences {given[row]} and {code} give the same treatments. Remove one of them.")
        given.setdefault(row, code)
    unused = [one for one in treatments if all(one not in row for row in sequences.values())]
    if unused and sequences:
        found.append(f"No sequence gives {', '.join(unused)}. Add a sequence with it or remove the treatment.")
    return found


def _remarks(sequences: Sequences, treatments: Sequence[str]) -> list[str]:
    found = []
    for code, row in sequences.items():
        repeated = sorted(one for one, times in Counter(row).items() if times > 1)
        if repeated:
            found.append(f"Sequence {code} gives {', '.join(repeated)} more than once.")
        missing = [one for one in treatments if one not in row]
        if missing:
            found.append(f"Sequence {code} does not give {', '.join(missing)}: the design is incomplete.")
    for period, given in enumerate(zip(*sequences.values(), strict=True), start=1):
        counts = Counter(given)
        if len({counts[one] for one in treatments}) > 1:
            told = ", ".join(f"{one} {counts[one]}" for one in treatments)
            found.append(f"Period {period} does not give the treatments equally often ({told}).")
    after = carry_over(sequences)
    if len({after[pair] for pair in itertools.permutations(treatments, 2)}) > 1:
        found.append(
            "The treatments do not follow one another equally often, so a carry-over of one treatment into the next "
            "period does not cancel out. A Williams design is balanced for it."
        )
    return found
