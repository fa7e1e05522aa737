"""Minimization (Pocock and Simon 1975, Biometrics 31:103): each newcomer balances the factors, by a biased coin.

No list can be made in advance, since each draw depends on who came before. The draw itself comes from the seed, one
substream for each newcomer, so that the whole course can be derived again from the seed and the newcomers in order.
It is never deterministic: a newcomer may get any sequence, whatever the balance.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

from sessions.randomization.generators import Generator, substream
from sessions.randomization.streams import ByteStream

LEAST_PROBABILITY, GREATEST_PROBABILITY = Fraction(7, 10), Fraction(9, 10)
TIE = 1e-9
"""Imbalances closer than this are equal; sums of square roots differ by rounding only."""

Levels = Mapping[str, str]
"""A person's level of each factor, such as {"site": "01", "sex": "F"}."""


class Measure(StrEnum):
    """How the spread of the counts over the sequences is measured for one level of one factor."""

    RANGE = "range"
    VARIANCE = "variance"
    SD = "sd"

    def of(self, counts: Sequence[int]) -> float:
        """Return the spread; variance and SD are those of the counts as a whole population."""
        if self is Measure.RANGE:
            return float(max(counts) - min(counts))
        k = len(counts)
        variance = (k * sum(count * count for count in counts) - sum(counts) ** 2) / k**2
        return variance if self is Measure.VARIANCE else math.sqrt(variance)


@dataclass(frozen=True, slots=True)
class MinimizationScheme:
    """The settings.

    Attributes
    ----------
    factors
        Levels of each factor.
    weights
        Weight of each factor, 1 where none is named.
    probability
        Of the sequence that gives least imbalance, when one does: 0.7 to 0.9.

    Raises
    ------
    ValueError
        A setting is impossible; the message says which.
    """

    sequences: tuple[str, ...]
    factors: Mapping[str, tuple[str, ...]]
    weights: Mapping[str, int] = field(default_factory=dict)
    measure: Measure = Measure.RANGE
    probability: Fraction = Fraction(8, 10)

    def __post_init__(self) -> None:
        if len(set(self.sequences)) < 2 or len(set(self.sequences)) != len(self.sequences):
            raise ValueError("minimization needs two different sequences or more")
        if not self.factors or any(len(set(levels)) < 2 for levels in self.factors.values()):
            raise ValueError("minimization needs a factor, and two levels or more of each")
        unknown = sorted(set(self.weights) - set(self.factors))
        if unknown:
            msg = f"a weight is given for {', '.join(unknown)}, which is no factor"
            raise ValueError(msg)
        if any(weight < 1 for weight in self.weights.values()):
            raise ValueError("a factor's weight must be a positive whole number")
        if not LEAST_PROBABILITY <= self.probability <= GREATEST_PROBABILITY:
            raise ValueError("the biased coin's probability must be from 0.7 to 0.9")


def scheme_of(parameters: Mapping[str, Any], sequences: Sequence[str]) -> MinimizationScheme:
    """Return the scheme that a list's stored settings describe: factors, weights, measure, probability (as text).

    Raises
    ------
    ValueError
        A setting is missing or impossible; the message says which.
    """
    try:
        return MinimizationScheme(
            sequences=tuple(sequences),
            factors={factor: tuple(levels) for factor, levels in parameters["factors"].items()},
            weights=dict(parameters.get("weights", {})),
            measure=Measure(parameters.get("measure", Measure.RANGE)),
            probability=Fraction(str(parameters.get("probability", "0.8"))),
        )
    except (AttributeError, KeyError, TypeError):
        msg = "minimization needs its factors, each with a list of levels, and whole numbers as weights"
        raise ValueError(msg) from None


@dataclass(frozen=True, slots=True)
class Choice:
    """One draw and what led to it.

    Attributes
    ----------
    imbalances
        Total weighted imbalance that each sequence would give.
    preferred
        The sequences that give the least.
    probabilities
        With which each sequence was drawn.
    """

    sequence: str
    imbalances: Mapping[str, float]
    preferred: tuple[str, ...]
    probabilities: Mapping[str, Fraction]


