"""Compare schemes by simulated trials: how often a guesser is right, how unequal the groups get, what is determined.

The lists are drawn by the code that draws real ones. The guesser sees every earlier allocation of the stratum and names
the sequence that is furthest behind its share (the convergence strategy of Blackwell and Hodges 1957, Ann Math Stat
28:449); at a tie, any of those tied. Against minimization the guesser knows the factors as well and names the sequence
that balances them best: the worst case.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sessions.randomization.generators import Generator, substream
from sessions.randomization.methods import Method, block_sizes_of, ratio_of, tolerance_of
from sessions.randomization.minimization import choose, scheme_of
from sessions.randomization.schemes import big_stick, permuted_blocks, shares, simple
from sessions.randomization.states import Machine, States
from sessions.randomization.streams import Buffered, ByteStream

Progress = Callable[[int, int], None]
"""Told how many of how many simulated trials are done."""


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """A trial to simulate.

    Attributes
    ----------
    participants
        In the whole trial.
    strata
        Each participant falls into one of them at random. Minimization has factors instead: one stratum.
    """

    method: Method
    parameters: Mapping[str, object]
    sequences: tuple[str, ...]
    participants: int
    strata: int = 1


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of the simulated trials; shares are between 0 and 1, imbalances count participants.

    With unequal shares an imbalance counts in units of each sequence's share.

    Attributes
    ----------
    correct_guesses, correct_guesses_error
        Expected share of right guesses, and the standard error of the simulation.
    final_imbalance
        Expected imbalance of the whole trial at its end.
    largest_imbalance, worst_imbalance
        Expected largest imbalance during a trial, and the largest of all simulated trials.
    determined
        Expected share of slots whose sequence is certain beforehand to somebody who knows the past and the settings.
    """

    runs: int
    correct_guesses: float
    correct_guesses_error: float
    final_imbalance: float
    largest_imbalance: float
    worst_imbalance: float
    determined: float


@dataclass(slots=True)
class _Tally:
    """What is counted in one simulated trial; imbalances in units of 1 / product of the shares."""

    right: float = 0.0
    determined: int = 0
    largest: int = 0
    final: int = 0

    def weigh(self, totals: Sequence[int], parts: Sequence[int]) -> None:
        scaled = _scaled(totals, parts)
        self.final = max(scaled) - min(scaled)
        self.largest = max(self.largest, self.final)


def simulate(plan: TrialPlan, *, runs: int, seed: bytes, progress: Progress | None = None) -> Simulated:
    """Simulate a plan.

    Parameters
    ----------
    seed
        Makes the result repeatable; it must have nothing to do with a list's seed.
    progress
        Called after every simulated trial.

    Raises
    ------
    ValueError
        The plan is impossible.
    """
    if plan.participants < 1 or plan.strata < 1 or runs < 1:
        raise ValueError("a simulation needs a participant, a stratum and a run")
    stream = Buffered(substream(Generator.HMAC_DRBG, seed, "simulation"))
    one_trial = _minimized_trial(plan) if plan.method is Method.MINIMIZATION else _listed_trial(plan)
    tallies = []
    for done in range(1, runs + 1):
        tallies.append(one_trial(stream))
        if progress:
            progress(done, runs)
    unit = math.prod(shares(plan.sequences, ratio_of(plan.parameters)))
    right = [tally.right / plan.participants for tally in tallies]
    return Simulated(
        runs=runs,
        correct_guesses=statistics.fmean(right),
        correct_guesses_error=statistics.stdev(right) / math.sqrt(runs) if runs > 1 else math.nan,
        final_imbalance=statistics.fmean(tally.final for tally in tallies) / unit,
        largest_imbalance=statistics.fmean(tally.largest for tally in tallies) / unit,
        worst_imbalance=max(tally.largest for tally in tallies) / unit,
        determined=statistics.fmean(tally.determined / plan.participants for tally in tallies),
    )


def compare_schemes(
    plans: Mapping[str, TrialPlan], *, runs: int, seed: bytes, progress: Progress | None = None
) -> dict[str, Simulated]:
    """Simulate several plans under their names; progress counts the simulated trials of all of them.

    Raises
    ------
    ValueError
        As for `simulate`.
    """
    whole = len(plans) * runs
    return {
        name: simulate(plan, runs=runs, seed=seed, progress=_after(progress, place * runs, whole))
        for place, (name, plan) in enumerate(plans.items())
    }


