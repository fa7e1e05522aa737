"""Functional spectroscopy: what changes over a session, and how surely.

A list of fits (windows, blocks, events, single transients), the change from before the dose and the area under it, and
a general linear model over single transients with events, drift and linewidth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.errors import MrsError
from sessions.mrs.glm import contrast_weights, event_regressors, make_design
from sessions.mrs.outcomes import FEWEST_FOR_A_BASELINE, around_dose, dose_document, glm_document
from sessions.mrs.schedule import (
    SECONDS_PER_MINUTE,
    Clock,
    Event,
    Part,
    make_clock,
    parts_of_events,
    read_blocks,
    read_events,
    windows,
)  # fmt: skip
from sessions.mrs.series import Progress, Series
from sessions.mrs.spectrum import Spectrum

Real = NDArray[np.floating[Any]]

RESPONSES = ("boxcar", "hrf")
DOSE, AFTER = "dose", "after dose"


@dataclass(frozen=True)
class FunctionalOptions:
    """What is asked of a functional series.

    Parameters
    ----------
    window, step
        Sliding windows of so many transients, each so many after the last; or None.
    per_transient
        One fit a transient.
    blocks, events
        Files: which transients make up each block; a BIDS schedule of events.
    repetition_s
        Time from one stored transient to the next, when the header does not say it.
    dose_minutes
        Start and end of the dose, minutes from the first transient.
    response
        `boxcar` or `hrf`: what an event is taken to do.
    drift_order
        Order of the polynomial drift.
    linewidth
        Whether the (smoothed) linewidth is a regressor too. The fit frees it in each transient already; where the BOLD
        effect narrows lines with the task, the regressor would take most of the task's own effect.
    contrasts
        Such as `heat - rest`.
    """

    window: int | None = None
    step: int = 1
    per_transient: bool = False
    blocks: Path | None = None
    events: Path | None = None
    repetition_s: float | None = None
    dose_minutes: tuple[float, float] | None = None
    response: str = "boxcar"
    drift_order: int = 1
    linewidth: bool = False
    contrasts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What will be fitted: checked against the acquisition before anything is computed."""

    options: FunctionalOptions
    clock: Clock
    parts: tuple[Part, ...]
    events: tuple[Event, ...]
    described: str


def make_plan(spectrum: Spectrum, options: FunctionalOptions) -> Plan:
    """Check what is asked.

    Raises
    ------
    MrsError
        `series-invalid`, `blocks-invalid`, `events-invalid`, `clock-missing`, `dose-invalid`, `design-invalid`,
        `contrast-invalid`: it does not go with this file.
    """
    count = spectrum.transients
    ways = [name for name in ("window", "per_transient", "blocks") if getattr(options, name)]
    if len(ways) > 1:
        raise MrsError("series-invalid", "Ask for one list only: a window, a file of blocks, or single transients.")
    if count < 2:
        raise MrsError("series-invalid", "The file holds one averaged spectrum: there is no series in it.")
    clock = make_clock(spectrum, options.repetition_s, options.dose_minutes)
    events = tuple(read_events(options.events)) if options.events else ()
    event_parts = parts_of_events(events, clock) if events else []
    if options.window is not None:
        if not 1 <= options.window <= count or not 1 <= options.step <= count:
            raise MrsError(
                "series-invalid", f"A window and its step must lie between 1 and the {count} transients of the file."
            )
        parts = windows(count, options.window, options.step)
        described = f"windows of {options.window} transients, step {options.step}"
    elif options.blocks is not None:
        parts, described = read_blocks(options.blocks, count, clock), "blocks of a file"
    elif options.per_transient or not event_parts:
        parts, described = windows(count, 1, 1), "single transients"
    else:
        parts, described = event_parts, "events"
    plan = Plan(options, clock, tuple(parts), events, described)
    _check_model(plan, count)
    return plan


def _check_model(plan: Plan, count: int) -> None:
    """Refuse a dose outside the measurement, events that cannot be told apart, and contrasts of what is not there."""
    if plan.clock.dose_minutes is not None:
        before, after = around_dose(plan.clock)
        if before.sum() < FEWEST_FOR_A_BASELINE or not after.any():
            raise MrsError(
                "dose-invalid",
                "The dose must begin after at least two transients and before the last one: its minutes count from the "
                "start of the first transient.",
            )
    effects = _effects(plan)
    if effects:
        design = make_design(effects, {}, plan.options.drift_order, count)
        for text in plan.options.contrasts:
            contrast_weights(text, design)
    elif plan.options.contrasts:
        raise MrsError("contrast-invalid", "A contrast needs a schedule of events or a dose.")


def functional_document(series: Series, plan: Plan, tell: Progress) -> dict[str, Any]:
    """Return `series` and `functional` of the document.

    Parameters
    ----------
    series
        The fits of the acquisition.
    plan
        What to fit.
    tell
        Told the fraction done.
    """
    parts, empty = series.kept_parts(plan.parts)
    needs_single = bool(plan.events) or plan.clock.dose_minutes is not None
    share = 0.5 if needs_single else 1.0
    values = series.fit(parts, lambda fraction: tell(fraction * share)) if parts else None
    entries = [] if values is None else series.entries(parts, values, plan.clock)
    told: dict[str, Any] = {
        "series_of": plan.described,
        "clock": {
            "transient_seconds": plan.clock.length_s or None,
            "dose_minutes": None if plan.clock.dose_minutes is None else list(plan.clock.dose_minutes),
        },
        "left_out": [{"transients": list(part.members), "because": "outliers only"} for part in empty],
    }
    if needs_single:
        count = len(series.prepared.fids)
        is_single = len(parts) == count and all(len(part.members) == 1 for part in parts)
        every = values if is_single else None
        if every is None:
            every = series.fit(windows(count, 1, 1), lambda fraction: tell(0.5 + fraction / 2))
        usable = series.prepared.kept & every.has_converged
        if plan.clock.dose_minutes is not None:
            told |= dose_document(every, usable, plan.clock, entries)
        effects = _effects(plan)
        if effects:
            told["glm"] = {"response": plan.options.response} | glm_document(
                effects,
                every,
                usable,
                drift_order=plan.options.drift_order,
                linewidth=plan.options.linewidth,
                contrasts=plan.options.contrasts,
            )
    return {"series": entries, "functional": told}


def _effects(plan: Plan) -> dict[str, Real]:
    """Return the regressors of interest: the events', or else the dose's."""
    clock = plan.clock
    if clock.starts_s is None:
        return {}
    events: Sequence[Event] = plan.events
    if not events and clock.dose_minutes is not None:
        begin, end = (SECONDS_PER_MINUTE * minutes for minutes in clock.dose_minutes)
        finish = float(clock.starts_s[-1]) + clock.length_s
        events = [Event(begin, end - begin, DOSE)]
        if finish > end:
            events = [*events, Event(end, finish - end, AFTER)]
    return event_regressors(events, clock.starts_s, clock.length_s, plan.options.response)
