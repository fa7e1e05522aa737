"""The acceptance report of a list: what the unblinded statistician signs and a second person approves.

Facts, verdicts and sentences, and one simulated run of the recruitment; never the sequence of a slot.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sessions.randomization.acceptance import Acceptance, StratumFacts
from sessions.randomization.generate import Slot
from sessions.randomization.generators import Generator, substream

RUN_SEED = b"simulated run of an acceptance report"
"""Fixed and public: the arrivals of the run must not depend on the list's seed, and must come out the same again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of the report."""

    name: str
    passes: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """What happens when participants arrive at random: the strata they fall into, and when one is used up.

    Attributes
    ----------
    allocated
        Participants who got a place.
    turned_away
        Participants for whose stratum no place was left.
    first_exhausted
        The stratum that was used up first with somebody still coming, and the arrival that found it so.
    counts
        Allocated participants by sequence.
    largest_imbalance
        The most that one sequence was ahead of another in the whole trial during the run.
    """

    arrivals: int
    allocated: int
    turned_away: int
    first_exhausted: tuple[str, int] | None
    counts: Mapping[str, int]
    largest_imbalance: int

    @property
    def sentence(self) -> str:
        """The run in words."""
        counts = ", ".join(f"{code} {count}" for code, count in self.counts.items())
        told = (
            f"Of {self.arrivals} simulated arrivals {self.allocated} were allocated ({counts}); "
            f"over the trial one sequence was at most {self.largest_imbalance} ahead of another."
        )
        if self.first_exhausted is None:
            return told
        stratum, arrival = self.first_exhausted
        return (
            f"{told} Stratum {stratum} had no place left at arrival {arrival}, and {self.turned_away} were turned "
            "away: make the list longer."
        )


@dataclass(frozen=True, slots=True)
class AcceptanceReport:
    """Everything that is signed.

    Attributes
    ----------
    warnings
        Sentences that forbid nothing, from `strata_warnings`.
    """

    facts: Acceptance
    findings: tuple[Finding, ...]
    run: SimulatedRun
    warnings: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """Whether the list may be approved."""
        return all(finding.passes for finding in self.findings)


def acceptance_report(
    facts: Acceptance,
    slots: Sequence[Slot],
    *,
    expected: Mapping[str, float],
    warnings: Sequence[str] = (),
) -> AcceptanceReport:
    """Put the facts of `accept` into findings with sentences, and run the list once.

    Parameters
    ----------
    slots
        The opened list.
    expected
        Participants expected in each stratum.

    Raises
    ------
    ValueError
        Nobody is expected.
    """
    findings = (
        Finding(
            "Derivation", facts.derives_again,
            "The seed gives the same list again, slot by slot, and the same commitment."
            if facts.derives_again
            else "The list is not what its seed gives, or the commitment is another. Do not use it; make a new list.",
        ),
        _counts_finding(facts.strata, slots),
        Finding(
            "Numbers", facts.numbers_distinct,
            "Every randomization number stands once."
            if facts.numbers_distinct
            else "A randomization number stands twice or was given by an earlier list. Make a new list.",
        ),
        *(_balance_finding(one) for one in facts.strata),
        _order_finding(facts),
    )  # fmt: skip
    codes = list(facts.strata[0].counts)
    return AcceptanceReport(facts, findings, simulated_run(slots, codes, expected), tuple(warnings))


def simulated_run(slots: Sequence[Slot], codes: Sequence[str], expected: Mapping[str, float]) -> SimulatedRun:
    """Let as many participants arrive as are expected, each in a stratum drawn by its expected share.

    Raises
    ------
    ValueError
        Nobody is expected.
    """
    arrivals = round(sum(expected.values()))
    if arrivals < 1:
        raise ValueError("a simulated run needs an expected participant")
    # Shares in thousandths of a participant: whole numbers, so that the draw is exact and the same everywhere.
    ends = list(itertools.accumulate(round(1000 * count) for count in expected.values()))
    stream = substream(Generator.HMAC_DRBG, RUN_SEED, "arrivals")
    places = {key: iter(sorted((s for s in slots if s.stratum == key), key=lambda s: s.ordinal)) for key in expected}
    counts = Counter(dict.fromkeys(codes, 0))
    turned_away, largest = 0, 0
    first_exhausted: tuple[str, int] | None = None
    for arrival in range(1, arrivals + 1):
        drawn = stream.below(ends[-1])
        key = next(key for key, end in zip(expected, ends, strict=True) if drawn < end)
        slot = next(places[key], None)
        if slot is None:
            turned_away += 1
            first_exhausted = first_exhausted or (key, arrival)
            continue
        counts[slot.sequence] += 1
        largest = max(largest, max(counts.values()) - min(counts.values()))
    return SimulatedRun(arrivals, arrivals - turned_away, turned_away, first_exhausted, dict(counts), largest)


def _counts_finding(strata: Sequence[StratumFacts], slots: Sequence[Slot]) -> Finding:
    told = "; ".join(
        f"{one.stratum}: {one.slots} slots ({', '.join(f'{code} {count}' for code, count in one.counts.items())})"
        for one in strata
    )
    is_complete = all(
        sorted(s.ordinal for s in slots if s.stratum == one.stratum) == list(range(1, one.slots + 1)) for one in strata
    )
    gap = "" if is_complete else " A place is missing or stands twice. Make a new list."
    return Finding("Counts", is_complete, f"{told}.{gap}")


def _balance_finding(one: StratumFacts) -> Finding:
    blocks = (
        f"{one.blocks_balanced} of {one.blocks} whole blocks hold every sequence in its share; " if one.blocks else ""
    )
    passes = one.blocks == one.blocks_balanced and one.largest_imbalance <= one.imbalance_allowed
    what = "" if passes else " That is more than the method allows. Do not use the list; make a new one."
    return Finding(
        f"Balance in stratum {one.stratum}", passes,
        f"{blocks}one sequence is at most {one.largest_imbalance} ahead of another ({one.imbalance_allowed} "
        f"allowed).{what}",
    )  # fmt: skip


def _order_finding(facts: Acceptance) -> Finding:
    if facts.numbers_in_order:
        told = "In a stratum the numbers rise or fall with the list, so a number tells its place. Make a new list."
    elif facts.is_sorted:
        told = "In every stratum the list stands sorted by sequence: it was sorted, not drawn. Make a new list."
    else:
        told = "The list is sorted neither by sequence nor by number."
    return Finding("Sort order", not facts.is_sorted, told)