def _after(progress: Progress | None, before: int, whole: int) -> Progress | None:
    """Return what tells the progress of one plan as a part of all."""
    if progress is None:
        return None
    told = progress
    return lambda done, _: told(before + done, whole)


def _listed_trial(plan: TrialPlan) -> Callable[[ByteStream], _Tally]:
    parts = shares(plan.sequences, ratio_of(plan.parameters))
    machine = Machine(plan.method, plan.parameters, plan.sequences)
    draw = _drawing(plan)
    place = {code: at for at, code in enumerate(plan.sequences)}

    def trial(stream: ByteStream) -> _Tally:
        arrivals = [stream.below(plan.strata) for _ in range(plan.participants)]
        lists = [iter(draw(stream, arrivals.count(stratum))) for stratum in range(plan.strata)]
        counts = [[0] * len(parts) for _ in lists]
        states: list[States] = [machine.start for _ in lists]
        totals, tally = [0] * len(parts), _Tally()
        for stratum in arrivals:
            code = place[next(lists[stratum])]
            tally.right += chance_of_guess(counts[stratum], parts, code)
            tally.determined += len(machine.possible(states[stratum])) == 1
            states[stratum] = machine.step(states[stratum], code)
            counts[stratum][code] += 1
            totals[code] += 1
            tally.weigh(totals, parts)
        return tally

    return trial


def _drawing(plan: TrialPlan) -> Callable[[ByteStream, int], list[str]]:
    ratio = ratio_of(plan.parameters)
    if plan.method is Method.PERMUTED_BLOCKS:
        sizes = block_sizes_of(plan.parameters)
        return lambda stream, length: permuted_blocks(stream, plan.sequences, length, sizes, ratio)
    if plan.method is Method.SIMPLE:
        return lambda stream, length: simple(stream, plan.sequences, length, ratio)
    if plan.method is not Method.BIG_STICK or len(set(ratio)) > 1:
        raise ValueError("an uploaded list, and big stick with unequal shares, cannot be simulated")
    tolerance = tolerance_of(plan.parameters)
    return lambda stream, length: big_stick(stream, plan.sequences, length, tolerance)


def _minimized_trial(plan: TrialPlan) -> Callable[[ByteStream], _Tally]:
    scheme = scheme_of(plan.parameters, plan.sequences)
    parts = (1,) * len(plan.sequences)

    def trial(stream: ByteStream) -> _Tally:
        counts = {factor: [[0] * len(parts) for _ in levels] for factor, levels in scheme.factors.items()}
        totals, tally = [0] * len(parts), _Tally()
        for _ in range(plan.participants):
            levels = {factor: stream.below(len(own)) for factor, own in counts.items()}
            choice = choose(scheme, stream, {factor: counts[factor][level] for factor, level in levels.items()})
            if choice.sequence in choice.preferred:
                tally.right += 1 / len(choice.preferred)
            code = plan.sequences.index(choice.sequence)
            for factor, level in levels.items():
                counts[factor][level][code] += 1
            totals[code] += 1
            tally.weigh(totals, parts)
        return tally

    return trial


def chance_of_guess(counts: Sequence[int], parts: Sequence[int], code: int) -> float:
    """Return the chance that the convergence strategy names this code, given the counts before it.

    The guesser names the code furthest behind its share; among those equally far, one with the greatest share; among
    those, any.
    """
    scaled = _scaled(counts, parts)
    behind = min(scaled)
    tied = [at for at, count in enumerate(scaled) if count == behind]
    greatest = max(parts[at] for at in tied)
    named = [at for at in tied if parts[at] == greatest]
    return 1 / len(named) if code in named else 0.0


def _scaled(counts: Sequence[int], parts: Sequence[int]) -> list[int]:
    """Return counts over their shares as whole numbers: times the product of the shares."""
    whole = math.prod(parts)
    return [count * (whole // part) for count, part in zip(counts, parts, strict=True)]
