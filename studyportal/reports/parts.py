"""A long table in parts of one run each, read only as far as somebody asks for it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

Row = TypeVar("Row")
Twin = TypeVar("Twin")
RUNS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Part:
    """What the rows of one run share, and how many they are."""

    participant: str
    site: str
    period: int | None
    spectrum_id: UUID
    run_ordinal: int
    quantification_id: UUID
    count: int


@dataclass(frozen=True, slots=True)
class Parts(Generic[Row]):
    """The parts of a table, and what reads the rows of some of them in a fixed number of queries."""

    parts: Sequence[Part]
    load: Callable[[Sequence[Part]], list[Row]]

    def rows(self) -> list[Row]:
        """Return every row."""
        return self.load(self.parts)

    def chunks(self) -> Iterator[list[Row]]:
        """Yield the rows of a few runs at a time, in the order of the parts: memory does not grow with the table."""
        for first in range(0, len(self.parts), RUNS_AT_ONCE):
            yield self.load(self.parts[first : first + RUNS_AT_ONCE])


def frames_of(runs: Sequence[dict[str, Any]], counts: dict[Any, int], *, is_masked: bool) -> list[Part]:  # Any: columns
    """Return a part for each run that has rows; `counts` are by the run's result."""
    return [
        Part(
            participant=run["participant"], site=run["site"], period=None if is_masked else run["period"],
            spectrum_id=run["spectrum_id"], run_ordinal=run["ordinal"], quantification_id=run["pk"],
            count=counts[run["result_pk"]],
        )
        for run in runs
        if counts.get(run["result_pk"])
    ]  # fmt: skip
