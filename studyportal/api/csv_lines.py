"""CSV as statisticians read it: ISO moments in UTC, true and false, empty for none, and no formula in a text."""

import csv
import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from studyportal.api.tables import Table

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Echo:
    """A file that hands back each line instead of keeping it."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def lines(table: Table, records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the header, then one line a record."""
    writer = csv.writer(Echo(), lineterminator="\r\n")
    names = [column.name for column in table.columns]
    yield writer.writerow(names)
    for record in records:
        yield writer.writerow([cell(record[name]) for name in names])


def cell(value: object) -> str:
    """Return one cell's text.

    A text that a spreadsheet would run as a formula gets an apostrophe in front; numbers may be negative.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return str(value)
