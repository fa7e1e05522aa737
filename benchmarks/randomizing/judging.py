"""Compares what was told with what is written."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.randomizing.drivers import Said


@dataclass(frozen=True, slots=True)
class Result:
    """What happened; duplicates, losses, gaps, inversions and errors must all be zero."""

    participants: int
    requests: int
    duplicates: int
    losses: int
    gaps: int
    inversions: int
    errors: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.duplicates or self.losses or self.gaps or self.inversions or self.errors)


def judged(
    people: Sequence[uuid.UUID],
    said: Said,
    allocations: Sequence[tuple[Any, ...]],
    whole: set[uuid.UUID],
    seconds: float,
) -> Result:
    """Judge a race.

    Duplicates: a participant told two numbers, or a number told to two. Losses: a participant whose number is not
    written as it was told, or who is not in `whole`: whose other rows are not there as often as they must be. Gaps and
    inversions: places of a stratum left out, or taken in another order than written.

    Args:
        people: everybody.
        said: what came back.
        allocations: stratum, place, number, participant, moment and key, as written, by stratum and place.
        whole: participants with all that a randomization writes.
        seconds: how long it took.
    """
    told: dict[uuid.UUID, set[str | None]] = {}
    for participant, number, *_ in said.answers:
        told.setdefault(participant, set()).add(number)
    holders = Counter(number for numbers in told.values() for number in numbers)
    written = {participant: number for _, _, number, participant, *_ in allocations}
    gaps = inversions = 0
    for stratum in {row[0] for row in allocations}:
        own = [(ordinal, at) for key, ordinal, _, _, at, _ in allocations if key == stratum]
        gaps += sum(ordinal != place for place, (ordinal, _) in enumerate(own, start=1))
        inversions += sum(own[i][1] >= own[i + 1][1] for i in range(len(own) - 1))
    times = [ms for *_, ms, _ in said.answers]
    return Result(
        participants=len(people),
        requests=2 * len(people),
        duplicates=sum(len(numbers) > 1 for numbers in told.values()) + sum(n > 1 for n in holders.values()),
        losses=sum(key not in written or key not in whole or told.get(key) != {written[key]} for key in people),
        gaps=gaps,
        inversions=inversions,
        errors=len(said.errors),
        requests_per_second=round(len(said.answers) / seconds, 1),
        p50_ms=quantile(times, 50),
        p99_ms=quantile(times, 99),
    )


def allocating(said: Said, allocations: Sequence[tuple[Any, ...]]) -> tuple[float, float]:
    """Return the median and the 99 % quantile, in ms, of the requests that took a number."""
    keys = {row[5] for row in allocations}
    longest: dict[uuid.UUID, float] = {}
    for _, _, ms, key in said.answers:
        if key in keys:  # a repeat with the same key is the shorter one
            longest[key] = max(longest.get(key, 0.0), ms)
    return quantile(list(longest.values()), 50), quantile(list(longest.values()), 99)


def quantile(times: list[float], percent: int) -> float:
    """Return a quantile, in the unit of the times; 0 of nothing."""
    held = sorted(times) or [0.0]
    return round(held[min(len(held) - 1, len(held) * percent // 100)], 2)
