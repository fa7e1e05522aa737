"""What the page of a quantification says: stages, ratios, amplitudes, the course over blocks. No HTML here."""

import datetime
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.models import MetaboliteEstimate, QuantificationReview, QuantificationRun, Spectrum, StudySession, Upload
from sessions.policies import infusion_start
from sessions.spreadsheets import harmless

State = QuantificationRun.State
RATIOS = ("Glu/tCr", "Gln/tCr", "Glx/tCr", "tNAA/tCr", "Ins/tCr", "Glx/tNAA")
SUMS = ("tNAA", "tCr", "tCho", "Glx")
CRLB_RULE_PERCENT = 20
QUIET_RESIDUAL = 1.3
COMPONENT_UNIT = 1e-4
WATER_LEFT_OUT = (
    "The session's water reference has another spectral width, frequency or echo time than this spectrum: "
    "it was not used."
)
STAGE_WORDS: Mapping[str, str] = {
    State.QUEUED: "Waiting for a worker",
    State.CHECKING: "Checking the file",
    State.CONVERTING: "Removing identifiers",
    State.PREPROCESSING: "Preprocessing",
    State.FITTING: "Fitting",
    State.DONE: "Finished",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
}
OVER = frozenset({State.FAILED, State.CANCELLED})
REACHED: Mapping[str, int] = {
    State.QUEUED: 1, State.CHECKING: 1, State.CONVERTING: 1, State.PREPROCESSING: 2, State.FITTING: 3, State.DONE: 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """One field of the stages bar: done, now, later, failed, or never (not reached)."""

    name: str
    detail: str
    at: datetime.datetime | None
    status: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One number with its uncertainty."""

    name: str
    value: float | None
    crlb_percent: float | None
    low: float | None = None
    high: float | None = None

    @property
    def passes(self) -> bool:
        """Whether the CRLB keeps the 20 % rule; a flag for the eye, never a reason to drop the value."""
        return self.crlb_percent is not None and self.crlb_percent <= CRLB_RULE_PERCENT


@dataclass(frozen=True, slots=True)
class Point:
    """One block of the course: its time and the primary ratio with its error."""

    block: int
    minutes: float | None
    value: float | None
    crlb_percent: float | None

    @property
    def error(self) -> float | None:
        """The Cramer-Rao bound in the ratio's own unit."""
        return (
            self.value * self.crlb_percent / 100 if self.value is not None and self.crlb_percent is not None else None
        )


def stages(run: QuantificationRun) -> list[Stage]:
    """Return the bar: uploaded, checked, preprocessed, fitted, reviewed (a water reference is stored, not fitted).

    A withdrawn file waits for no review.
    """
    spectrum = run.spectrum
    reached = REACHED.get(run.state, 0)
    review = next(iter(run.reviews.all()), None)
    uploaded = Stage("Uploaded", f"{_size(spectrum.upload.size_bytes)}, SHA-256 checked", spectrum.uploaded_at, "done")
    names = ["Checked"] if spectrum.kind == Upload.Kind.WATER else ["Checked", "Preprocessed", "Fitted"]
    middle = [_middle(run, name, position, reached) for position, name in enumerate(names, start=1)]
    if spectrum.kind == Upload.Kind.WATER or (spectrum.withdrawn_at and review is None):
        return [uploaded, *middle]
    return [uploaded, *middle, _reviewed(run, review)]


def _reviewed(run: QuantificationRun, review: QuantificationReview | None) -> Stage:
    if review:
        return Stage("Reviewed", review.words, review.reviewed_at, "done")
    if run.state == State.DONE:
        return Stage("Reviewed", "Waiting for review", None, "now")
    return Stage("Reviewed", "", None, "never" if run.state in OVER else "later")


def _middle(run: QuantificationRun, name: str, position: int, reached: int) -> Stage:
    if run.state in OVER:
        return _over(run, name)
    if reached > position:
        at = run.finished_at if name == "Fitted" or run.spectrum.kind == Upload.Kind.WATER else None
        return Stage(name, _detail(run, name), at, "done")
    if reached == position:
        waiting = run.state == State.QUEUED
        return Stage(name, STAGE_WORDS[run.state], None, "now", None if waiting else run.progress)
    return Stage(name, "", None, "later")


def _over(run: QuantificationRun, name: str) -> Stage:
    """Return a stage of a run that came to nothing: its file may have been checked and stored all the same."""
    if name != "Checked":
        return Stage(name, "", None, "never")
    if run.spectrum.status == Spectrum.Status.STORED:
        return Stage(name, _detail(run, name), None, "done")
    return Stage(name, "", None, "failed" if run.state == State.FAILED else "never")


def _detail(run: QuantificationRun, name: str) -> str:
    if name == "Checked":
        return sequence_words(run.spectrum.header) or "Identifiers removed"
    if name == "Fitted":
        return run.basis.name if run.basis else ""
    is_used = run.settings.get("water") and not is_water_left_out(run)
    return "Water reference used" if is_used else "Without water reference"


def is_water_left_out(run: QuantificationRun) -> bool:
    """Tell whether the fit left the session's water reference out, because it belongs to another measurement."""
    return hasattr(run, "result") and WATER_LEFT_OUT in run.result.document["flags"]


def sequence_words(header: Mapping[str, Any]) -> str:
    """Return sequence, echo time and field strength as far as the header gives them."""
    words = [str(header[key]) for key in ("SequenceName",) if header.get(key)]
    if isinstance(echo := header.get("EchoTime"), int | float):
        words.append(f"TE {echo * 1000:g} ms")
    frequency = header.get("SpectrometerFrequency")
    value = frequency[0] if isinstance(frequency, list) and frequency else frequency
    if isinstance(value, int | float):
        words.append(f"{value:.1f} MHz")
    return ", ".join(words)


def ratio_rows(document: Mapping[str, Any], primary: str) -> list[Row]:
    """Return the reported ratios in their fixed order, the primary one with its sensitivity band."""
    found = document.get("ratios", {})
    bands = document.get("sensitivity", {})
    names = [*RATIOS, *([primary] if primary not in RATIOS else [])]
    return [
        Row(name, found[name]["value"], found[name]["crlb_percent"], *(bands.get(name) or (None, None)))
        for name in names
        if name in found
    ]


def metabolite_rows(document: Mapping[str, Any]) -> list[Row]:
    """Return every amplitude relative to total creatine (as it is where there is none), sums first."""
    found = document.get("metabolites", {})
    reference = found.get("tCr", {}).get("amplitude") or 1.0
    names = sorted(found, key=lambda name: (name not in SUMS, name.startswith(("MM", "Lip")), name.lower()))
    return [Row(name, found[name]["amplitude"] / reference, found[name]["crlb_percent"]) for name in names]


def course(estimates: Iterable[MetaboliteEstimate], document: Mapping[str, Any], primary: str) -> list[Point]:
    """Return the primary ratio block by block; empty when the spectrum is not functional.

    Minutes count to the middle of the block, from the infusion where the scan's start is on record, else from the start
    of the scan. Rows know when a block began; half a step is added, as blocks follow each other at once.
    """
    since_scan = {part["block"]: part.get("minutes_from_start") for part in document.get("blocks", ())}
    half = _half_step([minutes for minutes in since_scan.values() if minutes is not None])
    return [
        Point(
            one.block,
            _later(
                since_scan.get(one.block) if one.minutes_from_infusion is None else one.minutes_from_infusion, half
            ),
            one.value, one.crlb_percent,
        )
        for one in estimates
        if one.block is not None and one.name == primary and one.quantity == MetaboliteEstimate.Quantity.RATIO
    ]  # fmt: skip


def _half_step(starts: Sequence[float]) -> float:
    return (max(starts) - min(starts)) / (len(starts) - 1) / 2 if len(starts) > 1 else 0.0


def _later(minutes: float | None, by: float) -> float | None:
    return None if minutes is None else round(minutes + by, 3)


def is_placed(spectrum: Spectrum) -> bool:
    """Whether the scan's start is on record, so that blocks stand on the infusion's time line."""
    return spectrum.upload.acquired_at is not None and infusion_start(spectrum.session) is not None


def minutes_to_scan(spectrum: Spectrum) -> float | None:
    """Return the minutes from the infusion's start to the scan's, where both are on record."""
    infusion, scan = infusion_start(spectrum.session), spectrum.upload.acquired_at
    return (scan - infusion).total_seconds() / 60 if infusion and scan else None


def dose_minutes(spectrum: Spectrum) -> tuple[float, float] | None:
    """Return start and end of the infusion in minutes from the scan's start: the session's clock for the engine.

    None where one of the moments is not on record, or the scan began after the infusion: there is no time before it.
    """
    to_scan, length = minutes_to_scan(spectrum), infusion_minutes(spectrum.session)
    if to_scan is None or to_scan >= 0 or not length:
        return None
    return round(-to_scan, 3), round(length - to_scan, 3)


def infusion_minutes(session: StudySession) -> float | None:
    """Return how long the infusion ran."""
    dose = next((one for one in session.doses.all() if one.planned.kind == "infusion" and one.ended_at), None)
    return (dose.ended_at - dose.started_at).total_seconds() / 60 if dose and dose.ended_at else None


def block_quality(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the quality values of each block, in order."""
    return [part.get("quality", {}) for part in document.get("blocks", ())]


def components_as_integers(components: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return components in whole ten-thousandths of the data's height: a third of the bytes, finer than any screen."""
    return {
        "components": {name: [round(value / COMPONENT_UNIT) for value in row] for name, row in components.items()},
        "component_unit": COMPONENT_UNIT,
    }


def fit_finding(document: Mapping[str, Any]) -> str:
    """Say in a sentence or two what the fit viewer shows."""
    quality = document.get("quality", {})
    words = "Data with fit, baseline, residual and components."
    noise = quality.get("residual_over_noise")
    if isinstance(noise, int | float):
        words += (
            " The residual stays within the noise." if noise <= QUIET_RESIDUAL
            else f" The residual is {noise:.1f} times the noise: something in the spectrum is not in the model."
        )  # fmt: skip
    return words


def csv_rows(estimates: Iterable[MetaboliteEstimate]) -> Iterable[list[object]]:
    """Yield the tidy table of a result: a header, then one row a number."""
    header: list[object] = ["block", "minutes_from_infusion", "quantity", "name", "value", "crlb_percent"]
    return itertools.chain(
        [header],
        (
            ["" if value is None else value for value in (
                one.block, one.minutes_from_infusion, one.quantity, harmless(one.name), one.value, one.crlb_percent
            )]
            for one in estimates
        ),
    )  # fmt: skip


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1024**2:.1f} MB" if size_bytes >= 1024**2 else f"{max(size_bytes / 1024, 0.1):.1f} KB"
