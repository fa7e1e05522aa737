"""A comparison of schemes in slices: each goes on where the last stopped, so that no request takes long.

The state is plain JSON. Whatever the slices were, the result is the same: every slice of a scheme draws its own trials
from the comparison's seed and its place.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sessions.randomization.comparison import USUAL, in_words
from sessions.randomization.methods import Method
from sessions.randomization.minimization import Measure
from sessions.randomization.simulation import Simulated, TrialPlan, compare_schemes

SLICE_RUNS = 25


@dataclass(frozen=True, slots=True)
class Compared:
    """A scheme of the comparison with what came of its simulated trials."""

    words: str
    method: Method
    parameters: Mapping[str, Any]
    result: Simulated

    @property
    def guessed_percent(self) -> float:
        """Right guesses in per cent."""
        return 100 * self.result.correct_guesses

    @property
    def error_percent(self) -> float:
        """Standard error of the right guesses in per cent."""
        return 100 * self.result.correct_guesses_error

    @property
    def determined_percent(self) -> float:
        """Certain slots in per cent."""
        return 100 * self.result.determined


@dataclass(slots=True)
class Comparison:
    """A comparison under way.

    Attributes
    ----------
    schemes
        Method and parameters of each scheme.
    runs
        Simulated trials of each scheme, a multiple of `SLICE_RUNS`.
    parts
        For each scheme, the results of its slices so far.
    """

    sequences: tuple[str, ...]
    participants: int
    strata: int
    runs: int
    seed: str
    schemes: list[tuple[str, dict[str, Any]]]
    parts: list[list[dict[str, float]]] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many trials are simulated, over all schemes."""
        return sum(int(part["runs"]) for own in self.parts for part in own)

    @property
    def whole(self) -> int:
        """How many trials are to be simulated, over all schemes."""
        return self.runs * len(self.schemes)

    @property
    def has_ended(self) -> bool:
        """Whether every trial is simulated."""
        return self.done >= self.whole

    def advance(self) -> None:
        """Simulate one slice of the scheme that is furthest behind.

        Raises
        ------
        ValueError
            A scheme is impossible; the message says why.
        """
        if self.has_ended:
            return
        self.parts = self.parts or [[] for _ in self.schemes]
        place = min(range(len(self.schemes)), key=lambda at: len(self.parts[at]))
        method, parameters = self.schemes[place]
        is_minimized = method == Method.MINIMIZATION
        plan = TrialPlan(
            Method(method), parameters, tuple(self.sequences), self.participants, 1 if is_minimized else self.strata
        )  # fmt: skip
        seed = hashlib.sha256(f"{self.seed}|{place}|{len(self.parts[place])}".encode()).digest()
        made = compare_schemes({"": plan}, runs=SLICE_RUNS, seed=seed)[""]
        self.parts[place].append(asdict(made))

    def compared(self) -> list[Compared]:
        """Return the schemes that have a result, the hardest to guess first."""
        found = [
            Compared(in_words(Method(method), parameters), Method(method), parameters, pooled(own))
            for (method, parameters), own in zip(self.schemes, self.parts, strict=False)
            if own
        ]
        return sorted(found, key=lambda one: one.result.correct_guesses)


def pooled(parts: Sequence[Mapping[str, float]]) -> Simulated:
    """Return the result of all slices together, as if they had been one simulation."""
    runs = int(sum(part["runs"] for part in parts))

    def mean(name: str) -> float:
        return math.fsum(part["runs"] * part[name] for part in parts) / runs

    share = mean("correct_guesses")
    # Sum of squares about the common mean: within the slices, and between them.
    squares = math.fsum(
        (part["runs"] - 1) * part["runs"] * part["correct_guesses_error"] ** 2
        + part["runs"] * (part["correct_guesses"] - share) ** 2
        for part in parts
    )
    return Simulated(
        runs=runs,
        correct_guesses=share,
        correct_guesses_error=math.sqrt(squares / (runs - 1) / runs),
        final_imbalance=mean("final_imbalance"),
        largest_imbalance=mean("largest_imbalance"),
        worst_imbalance=max(part["worst_imbalance"] for part in parts),
        determined=mean("determined"),
    )


def usual_schemes(k: int, factors: Mapping[str, Sequence[str]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the schemes that are compared for k sequences: the usual ones, scaled to k, simple and minimization."""
    found: list[tuple[str, dict[str, Any]]] = [(Method.SIMPLE.value, {})]
    for method, parameters in USUAL:
        sizes = parameters.get("block_sizes")
        scaled = {"block_sizes": [size // 2 * k for size in sizes]} if isinstance(sizes, list) else dict(parameters)
        found.append((method.value, scaled))
    usable = {factor: list(levels) for factor, levels in factors.items() if len(levels) > 1}
    if usable:
        minimization = {
            "factors": usable, "weights": dict.fromkeys(usable, 1), "measure": Measure.RANGE.value,
            "probability": "0.8",
        }  # fmt: skip
        found.append((Method.MINIMIZATION.value, minimization))
    return found
