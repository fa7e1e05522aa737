"""What a table of the API is, and the tables of the blinded door.

A table has one grain. It is keyed by participant, period and session where its grain has them, and sorted by a key of
its own that is stable when rows are added.
"""

import datetime
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from operator import attrgetter
from typing import Any, get_args, get_type_hints
from uuid import UUID

from studyportal.accounts.roles import Permission
from studyportal.reports import commitment_rows, conduct_rows, datasets, functional_datasets, functional_rows, rows
from studyportal.reports.parts import Part, Parts

P = Permission
Cell = str | int | float | bool | None
Found = Sequence[Any] | Parts[Any]  # Any: the row classes share no base
Build = Callable[..., Found]


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
    has_links: bool = True
    """Whether the unblinded door adds sequence and treatment; what is public has none to add."""

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
        cells = attrgetter(*(_attribute(name) for name in (*self.key, self.key[0])))  # two at least: always a tuple
        # Rows repeat few values: one comparable each is made once, and is compared by identity first.
        known: dict[object, tuple[bool, str | int]] = {}

        def key(row: Any) -> list[tuple[bool, str | int]]:
            return [known.get(cell) or known.setdefault(cell, comparable(cell)) for cell in cells(row)]

        return sorted(found, key=key)

    def ordered_parts(self, parts: Iterable[Part]) -> list[Part]:
        """Return the parts of a long table in its own order."""
        return sorted(parts, key=lambda part: _key(part, RUN))

    def chunks(self, found: Found) -> Iterator[list[Any]]:
        """Yield every row in the table's order, those of a few runs at a time where the table is long."""
        if isinstance(found, Parts):
            yield from map(self.ordered, replace(found, parts=self.ordered_parts(found.parts)).chunks())
        else:
            yield self.ordered(found)

    def records(self, found: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Yield rows as records in column order."""
        names = [column.name for column in self.columns]
        return ({name: value(row, name) for name in names} for row in found)

    def sort_key(self, row: Any) -> tuple[tuple[bool, str | int], ...]:
        """Return what a row is sorted by; empty values come last."""
        return _key(row, self.key)


def _key(row: Any, names: Iterable[str]) -> tuple[tuple[bool, str | int], ...]:
    return tuple(comparable(value(row, name)) for name in names)


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
    "is_after_reveal": "Whether the treatment had been revealed or could be deduced when the interview began",
    "is_in_window": "Whether the interview began within the protocol's window",
    "total": "MADRS total 0-60; empty when an item is missing",
    "item": "MADRS item 1-10",
    "value": "The score 0-6, or the estimate",
    "missing_reason": "Why there is no score",
    "spectrum_id": "Random id of the spectrum",
    "quantification_id": "Random id of the quantification run",
    "block": "Number of the block in time; empty for the whole spectrum",
    "minutes_from_infusion": (
        "Minutes from the start of the infusion to the start of the block or transient, or to the middle of the part"
    ),
    "minutes_from_start": "The same from the start of the first transient",
    "part": "Number of the part in time: a window, an event or a single transient, as the run was asked",
    "part_name": "Name of an event; empty elsewhere",
    "first_transient": "First transient of the part that was kept, counted from 0",
    "last_transient": "Last transient of the part that was kept, counted from 0",
    "transients": "How many transients went into it",
    "transient": "Number of the transient, counted from 0",
    "change_percent": "Change from the mean before the infusion in per cent",
    "change_se": "Standard error of the change, from the scatter of neighbouring transients",
    "change_low": "Lower 95 % limit of the change",
    "change_high": "Upper 95 % limit of the change",
    "auc_percent_minutes": "Area under the change from the infusion's start to the end, per cent x minutes",
    "auc_se": "Standard error of the area",
    "auc_low": "Lower 95 % limit of the area",
    "auc_high": "Upper 95 % limit of the area",
    "minutes_after_dose": "Minutes measured from the infusion's start on",
    "dose_from_minutes": "Start of the infusion on the scan's clock, as the run was told it",
    "dose_to_minutes": "End of the infusion on the scan's clock, as the run was told it",
    "predose_value": "Mean over the transients before the infusion",
    "predose_transients": "How many transients that mean is of",
    "term": "Term of the model: baseline, drift, dose, after dose, an event or a contrast",
    "kind": "What it is",
    "estimate": "Estimate of the term, in the quantity's unit",
    "se": "Standard error of the estimate",
    "low": "Lower 95 % limit of the estimate",
    "high": "Upper 95 % limit of the estimate",
    "p": "Two-sided P value of the estimate against 0",
    "percent": "The estimate in per cent of the baseline",
    "percent_low": "Lower 95 % limit in per cent of the baseline",
    "percent_high": "Upper 95 % limit in per cent of the baseline",
    "response": "What an event or the dose is taken to do: boxcar or hrf",
    "degrees_of_freedom": "Transients less terms of the model",
    "residual_sd": "Standard deviation of what the model leaves",
    "autocorrelation": "Correlation of neighbouring residuals before it was corrected for",
    "shift_hz": "Frequency taken off a transient, or a part's against the mean, in hertz",
    "phase_deg": "Phase taken off a transient, or a part's against the mean, in degrees",
    "width_change_hz": "Line width against the median transient, in hertz",
    "scale": "Signal against the mean, as a factor",
    "residual_over_noise": "What the fit leaves, in standard deviations of the noise",
    "has_converged": "Whether the fit of the part converged",
    "is_rejected": "Whether the transient was left out as an outlier",
    "rejected_because": "Why it was left out",
    "review": "Latest verdict on the run: accept, comment or reject; empty while there is none",
    "is_usable": "Whether the spectrum keeps the thresholds in force when the run ended",
    "run_ordinal": "Number of the run of its spectrum",
    "engine_version": "Version of the fitting engine",
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
    "position": "Place in the order of publication, from 1",
    "list_id": "Random id of the list",
    "label": "Name of the list",
    "root": "SHA-256 root over the whole list, in hex; it tells nothing of the list before the reveal",
    "method": "How the list was drawn, without its settings",
    "generator": "Generator of the random numbers",
    "published_at": "When the root was published",
    "published_by": "Who published it",
    "settings_sha256": "Hash of what the run was asked: settings, basis, water reference, infusion times",
}

RUN = ("participant", "spectrum_id", "run_ordinal")
"""A run: what the key of every table of runs begins with, and what the parts of a long one are sorted by."""

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
        "mrs_runs", conduct_rows.RunRow, RUN, conduct_rows.run_rows,
        (P.SPECTRUM_QUALITY_VIEW,),
    ),
    Table(
        "mrs_concentrations", rows.QuantificationRow,
        (*RUN, "block", "quantity", "name"), datasets.quantification_parts, (P.METABOLITE_VIEW,),
    ),
    Table(
        "mrs_series", functional_rows.SeriesRow, (*RUN, "part", "quantity", "name"), functional_datasets.series_parts,
        (P.METABOLITE_VIEW,),
    ),
    Table(
        "mrs_changes", functional_rows.ChangeRow, (*RUN, "quantity", "name"), functional_datasets.change_parts,
        (P.METABOLITE_VIEW,),
    ),
    Table(
        "mrs_effects", functional_rows.EffectRow, (*RUN, "quantity", "name", "term"), functional_datasets.effect_parts,
        (P.METABOLITE_VIEW,),
    ),
    Table(
        "mrs_transients", functional_rows.TransientRow, (*RUN, "transient"), functional_datasets.transient_parts,
        (P.SPECTRUM_QUALITY_VIEW,),
    ),
    Table(
        "adverse_events", conduct_rows.AdverseEventRow, ("participant", "period", "adverse_event_id"),
        conduct_rows.adverse_event_rows, (P.SAFETY_EXPORT,),
    ),
    Table(
        "commitments", commitment_rows.CommitmentRow, ("position",), commitment_rows.commitment_rows,
        (P.COMMITMENT_VIEW,), has_links=False,
    ),
    Table(
        "deviations", conduct_rows.DeviationRow, ("participant", "deviation_id"), conduct_rows.deviation_rows,
        (P.REPORT_VIEW,),
    ),
)  # fmt: skip
