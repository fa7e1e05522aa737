"""Lists that come from outside, as CSV: read, checked row by row, and refused with what to do about each fault."""

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass

STRATUM, SEQUENCE, NUMBER = "stratum", "sequence", "number"
KNOWN_COLUMNS = (STRATUM, SEQUENCE, NUMBER)
LONGEST_NUMBER = 12
LARGEST_BYTES = 2**20
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where, and what to do. `row` counts as a spreadsheet does: the heading is row 1; 0 is the file."""

    row: int
    sentence: str


@dataclass(frozen=True, slots=True)
class UploadedList:
    """The codes by stratum in the order of the file, and their numbers where the file gives them."""

    codes: dict[str, list[str]]
    numbers: dict[str, list[str]] | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of a file: a list, or the faults that forbid it."""

    uploaded: UploadedList | None
    faults: tuple[Fault, ...]


def read_list(
    content: bytes,
    *,
    sequences: Sequence[str],
    strata: Sequence[str],
    fewest_per_stratum: int = 1,
    taken_numbers: Collection[str] = (),
) -> Reading:
    """Read a CSV file with the columns stratum, sequence and, if the unit numbers its list, number.

    Rows of a stratum are allocated in the order in which they stand; comma or semicolon; UTF-8. A study without strata
    may leave out the column stratum.

    Parameters
    ----------
    sequences, strata
        Codes and keys of the study.
    fewest_per_stratum
        Rows that every stratum must have at least.
    taken_numbers
        Numbers of the study's earlier lists.
    """
    rows, faults = _rows(content)
    if faults:
        return Reading(None, tuple(faults))
    heading = [cell.strip().lower() for cell in rows[0]]
    faults = _heading_faults(heading, strata)
    if faults:
        return Reading(None, tuple(faults))
    filled = [(row, cells) for row, cells in enumerate(rows[1:], start=2) if any(cell.strip() for cell in cells)]
    codes: dict[str, list[str]] = {key: [] for key in strata}
    numbers: dict[str, list[str]] = {key: [] for key in strata}
    seen: dict[str, int] = {}
    for row, cells in filled:
        if len(cells) != len(heading):
            told = f"The row has {len(cells)} cells but the heading has {len(heading)}. Fill or remove cells."
            faults.append(Fault(row, told))
            continue
        values = {name: cell.strip() for name, cell in zip(heading, cells, strict=True)}
        key, code = values.get(STRATUM, strata[0]), values[SEQUENCE]
        found = _value_faults(key, code, sequences, strata)
        if NUMBER in values:
            found += _number_faults(values[NUMBER], seen, taken_numbers)
            seen.setdefault(values[NUMBER], row)
        faults += [Fault(row, sentence) for sentence in found]
        if not found:
            codes[key].append(code)
            numbers[key].append(values.get(NUMBER, ""))
    if not faults:
        faults = _whole_faults(codes, sequences, fewest_per_stratum)
    if faults:
        return Reading(None, tuple(faults))
    return Reading(UploadedList(codes, numbers if NUMBER in heading else None), ())


def _rows(content: bytes) -> tuple[list[list[str]], list[Fault]]:
    if len(content) > LARGEST_BYTES:
        return [], [Fault(0, "The file is larger than 1 MB. A list needs only the columns stratum and sequence.")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [], [Fault(0, "The file is not UTF-8 text. Save it as «CSV UTF-8» and upload that.")]
    if "\0" in text:
        return [], [Fault(0, "The file is no text; it may be a spreadsheet. Save it as «CSV UTF-8» and upload that.")]
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return [], [Fault(0, f"The file is no well-formed CSV ({error}). Save it again from the spreadsheet.")]
    if not rows or not any(cell.strip() for cell in rows[0]):
        return [], [Fault(1, "The first row is empty. It must name the columns: stratum, sequence and perhaps number.")]
    if len(rows) > MOST_ROWS:
        return [], [Fault(0, f"The file has more than {MOST_ROWS} rows. Shorten the list.")]
    return rows, []


def _heading_faults(heading: Sequence[str], strata: Sequence[str]) -> list[Fault]:
    found = []
    needed = [SEQUENCE] if len(strata) == 1 else [STRATUM, SEQUENCE]
    found += [
        Fault(1, f"The column {name} is missing. Add it to the first row.") for name in needed if name not in heading
    ]
    for name in dict.fromkeys(heading):
        if name not in KNOWN_COLUMNS:
            told = f"The column «{name}» is not known. Remove it; the columns are {', '.join(KNOWN_COLUMNS)}."
            found.append(Fault(1, told))
        elif heading.count(name) > 1:
            found.append(Fault(1, f"The column {name} stands twice. Remove one."))
    return found


def _value_faults(key: str, code: str, sequences: Sequence[str], strata: Sequence[str]) -> list[str]:
    found = []
    if key not in strata:
        found.append(f"There is no stratum «{key}» in this study. Use one of {', '.join(strata)}.")
    if code not in sequences:
        found.append(f"There is no sequence «{code}» in this study. Use one of {', '.join(sequences)}.")
    return found


def _number_faults(number: str, seen: dict[str, int], taken: Collection[str]) -> list[str]:
    if not number:
        return ["The number is missing. Give every row one, or remove the column and let the portal draw them."]
    if len(number) > LONGEST_NUMBER or not number.isascii() or not number.replace("-", "").isalnum():
        return [f"The number «{number}» is not usable. Use at most {LONGEST_NUMBER} letters, digits and hyphens."]
    if number in seen:
        return [f"The number {number} is already in row {seen[number]}. Give each row a number of its own."]
    if number in taken:
        return [f"The number {number} was given by an earlier list of this study. Use another."]
    return []


def _whole_faults(codes: dict[str, list[str]], sequences: Sequence[str], fewest: int) -> list[Fault]:
    found = [
        Fault(0, f"Stratum {key} has {len(own)} rows but needs at least {fewest}. Add rows for it.")
        for key, own in codes.items()
        if len(own) < max(1, fewest)
    ]
    together = [code for own in codes.values() for code in own]
    found += [
        Fault(0, f"No row gives sequence {code}. A list must hold every sequence of the study.")
        for code in sequences
        if code not in together
    ]
    return found
