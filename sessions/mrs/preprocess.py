"""Preprocessing in the order of the experts' consensus (Near et al. 2021, NMR Biomed 34:e4257), each step on record.

Coils are combined, outlying transients left out, the rest aligned in frequency and phase, averaged whole or in parts,
corrected for eddy currents, freed of the residual water. What the scanner has done already is recognised and recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.alignment import Alignment, register, turned_back
from sessions.mrs.coils import combine
from sessions.mrs.eddy import STRAIGHT_DEG, TELLING_DEG, bend, evidence, said_by_file
from sessions.mrs.outliers import Outliers, find_outliers
from sessions.mrs.settings import Settings
from sessions.mrs.singlets import find_singlets, oriented
from sessions.mrs.spectrum import Spectrum
from sessions.mrs.water import correct_eddy_currents, remove_residual_water, water_model, water_phase

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

MOST_NAMED = 12


@dataclass(frozen=True)
class Prepared:
    """What goes into the fits.

    Parameters
    ----------
    mean
        Average of all transients kept.
    blocks
        Average of each block, or nothing.
    steps
        Record of what was done.
    offset_ppm
        How far the singlets lie from their shifts.
    water_residual
        Height of the water before removal over that of the largest metabolite peak.
    transients
        Table of what was found for each transient.
    combined, aligned
        (transients, points) after coil combination and after alignment.
    fids, kept
        Every transient after all steps, and which of them are averaged.
    alignment
        What alignment found; None when there was nothing to align.
    water
        The water reference under the same coil weights, before any correction; or None.
    """

    mean: Complex
    blocks: tuple[Complex, ...]
    steps: tuple[dict[str, Any], ...]
    offset_ppm: float
    water_residual: float
    transients: dict[str, Any]
    combined: Complex
    aligned: Complex
    fids: Complex
    kept: NDArray[np.bool_]
    alignment: Alignment | None
    water: Complex | None

    def average(self, members: Sequence[int]) -> tuple[Complex, list[int]]:
        """Return the average of the transients that are kept among these, and which they are."""
        used = [int(index) for index in members if self.kept[index]]
        return self.fids[used or list(members)].mean(axis=0), used

    def flags(self) -> list[str]:
        """Return sentences about transients that were left out."""
        left_out = np.flatnonzero(~self.kept)
        if not len(left_out):
            return []
        listed = ", ".join(str(index) for index in left_out[:MOST_NAMED]) + (
            " and more" if len(left_out) > MOST_NAMED else ""
        )
        return [f"{len(left_out)} of {len(self.kept)} transients were left out as outliers (counted from 0): {listed}."]


def prepare(spectrum: Spectrum, water: Spectrum | None, settings: Settings, block_count: int) -> Prepared:
    """Bring an acquisition to what is fitted.

    Parameters
    ----------
    spectrum, water
        Data and water reference, checked.
    block_count
        Consecutive blocks of transients that are averaged apart; 0 for none.
    """
    _, was_turned = oriented(spectrum)
    steps: list[dict[str, Any]] = [{"step": "orientation", "was_conjugated": was_turned}]
    combined = combine(spectrum, water, by_water=settings.coil_weights_by_water)
    steps.append({"step": "coil combination", **combined.record})
    together, reference = combined.fids, combined.water
    if was_turned:
        # The direction of frequency cannot be told from water: it is that of the spectrum, from the same scanner.
        together, reference = together.conj(), None if reference is None else reference.conj()
    dwell, frequency = spectrum.dwell_time_s, spectrum.frequency_mhz
    aligned, outliers, alignment, table = _aligned(together, dwell, frequency, settings)
    steps += [_outlier_step(outliers, settings), _alignment_step(alignment, len(aligned))]
    steps.append({
        "step": "averaging",
        "by": "engine" if len(aligned) > 1 else "scanner",
        "transients": len(aligned),
        "averaged": int(outliers.kept.sum()),
        "blocks": block_count,
    })  # fmt: skip
    is_said = said_by_file(spectrum) or (water is not None and said_by_file(water))
    fids, eddy_step = _without_eddy_currents(
        aligned, reference, settings, kept=outliers.kept, spectrum=spectrum, is_said=is_said
    )
    steps.append(eddy_step)
    mean = fids[outliers.kept].mean(axis=0)
    residual = _water_height(mean, dwell, frequency)
    if settings.remove_water:
        fids, mean, share = _without_water(fids, mean, dwell, frequency)
        steps.append({"step": "residual water", "removed_energy_share": round(share, 6)})
    else:
        steps.append({"step": "residual water", "removed": False, "because": "switched off"})
    prepared = Prepared(
        mean=mean,
        blocks=(),
        steps=tuple(steps),
        offset_ppm=find_singlets(mean, dwell, frequency),
        water_residual=residual,
        transients=table,
        combined=together,
        aligned=aligned,
        fids=fids,
        kept=outliers.kept,
        alignment=alignment,
        water=reference,
    )
    return _with_blocks(prepared, block_count)


def _with_blocks(prepared: Prepared, count: int) -> Prepared:
    parts = np.array_split(np.arange(len(prepared.fids)), count) if count else ()
    blocks = tuple(prepared.average([int(index) for index in part])[0] for part in parts)
    return Prepared(**{**vars(prepared), "blocks": blocks})


def _aligned(
    fids: Complex, dwell: float, frequency: float, settings: Settings
) -> tuple[Complex, Outliers, Alignment | None, dict[str, Any]]:
    """Align the transients and mark outliers, each where it is switched on."""
    count = len(fids)
    every = Outliers(np.ones(count, dtype=bool), {})
    if count == 1:
        return fids, every, None, {"count": 1}
    found = register(fids, dwell, frequency)
    turned = turned_back(fids, found.shifts_hz, found.phases, dwell)
    outliers = find_outliers(turned, found.scales, dwell, frequency) if settings.reject_outliers else every
    table = {
        "count": count,
        "shift_hz": _rounded(found.shifts_hz, 3),
        "phase_deg": _rounded(np.rad2deg(found.phases), 2),
        "scale": _rounded(found.scales / np.median(found.scales), 4),
        "width_change_hz": _rounded(found.widths_hz - np.median(found.widths_hz[outliers.kept]), 3),
        "rejected": [int(index) for index in np.flatnonzero(~outliers.kept)],
        "reasons": {str(index): reason for index, reason in outliers.reasons.items()},
    }
    return (turned if settings.align else fids), outliers, found if settings.align else None, table


def _outlier_step(outliers: Outliers, settings: Settings) -> dict[str, Any]:
    step: dict[str, Any] = {"step": "outlying transients", "rejected": list(outliers.reasons)}
    if not settings.reject_outliers:
        step["because"] = "switched off"
    return step


def _alignment_step(found: Alignment | None, count: int) -> dict[str, Any]:
    if count == 1:
        return {"step": "alignment", "by": "scanner"}
    if found is None:
        return {"step": "alignment", "by": "nobody", "because": "switched off"}
    return {
        "step": "alignment",
        "by": "spectral registration",
        "shift_sd_hz": round(float(found.shifts_hz.std()), 3),
        "phase_sd_deg": round(float(np.rad2deg(found.phases.std())), 2),
        "shift_bound_hz": round(float(np.median(found.shift_bounds_hz)), 4),
        "phase_bound_deg": round(float(np.rad2deg(np.median(found.phase_bounds))), 3),
    }


def _without_eddy_currents(
    fids: Complex,
    reference: Complex | None,
    settings: Settings,
    *,
    kept: NDArray[np.bool_],
    spectrum: Spectrum,
    is_said: bool,
) -> tuple[Complex, dict[str, Any]]:
    """Take the phase course of the water off, unless the scanner did."""
    step: dict[str, Any] = {"step": "eddy currents", "corrected": False}
    if not settings.eddy_current:
        return fids, step | {"because": "switched off"}
    if is_said:
        return fids, step | {"by": "before", "because": "the file says that it was done"}
    if reference is None:
        return fids, step | {"because": "no water reference"}
    points = min(len(reference), fids.shape[1])
    _, degrees = bend(reference[:points])
    step["water_bend_deg"] = round(degrees, 2)
    if degrees < STRAIGHT_DEG:
        return fids, step | {"by": "before", "because": "the phase of the water reference is straight already"}
    found = None
    if degrees >= TELLING_DEG:
        found = evidence(fids[kept].mean(axis=0), reference, spectrum.dwell_time_s, spectrum.frequency_mhz)
    if found is not None:
        step |= {"sharper_by": round(found.sharper, 3), "simpler_by": round(found.simpler, 3)}
        if found.is_corrected:
            return fids, step | {"by": "before", "because": "the lines show that it was done"}
    _, believed = water_phase(reference, points)
    return correct_eddy_currents(fids, reference), step | {
        "corrected": True, "by": "engine", "points_believed": believed,
    }  # fmt: skip


def _without_water(fids: Complex, mean: Complex, dwell: float, frequency: float) -> tuple[Complex, Complex, float]:
    """Take the residual water off; a series by the exponentials of its mean, so that its average stays the mean."""
    if len(fids) == 1:
        cleaned, share = remove_residual_water(mean, dwell, frequency)
        return cleaned[None], cleaned, share
    model = water_model(mean, dwell, frequency)
    if model is None:
        return fids, mean, 0.0
    water = model.of(mean[None])[0]
    share = float(np.vdot(water, water).real) / (float(np.vdot(mean, mean).real) or 1.0)
    return fids - model.of(fids), mean - water, share


def _rounded(values: Sequence[float] | Real, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def _water_height(fid: Complex, dwell: float, frequency: float) -> float:
    size = 2 * len(fid)
    magnitude = np.abs(np.fft.fft(fid, size))
    ppm = 4.65 + np.fft.fftfreq(size, dwell) / frequency
    water = magnitude[(ppm > 4.4) & (ppm < 4.9)].max()
    return float(water / max(float(magnitude[(ppm > 1.8) & (ppm < 3.5)].max()), 1e-300))
