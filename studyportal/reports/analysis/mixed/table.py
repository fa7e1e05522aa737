"""Columns of a table: numbers or text, with gaps; from a CSV file or from values in memory."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studyportal.reports.analysis.mixed.errors import ModelError

Array = NDArray[np.float64]
MISSING = frozenset({"", ".", "NA", "N/A", "NaN", "n/a", "nan", "null", "NULL", "None"})
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LARGEST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    numbers
        Its values with NaN for a gap; None when it holds text.
    texts
        Its values as text, None for a gap.
    """

    name: str
    numbers: Array | None
    texts: tuple[str | None, ...]


Table = Mapping[str, Column]


def number_text(value: float) -> str:
    """Return a number as the name of a level: 1 for 1.0, as R writes it."""
    return f"{value:.15g}"


def from_values(columns: Mapping[str, Sequence[object]]) -> Table:
    """Return the table of values in memory: numbers are numbers, text stays text even where it looks like a number.

    None and NaN are gaps; True and False are text.

    Raises
    ------
    ModelError
        Columns of different lengths.
    """
    if len({len(values) for values in columns.values()}) > 1:
        raise ModelError("The columns of the table have different numbers of rows.")
    return {name: _column(name, values) for name, values in columns.items()}


def _column(name: str, values: Sequence[object]) -> Column:
    cells = [None if value is None or value != value else value for value in values]  # noqa: PLR0124 - NaN only
    known = [value for value in cells if value is not None]
    if known and all(isinstance(value, (int, float, np.integer, np.floating)) for value in known) and not any(
        isinstance(value, (bool, np.bool_)) for value in known
    ):  # fmt: skip
        numbers = np.array([np.nan if value is None else value for value in cells], float)
        return _numeric(name, numbers)
    return Column(name, None, tuple(None if value is None else _text(value) for value in cells))


def _text(value: object) -> str:
    return str(value).upper() if isinstance(value, (bool, np.bool_)) else str(value)


def _numeric(name: str, numbers: Array) -> Column:
    if np.isinf(numbers).any():
        msg = f"The column “{name}” holds an infinite value: leave the cell empty or correct it."
        raise ModelError(msg)
    return Column(name, numbers, tuple(None if np.isnan(one) else number_text(one) for one in numbers))


def read_csv(path: str | Path) -> Table:
    """Return the columns of a CSV file with a heading: a column whose every value is a number is numeric.

    Comma, semicolon or tab between cells, told from the heading; with semicolons a decimal comma is understood. Spaces
    around a cell do not count. Gaps are empty cells and NA, N/A, NaN, null, None or a lone point.

    Raises
    ------
    ModelError
        The file cannot be read as a table; the sentence says where.
    """
    try:
        path = Path(path)
        if path.stat().st_size > LARGEST_BYTES:
            msg = f"“{path.name}” is larger than 200 MB: take out the columns that the model does not need."
            raise ModelError(msg)
        raw = path.read_bytes()
    except OSError as error:
        msg = f"“{path}” cannot be opened: {(error.strerror or 'no reason given').lower()}."
        raise ModelError(msg) from None
    return parse_csv(raw)


def parse_csv(raw: bytes) -> Table:
    """Return the columns of the bytes of a CSV file; see `read_csv`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    if "\0" in text:
        raise ModelError("The file is no text: save the table as CSV in UTF-8.")
    lines = text.splitlines()
    heading = next((line for line in lines if line.strip()), "")
    separator = max(",;\t", key=heading.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [row for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        msg = f"The file cannot be read as CSV: {error}."
        raise ModelError(msg) from None
    if len(rows) < 2:
        raise ModelError("The file holds no table: it needs a line of column names and a line for each row.")
    names = [name.strip() for name in rows[0]]
    if all(len(row) == len(names) + 1 for row in rows[1:]):
        # R writes the names of rows without a heading.
        names.insert(0, "")
    for name in names:
        if name and names.count(name) > 1:
            msg = f"Two columns are named “{name}”: give each its own name."
            raise ModelError(msg)
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            msg = f"Row {number} has {len(row)} cells, the heading {len(names)}: mend the row, or put text into quotes."
            raise ModelError(msg)
    by_column = zip(*rows[1:], strict=True)
    return {
        name: _parsed(name, cells, comma=separator == ";") for name, cells in zip(names, by_column, strict=True) if name
    }


def _parsed(name: str, cells: Sequence[str], *, comma: bool) -> Column:
    texts = [None if (cell := raw.strip()) in MISSING else cell for raw in cells]
    numbers = [text.replace(",", ".") if comma and text else text for text in texts]
    if any(numbers) and all(one is None or NUMBER.fullmatch(one) for one in numbers):
        return _numeric(name, np.array([np.nan if one is None else float(one) for one in numbers]))
    return Column(name, None, tuple(texts))
