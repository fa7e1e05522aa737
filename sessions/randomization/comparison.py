"""How methods compare for the person who chooses one: the share of right guesses over a stratum's allocations."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from sessions.randomization.guessing import big_stick_guess_probability, random_blocks_guess_probability
from sessions.randomization.methods import Method, block_sizes_of, ratio_of, tolerance_of


@dataclass(frozen=True, slots=True)
class Scheme:
    """A method with its settings, in words, and how often its next sequence is guessed (0.5 is chance)."""

    words: str
    guess_probability: float

    @property
    def percent(self) -> float:
        """The share of right guesses in per cent."""
        return 100 * self.guess_probability


USUAL: tuple[tuple[Method, Mapping[str, object]], ...] = (
    (Method.BIG_STICK, {"tolerance": 4}),
    (Method.BIG_STICK, {"tolerance": 3}),
    (Method.BIG_STICK, {"tolerance": 2}),
    (Method.PERMUTED_BLOCKS, {"block_sizes": [4, 6]}),
    (Method.PERMUTED_BLOCKS, {"block_sizes": [6]}),
    (Method.PERMUTED_BLOCKS, {"block_sizes": [4]}),
    (Method.PERMUTED_BLOCKS, {"block_sizes": [2, 4]}),
    (Method.PERMUTED_BLOCKS, {"block_sizes": [2]}),
)
"""What the page compares."""


def scheme(method: Method, parameters: Mapping[str, object], allocations: int) -> Scheme:
    """Return a method for two sequences with its share of right guesses over the first allocations of a stratum.

    Raises
    ------
    ValueError
        The settings are impossible, a block is not even, or the method has no exact share (an uploaded list,
        minimization, unequal shares): `simulation` estimates those.
    """
    if not method.is_drawn_from_seed or len(set(ratio_of(parameters))) > 1:
        raise ValueError("this scheme has no exact share of right guesses; simulate it")
    if method is Method.BIG_STICK:
        share = big_stick_guess_probability(tolerance_of(parameters), allocations)
    elif method is Method.SIMPLE:
        share = 0.5
    else:
        share = random_blocks_guess_probability(block_sizes_of(parameters), allocations)
    return Scheme(in_words(method, parameters), share)


def in_words(method: Method, parameters: Mapping[str, object]) -> str:
    """Return a method with its settings as the page says it.

    Raises
    ------
    ValueError
        Permuted blocks without sizes.
    """
    if method is Method.BIG_STICK:
        return f"Big stick, imbalance at most {tolerance_of(parameters)}"
    if method is Method.MINIMIZATION:
        coin = (
            f", biased coin {float(Fraction(str(parameters['probability']))):g}" if "probability" in parameters else ""
        )
        return f"Minimization{coin}"
    if method is Method.UPLOADED_LIST:
        return "Uploaded list"
    ratio = ratio_of(parameters)
    shares = f", {':'.join(map(str, ratio))}" if len(set(ratio)) > 1 else ""
    if method is Method.SIMPLE:
        return f"Simple{shares}"
    sizes = [str(size) for size in block_sizes_of(parameters)]
    if len(sizes) == 1:
        return f"Blocks of {sizes[0]}{shares}"
    return f"Blocks of {', '.join(sizes[:-1])} or {sizes[-1]} at random{shares}"


def compare(allocations: int) -> list[Scheme]:
    """Return the usual schemes, the hardest to guess first.

    Raises
    ------
    ValueError
        There is no allocation.
    """
    found = [scheme(method, parameters, allocations) for method, parameters in USUAL]
    return sorted(found, key=lambda one: one.guess_probability)
