"""What the vault's half hands to the blinded half: each session's observations, without the sequence behind them."""

from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Outcome:
    """One session's observations."""

    period: int
    madrs_before: tuple[int, ...]
    madrs_after: tuple[int, ...]
    adverse_events: tuple[str, ...]
    glx: tuple[float, ...]

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Read it back."""
        return cls(
            period=int(document["period"]),
            madrs_before=tuple(document["madrs_before"]),
            madrs_after=tuple(document["madrs_after"]),
            adverse_events=tuple(document["adverse_events"]),
            glx=tuple(document["glx"]),
        )
