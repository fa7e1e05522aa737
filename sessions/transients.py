"""What the page of a scan's transients says: which were left out, how far they moved, what was done to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions import mrsinmrs


@dataclass(frozen=True, slots=True)
class Transient:
    """One transient's line: its number, what was taken off it, how wide its lines are, and why it was left out."""

    number: int
    shift_hz: float
    phase_deg: float | None
    width_change_hz: float | None
    is_kept: bool
    reason: str


def transient_words(transients: Mapping[str, Any]) -> str:
    """Say in a sentence how steady the transients were."""
    shifts, rejected = transients.get("shift_hz", []), transients.get("rejected", [])
    if len(shifts) < 2:
        return "The file holds one average: the scanner combined the transients, so that their drift is not on record."
    left_out = f"{len(rejected)} of {len(shifts)} transients were left out" if rejected else "No transient was left out"
    return f"{left_out}; the frequency moved over {max(shifts) - min(shifts):.1f} Hz before alignment."


def transient_rows(transients: Mapping[str, Any]) -> list[Transient]:
    """Return every transient in the order of measurement; none where the file holds one average."""
    shifts, phases = transients.get("shift_hz", []), transients.get("phase_deg", [])
    widths, reasons = transients.get("width_change_hz", []), transients.get("reasons", {})
    left_out = set(transients.get("rejected", ()))
    return [
        Transient(
            index + 1, shift, _at(phases, index), _at(widths, index), is_kept=index not in left_out,
            reason=str(reasons.get(str(index), "")),
        )
        for index, shift in enumerate(shifts)
    ]  # fmt: skip


def _at(values: Sequence[float], index: int) -> float | None:
    return values[index] if index < len(values) else None


def step_words(document: Mapping[str, Any]) -> list[str]:
    """Return the processing record as sentences."""
    return [f"{words[:1].upper()}{words[1:]}." for words in mrsinmrs.step_words(document.get("preprocessing", ()))]
