"""Which transients belong together, and when: windows, blocks, a BIDS schedule of events, the session's dose clock.

Times are seconds (events, as BIDS has them) or minutes (the dose clock) from the start of the first transient.
"""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.errors import MrsError
from sessions.mrs.spectrum import Spectrum

Real = NDArray[np.floating[Any]]

LARGEST_TEXT_BYTES = 1024**2
MOST_ROWS = 5000
LONGEST_NAME = 60
SECONDS_PER_MINUTE = 60.0
FORMS = (
    "A blocks file is a table (tab or comma) with the columns first and last (transients, counted from 0), onset and "
    "duration (seconds), or start and end (minutes), or a JSON list of lists of transients."
)


@dataclass(frozen=True)
class Part:
    """Transients that are averaged and fitted together."""

    members: tuple[int, ...]
    name: str = ""


@dataclass(frozen=True)
class Event:
    """One row of a schedule."""

    onset_s: float
    duration_s: float
    kind: str


@dataclass(frozen=True)
class Clock:
    """When transients began.

    Parameters
    ----------
    starts_s
        Start of each transient; None when neither the header nor the caller says how long one takes.
    length_s
        How long a transient takes.
    dose_minutes
        Start and end of the dose; None without one.
    """

    starts_s: Real | None
    length_s: float
    dose_minutes: tuple[float, float] | None = None

    def minutes(self, members: Sequence[int]) -> tuple[float, float] | None:
        """Return when the first of some transients began and the last ended."""
        if self.starts_s is None:
            return None
        return (
            float(self.starts_s[min(members)]) / SECONDS_PER_MINUTE,
            float(self.starts_s[max(members)] + self.length_s) / SECONDS_PER_MINUTE,
        )


def make_clock(spectrum: Spectrum, repetition_s: float | None, dose_minutes: tuple[float, float] | None) -> Clock:
    """Make the clock of an acquisition.

    Parameters
    ----------
    repetition_s
        Time from one stored transient to the next; without, the header's repetition time.
    dose_minutes
        Start and end of the dose.

    Raises
    ------
    MrsError
        `clock-missing`: a dose was given and the times of the transients are unknown.
    """
    length = repetition_s or float(spectrum.header.get("RepetitionTime") or 0.0)
    if dose_minutes is not None and not length:
        raise MrsError(
            "clock-missing",
            "The file does not say how long a transient takes, so that the dose cannot be placed: give --tr SECONDS.",
        )
    if not length:
        return Clock(None, 0.0, dose_minutes)
    marked = spectrum.header.get("BlockStartMinutes", {}).get("Value", [])
    first = float(marked[0]) * SECONDS_PER_MINUTE if marked and repetition_s is None else 0.0
    return Clock(first + np.arange(spectrum.transients) * length, length, dose_minutes)


def windows(count: int, length: int, step: int) -> list[Part]:
    """Return sliding windows of so many transients."""
    return [Part(tuple(range(first, first + length))) for first in range(0, count - length + 1, step)]


def read_events(path: Path) -> list[Event]:
    """Read a BIDS events file (`onset` and `duration` in seconds, `trial_type` where there are several kinds).

    Raises
    ------
    MrsError
        `events-invalid`: what is wrong, and in which row.
    """
    rows = _table(_text(path, "events-invalid"))
    if not rows or not {"onset", "duration"} <= set(rows[0]):
        raise MrsError(
            "events-invalid", "An events file is a table with a first line that names the columns onset and duration."
        )
    events = []
    for number, row in enumerate(rows, start=2):
        onset, duration = _number(row["onset"]), _number(row["duration"] or "0")
        if row["duration"] == "n/a":
            duration = 0.0
        if onset is None or duration is None or duration < 0:
            raise MrsError("events-invalid", f"Line {number} of the events file has no valid onset and duration.")
        events.append(Event(onset, duration, _name(row.get("trial_type", "")) or "event"))
    return events


def parts_of_events(events: Sequence[Event], clock: Clock) -> list[Part]:
    """Return the transients within each event: those whose middle lies in it, else those that a short one falls in.

    Raises
    ------
    MrsError
        `clock-missing`: the times of the transients are unknown; `events-invalid`: no event holds a transient.
    """
    if clock.starts_s is None:
        raise MrsError(
            "clock-missing", "The file does not say how long a transient takes: give --tr SECONDS with the events."
        )
    middle = clock.starts_s + clock.length_s / 2
    parts = []
    for event in events:
        inside = np.flatnonzero((middle >= event.onset_s) & (middle < event.onset_s + event.duration_s))
        if not len(inside):
            end = event.onset_s + max(event.duration_s, 1e-6)
            inside = np.flatnonzero((clock.starts_s < end) & (clock.starts_s + clock.length_s > event.onset_s))
        if len(inside):
            parts.append(Part(tuple(int(index) for index in inside), event.kind))
    if not parts:
        raise MrsError(
            "events-invalid",
            "No event holds a transient: check that onsets are in seconds from the start of the first transient.",
        )
    return parts


