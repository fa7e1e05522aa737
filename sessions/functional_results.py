"""Reads of what a functional file said over time, for a run that its reader was let to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions import fits, functional_tables
from sessions.models import FunctionalResult, QuantificationRun
from sessions.spectra import estimates_of


@dataclass(frozen=True, slots=True)
class Course:
    """The course of the primary ratio: its points, the quality of each, and the word for one of them."""

    points: Sequence[fits.Point]
    quality: Sequence[Mapping[str, Any]]
    word: str


def functional_of(run: QuantificationRun) -> FunctionalResult | None:
    """Return what a run's functional file said over time; None where the file holds no series."""
    return FunctionalResult.objects.filter(result__run=run).first()


def functional_rows(run: QuantificationRun, name: str) -> list[dict[str, Any]]:  # Any: cells
    """Return one of the tidy tables of a run (`functional_tables.COLUMNS`); without rows where there is nothing."""
    told, to_scan = functional_of(run), fits.minutes_to_scan(run.spectrum)
    if name == "transients":
        return list(functional_tables.transient_rows(run.result.document.get("transients", {}), to_scan))
    if told is None:
        return []
    if name == "series":
        return list(functional_tables.series_rows(told.series, to_scan))
    rows = functional_tables.change_rows if name == "changes" else functional_tables.effect_rows
    return list(rows(told.outcomes))


def course_of(run: QuantificationRun, primary: str) -> Course:
    """Return the primary ratio over the blocks, or over the parts of the series where the file has no blocks."""
    document = run.result.document
    points = fits.course(estimates_of(run), document, primary)
    if points:
        return Course(points, fits.block_quality(document), "blocks")
    told = functional_of(run)
    series = told.series if told is not None else []
    to_scan = fits.minutes_to_scan(run.spectrum)
    rows = [row for row in functional_tables.series_rows(series, to_scan) if row["name"] == primary]
    found = [
        fits.Point(
            number, row["minutes_from_start"] if to_scan is None else row["minutes_from_infusion"], row["value"],
            row["crlb_percent"],
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip
    is_single = all(row["transients"] == 1 for row in rows)
    return Course(found, [entry["quality"] for entry in series], "transients" if is_single else "parts")


def changes_of(run: QuantificationRun) -> list[dict[str, Any]]:  # Any: cells
    """Return the changes of the reported ratios after the infusion's start, in the ratios' fixed order."""
    found = {row["name"]: row for row in functional_rows(run, "changes")}
    return [found[name] for name in fits.RATIOS if name in found]
