"""The opened allocations as a table: one row a participant, one column a period."""

from collections.abc import Sequence

from sessions.allocation.planned import OpenedRow
from studyportal.reports.figures import Table


def opened_table(rows: Sequence[OpenedRow]) -> Table:
    """Return the table of page and file."""
    periods = max((len(row.treatments) for row in rows), default=0)
    return Table(
        ("participant", "site", "randomization_number", "sequence", *(f"period_{n}" for n in range(1, periods + 1))),
        tuple((row.participant, row.site, row.randomization_number, row.sequence, *row.treatments) for row in rows),
    )
