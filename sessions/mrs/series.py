"""A list of fits: of windows, blocks, events or single transients of one acquisition, around the fit of its mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.document import metabolites, ratios, significant
from sessions.mrs.fit import Fit
from sessions.mrs.model import Model
from sessions.mrs.preprocess import Prepared
from sessions.mrs.quality import Curves, noise_level
from sessions.mrs.schedule import SECONDS_PER_MINUTE, Clock, Part
from sessions.mrs.series_fit import SeriesFitter
from sessions.mrs.uncertainty import Estimates

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]
Progress = Callable[[float], None]

NAA_PPM, NEAR_PPM = 2.01, 0.1
BATCH = 32


@dataclass(frozen=True)
class Values:
    """What a list of fits found, one row a fit.

    Parameters
    ----------
    used
        The transients that each fit is the average of.
    names, amplitudes, covariances
        Components, their concentrations and the covariance of these.
    noise, residual_rms
        Of the real spectrum.
    shifts_hz, phases, widths_hz
        Against the mean.
    has_converged
        Of each fit.
    """

    used: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    amplitudes: Real
    covariances: Real
    noise: Real
    residual_rms: Real
    shifts_hz: Real
    phases: Real
    widths_hz: Real
    has_converged: NDArray[np.bool_]

    def estimates(self, index: int) -> Estimates:
        """Return concentrations and covariance of one fit."""
        return Estimates(self.names, self.amplitudes[index], self.covariances[index])


class Series:
    """The fits of one acquisition's parts.

    Parameters
    ----------
    model, mean, found
        The model, the fit of the mean and its curves.
    departures
        Smoother of the baseline's departure from that of the mean (`BASELINE_SHARE` of a baseline's flexibility).
    prepared
        The transients.
    quality
        Quality values of the mean.
    """

    def __init__(
        self,
        model: Model,
        mean: Fit,
        found: Curves,
        *,
        departures: Real,
        prepared: Prepared,
        quality: dict[str, Any],
    ) -> None:
        self.model, self.prepared, self.quality, self.mean = model, prepared, quality, mean
        is_aligned = prepared.alignment is not None or len(prepared.fids) == 1
        self.fitter = SeriesFitter(model, mean, found.baseline, departures, is_aligned=is_aligned)
        near = np.abs(found.ppm - NAA_PPM) < NEAR_PPM
        clean = found.data - found.baseline
        self.peak = float((clean[near] if near.any() else clean).max())

    def fit(self, parts: Sequence[Part], tell: Progress = lambda _fraction: None) -> Values:
        """Fit the average of each part's transients; a part of which none is kept is averaged whole."""
        used = [self._used(part) for part in parts]
        grid = self.model.grid
        results: list[Any] = [None] * len(parts)
        noises: Real = np.zeros(len(parts))
        # Parts of one size have one noise, and are fitted together.
        done = 0
        for size in sorted({len(members) for members in used}):
            alike = [index for index, members in enumerate(used) if len(members) == size]
            for first in range(0, len(alike), BATCH):
                batch = alike[first : first + BATCH]
                fids = np.stack([self.prepared.fids[used[index]].mean(axis=0) for index in batch])
                noises[batch] = [noise_level(fid, grid.source_dwell_time_s, grid.frequency_mhz) for fid in fids]
                fitted = self.fitter.fit(fids, float(np.median(noises[batch])))
                for row, index in enumerate(batch):
                    results[index] = (fitted, row)
                done += len(batch)
                tell(done / len(parts))

        def gathered(name: str) -> Any:  # Any: arrays of different kinds
            return np.array([getattr(fitted, name)[row] for fitted, row in results])

        rms = gathered("residual_rms")
        deviation = np.maximum(noises, rms)
        return Values(
            used=tuple(tuple(members) for members in used),
            names=self.model.names,
            amplitudes=gathered("amplitudes"),
            covariances=gathered("covariances") * (deviation**2)[:, None, None],
            noise=noises,
            residual_rms=rms,
            shifts_hz=gathered("shifts_hz"),
            phases=gathered("phases"),
            widths_hz=gathered("widths_hz"),
            has_converged=gathered("has_converged"),
        )

    def _used(self, part: Part) -> list[int]:
        kept = [index for index in part.members if self.prepared.kept[index]]
        return kept or list(part.members)

    def quality_of(self, values: Values, index: int) -> dict[str, Any]:
        """Return the quality values of one fit."""
        frequency = self.model.grid.frequency_mhz
        reference = self._naa(self.mean.amplitudes / self.model.norms)
        size = self._naa(values.amplitudes[index]) / reference if reference > 0 else 1.0
        peak = max(self.peak * size, 0.0)
        width = self.quality.get("fwhm_hz")
        hertz = None if width is None else max(float(width) + float(values.widths_hz[index]), 0.0)
        noise, rms = float(values.noise[index]), max(float(values.residual_rms[index]), 1e-300)
        return {
            "snr": round(peak / (2 * rms), 2),
            "snr_noise": round(peak / (2 * noise), 2),
            "fwhm_hz": None if hertz is None else round(hertz, 2),
            "fwhm_ppm": None if hertz is None else round(hertz / frequency, 4),
            "residual_over_noise": round(rms / noise, 3),
            "shift_ppm": round(
                float(self.quality.get("shift_ppm") or 0.0) + float(values.shifts_hz[index]) / frequency, 4
            ),
            "shift_hz": round(float(values.shifts_hz[index]), 3),
            "phase_deg": round(float(np.rad2deg(values.phases[index])), 2),
            "width_change_hz": round(float(values.widths_hz[index]), 3),
            "has_converged": bool(values.has_converged[index]),
        }

    def _naa(self, amplitudes: Real) -> float:
        return float(sum(amplitudes[self.model.names.index(name)] for name in ("NAA",) if name in self.model.names))

    def entries(self, parts: Sequence[Part], values: Values, clock: Clock) -> list[dict[str, Any]]:
        """Return the document's list: one entry a fit."""
        found = []
        for index, part in enumerate(parts):
            entry: dict[str, Any] = {"index": index, "transients": list(values.used[index])}
            if part.name:
                entry["name"] = part.name
            entry |= minutes_of(clock, part.members)
            estimates = values.estimates(index)
            entry |= {
                "ratios": _ratios(estimates),
                "metabolites": metabolites(estimates),
                "quality": self.quality_of(values, index),
            }
            found.append(entry)
        return found

    def blocks(self, minutes: Sequence[float | None]) -> list[dict[str, Any]]:
        """Return the document's `blocks`: consecutive parts of about the same size."""
        split = np.array_split(np.arange(len(self.prepared.fids)), len(minutes))
        parts = [Part(tuple(int(index) for index in part)) for part in split]
        values = self.fit(parts)
        return [
            {
                "block": index,
                "minutes_from_start": minutes[index],
                "ratios": _ratios(values.estimates(index)),
                "metabolites": metabolites(values.estimates(index)),
                "quality": self.quality_of(values, index),
            }
            for index in range(len(parts))
        ]

    def kept_parts(self, parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
        """Tell parts with at least one transient that is kept from those that hold outliers only."""
        good = [part for part in parts if self.prepared.kept[list(part.members)].any()]
        return good, [part for part in parts if not self.prepared.kept[list(part.members)].any()]


def minutes_of(clock: Clock, members: Sequence[int]) -> dict[str, Any]:
    """Return when a part was measured: its middle, start and end in minutes; None where that is unknown."""
    span = clock.minutes(members)
    if span is None:
        return {"minutes": None, "minutes_from": None, "minutes_to": None}
    told = {
        "minutes": round((span[0] + span[1]) / 2, 4),
        "minutes_from": round(span[0], 4),
        "minutes_to": round(span[1], 4),
    }
    if clock.dose_minutes is not None:
        told["minutes_from_dose"] = round((span[0] + span[1]) / 2 - clock.dose_minutes[0], 4)
    return told


def transients_table(prepared: Prepared, quality: dict[str, Any], clock: Clock) -> dict[str, Any]:
    """Return what is known of each transient, ready for plots of drift: frequency, phase, width, signal, outliers.

    Widths and signals are those of the mean with each transient's own change; no fit is needed for them.
    """
    table = dict(prepared.transients)
    if prepared.alignment is None and len(prepared.fids) == 1:
        return table
    changes, scales = np.array(table["width_change_hz"]), np.array(table["scale"])
    width, mean_snr = quality.get("fwhm_hz"), float(quality.get("snr_noise") or 0.0)
    count = max(int(prepared.kept.sum()), 1)
    if width is not None:
        table["fwhm_hz"] = [round(float(value), 2) for value in np.maximum(float(width) + changes, 0)]
    table["snr"] = [round(float(value), 2) for value in mean_snr / np.sqrt(count) * scales]
    if clock.starts_s is not None:
        table["minutes"] = [round(float(value) / SECONDS_PER_MINUTE, 4) for value in clock.starts_s]
    return table


def _ratios(estimates: Estimates) -> dict[str, dict[str, float | None]]:
    """Return the ratios; one below zero is told as it is, since it will be averaged with others."""
    found = ratios(estimates)
    for name, told in found.items():
        upper, lower = (estimates.quantity(part) for part in name.split("/"))
        if upper is not None and lower is not None and upper[0] < 0 < lower[0]:
            told["value"] = significant(upper[0] / lower[0])
    return found
