"""An answer to one item, and how changes make it: pure, the same rule for saving, for conflicts and for the history.

A score and the reason for its absence exclude each other, so they are one part of an answer; the note is the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

FIELDS = ("value", "missing_reason", "note")
PART = {"value": "answer", "missing_reason": "answer", "note": "note"}

REASONS = {
    "declined": "Participant declined",
    "stopped": "Interview stopped early",
    "not_observed": "Could not be observed (no video)",
    "other": "Other, explained in the note",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What stands beside an item: a score, or a reason why there is none, and a note."""

    value: int | None = None
    missing_reason: str = ""
    note: str = ""

    def changed(self, field: str, said: str) -> "Answer":
        """Return the answer after one change; an empty `said` clears the field."""
        if field == "note":
            return replace(self, note=said)
        if field == "value":
            return replace(self, value=int(said) if said else None, missing_reason="" if said else self.missing_reason)
        return replace(self, missing_reason=said, value=None if said else self.value)

    def part(self, name: str) -> tuple[int | None, str]:
        """Return the part called `name`, for comparison."""
        return (None, self.note) if name == "note" else (self.value, self.missing_reason)

    @property
    def reason_words(self) -> str:
        """Why there is no score, as a person reads it; empty where there is one."""
        return REASONS.get(self.missing_reason, "")

    def words(self, name: str) -> str:
        """Return the part called `name` as a person reads it."""
        if name == "note":
            return self.note or "no note"
        if self.value is not None:
            return str(self.value)
        return f"not assessed: {REASONS[self.missing_reason]}" if self.missing_reason else "no score"


BLANK = Answer()


def replay(steps: Iterable[tuple[int, str, str]]) -> dict[int, Answer]:
    """Return the answers that (item, field, value) changes make, in their order."""
    answers: dict[int, Answer] = {}
    for item, field, said in steps:
        answers[item] = answers.get(item, BLANK).changed(field, said)
    return answers