def read_blocks(path: Path, count: int, clock: Clock) -> list[Part]:
    """Read which transients make up each block.

    Raises
    ------
    MrsError
        `blocks-invalid`: what is wrong, and in which row.
    """
    text = _text(path, "blocks-invalid")
    if text.lstrip().startswith(("[", "{")):
        return [_checked(part, count) for part in _from_json(text)]
    rows = _table(text)
    if not rows:
        raise MrsError("blocks-invalid", FORMS)
    parts = []
    for number, row in enumerate(rows, start=2):
        name = _name(row.get("name", "") or row.get("trial_type", ""))
        parts.append(_checked(Part(_members(row, number, count, clock), name), count, number))
    return parts


def _members(row: dict[str, str], number: int, count: int, clock: Clock) -> tuple[int, ...]:
    """Return the transients of one row, in whichever of the three ways its columns say it."""
    for start, end, unit in (("first", "last", 0.0), ("onset", "duration", 1.0), ("start", "end", SECONDS_PER_MINUTE)):
        if {start, end} <= set(row):
            low, high = _number(row[start]), _number(row[end])
            if low is None or high is None:
                raise MrsError("blocks-invalid", f"Line {number} of the blocks file holds no number where one belongs.")
            if not unit:
                if low != int(low) or high != int(high):
                    raise MrsError("blocks-invalid", f"Line {number} of the blocks file must count whole transients.")
                return tuple(range(int(low), min(int(high), count) + 1))
            if clock.starts_s is None:
                raise MrsError(
                    "clock-missing", "The file does not say how long a transient takes: give --tr SECONDS with times."
                )
            middle = clock.starts_s + clock.length_s / 2
            last = (low + high if start == "onset" else high) * unit
            return tuple(int(index) for index in np.flatnonzero((middle >= low * unit) & (middle < last)))
    raise MrsError("blocks-invalid", FORMS)


def _from_json(text: str) -> list[Part]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise MrsError("blocks-invalid", FORMS) from None
    if isinstance(given, dict):
        given = [{"name": name, "transients": members} for name, members in given.items()]
    parts = []
    for one in given:
        members = one.get("transients") if isinstance(one, dict) else one
        if not isinstance(members, list) or not all(type(member) is int for member in members):
            raise MrsError("blocks-invalid", FORMS)
        parts.append(Part(tuple(members), _name(str(one.get("name", ""))) if isinstance(one, dict) else ""))
    if not 1 <= len(parts) <= MOST_ROWS:
        raise MrsError("blocks-invalid", FORMS)
    return parts


def _checked(part: Part, count: int, number: int | None = None) -> Part:
    where = f"Line {number} of the blocks file" if number else "A block of the blocks file"
    if not part.members:
        raise MrsError("blocks-invalid", f"{where} holds no transient of this file, which has {count}.")
    if min(part.members) < 0 or max(part.members) >= count:
        raise MrsError(
            "blocks-invalid", f"{where} names a transient that the file does not have: they are 0 to {count - 1}."
        )
    if len(set(part.members)) != len(part.members):
        raise MrsError("blocks-invalid", f"{where} names a transient twice.")
    return part


def _text(path: Path, code: str) -> str:
    if not path.is_file():
        raise MrsError(code, f"The file {path.name} was not found.")
    if path.stat().st_size > LARGEST_TEXT_BYTES:
        raise MrsError(code, f"The file {path.name} is larger than 1 MB: this is no schedule.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise MrsError(code, f"The file {path.name} is not text.") from None


def _table(text: str) -> list[dict[str, str]]:
    """Return the rows of a table with a head, tabs or commas between the columns."""
    first, _, _ = text.partition("\n")
    rows = csv.reader(io.StringIO(text), delimiter="\t" if "\t" in first else ",")
    lines = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if len(lines) < 2 or len(lines) > MOST_ROWS:
        return []
    head = [cell.lower() for cell in lines[0]]
    return [dict(zip(head, line + [""] * (len(head) - len(line)), strict=False)) for line in lines[1:]]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _name(text: str) -> str:
    """Return a name of a condition: printable, and not longer than a heading."""
    return "".join(letter for letter in text if letter.isprintable())[:LONGEST_NAME].strip()
