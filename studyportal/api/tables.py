"""What a table of the API is, and the tables of the blinded door.

A table has one grain. It is keyed by participant, period and session where its grain has them, and sorted by a key of
its own that is stable when rows are added.
"""

import datetime
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints
from uuid import UUID

from studyportal.accounts.roles import Permission
from studyportal.reports import conduct_rows, datasets, rows

P = Permission
Cell = str | int | float | bool | None
Build = Callable[..., Sequence[Any]]  # Any: the row classes share no base


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type in Python, and whether it may be empty."""

    name: str
    kind: type
    may_be_empty: bool
    description: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table of one door."""

    name: str
    row: type
    key: tuple[str, ...]
    build: Build
    permissions: tuple[Permission, ...]

    @property
    def description(self) -> str:
        """The first sentence of the row's docstring."""
        return (self.row.__doc__ or "").split("\n\n")[0].strip()

    @property
    def columns(self) -> list[Column]:
        """Keys first: participant, period, session; then the rest in the row's order."""
        hints = get_type_hints(self.row)
        columns = [_column(field.name, hints[field.name]) for field in fields(self.row)]
        if period := next((one for one in columns if one.name == "period"), None):
            columns.append(Column("session", int, period.may_be_empty, DESCRIPTIONS["session"]))
        order = {name: place for place, name in enumerate(("participant", "period", "session"))}
        return sorted(columns, key=lambda column: order.get(column.name, len(order)))

    @property
    def filters(self) -> tuple[str, ...]:
        """Names by which the table can be filtered."""
        names = {column.name for column in self.columns}
        return tuple(name for name in ("participant", "period", "session", "site") if name in names)

    def records(self, found: Iterable[Any]) -> list[dict[str, Any]]:
        """Return rows as records in column order, sorted by the table's key."""
        names = [column.name for column in self.columns]
        records = [{name: _value(row, name) for name in names} for row in found]
        return sorted(records, key=self.sort_key)

    def sort_key(self, record: Mapping[str, Any]) -> tuple[tuple[bool, str | int], ...]:
        """Return what a record is sorted by; empty values come last."""
        return tuple(comparable(record[name]) for name in self.key)


def comparable(value: object) -> tuple[bool, str | int]:
    """Return a key's value so that values of one column compare, empty ones included."""
    if value is None:
        return (True, 0)
    return (False, value if isinstance(value, int) else str(value))


def _value(row: Any, name: str) -> Any:  # Any: one cell of any row class
    value = getattr(row, "period" if name == "session" else name)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _column(name: str, hint: Any) -> Column:  # Any: a type hint
    parts = [part for part in get_args(hint) if part is not type(None)]
    return Column(name, parts[0] if parts else hint, bool(parts), DESCRIPTIONS.get(name, ""))


TYPES: Mapping[type, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", UUID: "id",
    datetime.datetime: "moment (UTC, ISO 8601)", datetime.date: "date (ISO 8601)",
}  # fmt: skip

DESCRIPTIONS: Mapping[str, str] = {
    "participant": "Pseudonymous number of the participant",
    "period": "Number of the period, 1 or 2",
    "session": "Number of the participant's session, one a period",
    "site": "Code of the site",
    "sex": "F or M, as recorded for stratification",
    "age_years": "Age at screening in completed years",
    "timepoint": "pre_dose or day_1",
    "hours_from_infusion": "Hours from the start of the infusion to the start of the interview",
    "is_in_window": "Whether the interview began within the protocol's window",
    "total": "MADRS total 0-60; empty when an item is missing",
    "item": "MADRS item 1-10",
    "value": "The score 0-6, or the estimate",
    "missing_reason": "Why there is no score",
    "spectrum_id": "Random id of the spectrum",
    "quantification_id": "Random id of the quantification run",
    "block": "Number of the block in time; empty for the whole spectrum",
    "minutes_from_infusion": "Minutes from the start of the infusion to the middle of the block",
    "quantity": "ratio or amplitude",
    "name": "Metabolite or ratio",
    "crlb_percent": "Cramer-Rao lower bound in per cent of the value",
    "snr": "Signal to noise ratio",
    "fwhm_hz": "Line width, full width at half maximum, in hertz",
    "is_current": "Whether the run is the latest finished one of its spectrum",
    "settings_sha256": "Hash of the engine's settings",
}

TABLES: tuple[Table, ...] = (
    Table("participants", rows.ParticipantRow, ("participant",), datasets.participant_rows, (P.PARTICIPANT_VIEW,)),
    Table("sessions", rows.SessionRow, ("participant", "period"), datasets.session_rows, (P.SESSION_VIEW,)),
    Table("doses", conduct_rows.DoseRow, ("participant", "period", "kind"), conduct_rows.dose_rows, (P.SESSION_VIEW,)),
    Table(
        "madrs_items", rows.ItemRow, ("participant", "period", "timepoint", "item"), datasets.item_rows,
        (P.RATING_SCORE_VIEW,),
    ),
    Table(
        "madrs_totals", rows.MadrsRow, ("participant", "period", "timepoint"), datasets.madrs_rows,
        (P.RATING_SCORE_VIEW,),
    ),
    Table(
        "spectra", rows.SpectrumRow, ("participant", "spectrum_id"), datasets.spectrum_rows,
        (P.SPECTRUM_QUALITY_VIEW,),
    ),
    Table(
        "mrs_runs", conduct_rows.RunRow, ("participant", "spectrum_id", "run_ordinal"), conduct_rows.run_rows,
        (P.SPECTRUM_QUALITY_VIEW,),
    ),
    Table(
        "mrs_concentrations", rows.QuantificationRow,
        ("participant", "spectrum_id", "run_ordinal", "block", "quantity", "name"), datasets.quantification_rows,
        (P.METABOLITE_VIEW,),
    ),
    Table(
        "adverse_events", conduct_rows.AdverseEventRow, ("participant", "period", "adverse_event_id"),
        conduct_rows.adverse_event_rows, (P.SAFETY_EXPORT,),
    ),
    Table(
        "deviations", conduct_rows.DeviationRow, ("participant", "deviation_id"), conduct_rows.deviation_rows,
        (P.REPORT_VIEW,),
    ),
)  # fmt: skip
