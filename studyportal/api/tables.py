"""What a table of the API is, and the tables of the blinded door.

A table has one grain. It is keyed by participant, period and session where its grain has them, and sorted by a key of
its own that is stable when rows are added.
"""

import datetime
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter
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
    def columns(self) -> tuple[Column, ...]:
        """Keys first: participant, period, session; then the rest in the row's order."""
        return _columns(self.row)

    @property
    def filters(self) -> tuple[str, ...]:
        """Names by which the table can be filtered."""
        names = {column.name for column in self.columns}
        return tuple(name for name in ("participant", "period", "session", "site") if name in names)

    def ordered(self, found: Iterable[Any]) -> list[Any]:  # Any: the row classes share no base
        """Return rows sorted by the table's key."""
        cells = attrgetter(*(_attribute(name) for name in self.key), "participant")  # two at least: always a tuple
        # Rows repeat few values: one comparable each is made once, and is compared by identity first.
        known: dict[object, tuple[bool, str | int]] = {}

        def key(row: Any) -> list[tuple[bool, str | int]]:
            return [known.get(cell) or known.setdefault(cell, comparable(cell)) for cell in cells(row)]

        return sorted(found, key=key)

    def records(self, found: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Yield rows as records in column order."""
        names = [column.name for column in self.columns]
        return ({name: value(row, name) for name in names} for row in found)

    def sort_key(self, row: Any) -> tuple[tuple[bool, str | int], ...]:
        """Return what a row is sorted by; empty values come last."""
        return tuple(comparable(value(row, name)) for name in self.key)


@cache
def _columns(row: type) -> tuple[Column, ...]:
    hints = get_type_hints(row)
    columns = [_column(field.name, hints[field.name]) for field in fields(row)]
    if period := next((one for one in columns if one.name == "period"), None):
        columns.append(Column("session", int, period.may_be_empty, DESCRIPTIONS["session"]))
    order = {name: place for place, name in enumerate(("participant", "period", "session"))}
    return tuple(sorted(columns, key=lambda column: order.get(column.name, len(order))))


def comparable(value: object) -> tuple[bool, str | int]:
    """Return a key's value so that values of one column compare, empty ones included."""
    if value is None:
        return (True, 0)
    return (False, value if isinstance(value, int) else str(value))


def value(row: Any, name: str) -> Any:  # Any: one cell of any row class
    """Return one cell of a row; a number that is none is empty."""
    found = getattr(row, _attribute(name))
    return None if isinstance(found, float) and not math.isfinite(found) else found


def _attribute(name: str) -> str:
    return "period" if name == "session" else name


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
    "seconds_to_verdict": "Seconds from the upload's last byte to the verdict, of the first run of a spectrum",
    "is_counted": "Whether the primary outcome takes it: made under the signed analysis protocol, not left out by it",
    "protocol_version": "Version of the analysis protocol that the run was made under; empty outside it",
    "is_signed_protocol": "Whether that version is the signed one, fitted by the engine that it names",
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