Counts = Mapping[str, Sequence[int]]
"""For each factor, at the newcomer's level: how many got each sequence."""


def imbalances(scheme: MinimizationScheme, counts: Counts) -> dict[str, float]:
    """Return the total imbalance over the newcomer's levels that giving each sequence would leave."""
    found = {}
    for place, sequence in enumerate(scheme.sequences):
        after = {
            factor: [count + (at == place) for at, count in enumerate(counts[factor])] for factor in scheme.factors
        }
        found[sequence] = math.fsum(
            scheme.weights.get(factor, 1) * scheme.measure.of(own) for factor, own in after.items()
        )
    return found


def counts_for(scheme: MinimizationScheme, previous: Sequence[tuple[Levels, str]], newcomer: Levels) -> Counts:
    """Return how many of those at the newcomer's levels got each sequence.

    Raises
    ------
    ValueError
        The newcomer lacks a factor or has a level that the scheme does not know.
    """
    for factor, levels in scheme.factors.items():
        if newcomer.get(factor) not in levels:
            msg = f"the newcomer's {factor} must be one of {', '.join(levels)}"
            raise ValueError(msg)
    return {
        factor: [
            sum(given == sequence and levels[factor] == newcomer[factor] for levels, given in previous)
            for sequence in scheme.sequences
        ]
        for factor in scheme.factors
    }


def probabilities(scheme: MinimizationScheme, totals: Mapping[str, float]) -> dict[str, Fraction]:
    """Return the biased coin: odds of probability to (1 - probability) / (k - 1) for preferred against other ones.

    With one preferred sequence that is its probability; with ties the preferred share it and stay ahead of every
    other; when all tie, the draw is even.
    """
    least = min(totals.values())
    other = (1 - scheme.probability) / (len(totals) - 1)
    odds = {code: scheme.probability if total - least < TIE else other for code, total in totals.items()}
    whole = sum(odds.values())
    return {code: share / whole for code, share in odds.items()}


def minimize(
    scheme: MinimizationScheme, stream: ByteStream, previous: Sequence[tuple[Levels, str]], newcomer: Levels
) -> Choice:
    """Draw a newcomer's sequence.

    Parameters
    ----------
    previous
        Levels and sequence of everybody who was randomized before, in any order.

    Raises
    ------
    ValueError
        As for `counts_for`.
    """
    return choose(scheme, stream, counts_for(scheme, previous, newcomer))


def choose(scheme: MinimizationScheme, stream: ByteStream, counts: Counts) -> Choice:
    """Draw a sequence, given how many of those at the newcomer's levels got each."""
    totals = imbalances(scheme, counts)
    chances = probabilities(scheme, totals)
    whole = math.lcm(*(chance.denominator for chance in chances.values()))
    place = stream.below(whole)
    ends = itertools.accumulate(int(chance * whole) for chance in chances.values())
    sequence = next(code for code, end in zip(chances, ends, strict=True) if place < end)
    least = min(totals.values())
    preferred = tuple(code for code, total in totals.items() if total - least < TIE)
    return Choice(sequence, totals, preferred, chances)


def newcomer_stream(seed: bytes, ordinal: int, generator: Generator = Generator.HMAC_DRBG) -> ByteStream:
    """Return the substream of the newcomer who is randomized as number `ordinal`, from 1 on."""
    return substream(generator, seed, f"minimization:{ordinal}")


def replay(
    scheme: MinimizationScheme, seed: bytes, newcomers: Sequence[Levels], generator: Generator = Generator.HMAC_DRBG
) -> list[Choice]:
    """Derive the whole course again from the seed and the newcomers in the order of their randomization.

    Raises
    ------
    ValueError
        As for `counts_for`.
    """
    previous: list[tuple[Levels, str]] = []
    choices = []
    for ordinal, newcomer in enumerate(newcomers, start=1):
        choice = minimize(scheme, newcomer_stream(seed, ordinal, generator), previous, newcomer)
        previous.append((newcomer, choice.sequence))
        choices.append(choice)
    return choices
