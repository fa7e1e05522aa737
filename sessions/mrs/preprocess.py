"""Preprocessing in the order of the experts' consensus (Near et al. 2021, NMR Biomed 34:e4257), each step on record.

Coils are combined, outlying transients left out, the rest aligned in frequency and phase, averaged whole or by blocks,
corrected for eddy currents, freed of the residual water. What the scanner has done already is recognised and recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.alignment import align
from sessions.mrs.checks import find_singlets, oriented
from sessions.mrs.settings import Settings
from sessions.mrs.spectrum import Spectrum
from sessions.mrs.water import correct_eddy_currents, remove_residual_water

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

OUTLIER_MADS = 6.0
FEWEST_TO_REJECT = 8


@dataclass(frozen=True)
class Prepared:
    """What goes into the fit.

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
    """

    mean: Complex
    blocks: tuple[Complex, ...]
    steps: tuple[dict[str, Any], ...]
    offset_ppm: float
    water_residual: float
    transients: dict[str, Any]


def prepare(spectrum: Spectrum, water: Spectrum | None, settings: Settings, block_count: int) -> Prepared:
    """Bring an acquisition to what is fitted.

    Parameters
    ----------
    spectrum, water
        Data and water reference, checked.
    block_count
        Consecutive blocks of transients that are averaged apart; 0 for none.
    """
    spectrum, was_turned = oriented(spectrum)
    steps: list[dict[str, Any]] = [{"step": "orientation", "was_conjugated": was_turned}]
    # The direction of frequency cannot be told from water: it is that of the spectrum, from the same scanner.
    water = water.conjugated() if water is not None and was_turned else water
    reference = _water_fid(water) if water is not None else None
    transients, combined = _combine_coils(spectrum, water)
    steps.append({"step": "coil combination", **combined})
    dwell, frequency = spectrum.dwell_time_s, spectrum.frequency_mhz
    kept, aligned, detail = _average_ready(transients, dwell, frequency)
    steps.append({"step": "outlying transients", "rejected": detail["rejected"]})
    steps.append({"step": "alignment", **detail["alignment"]})
    averages = [aligned[kept].mean(axis=0)]
    for part in np.array_split(np.arange(len(aligned)), block_count) if block_count else ():
        chosen = part[kept[part]] if kept[part].any() else part
        averages.append(aligned[chosen].mean(axis=0))
    steps.append({"step": "averaging", "transients": len(aligned), "blocks": block_count})
    stacked = np.stack(averages)
    if reference is not None and settings.eddy_current:
        stacked = correct_eddy_currents(stacked, reference)
        steps.append({"step": "eddy currents", "corrected": True})
    else:
        steps.append({"step": "eddy currents", "corrected": False})
    residual = _water_height(stacked[0], dwell, frequency)
    if settings.remove_water:
        cleaned = [remove_residual_water(fid, dwell, frequency) for fid in stacked]
        stacked = np.stack([fid for fid, _ in cleaned])
        steps.append({"step": "residual water", "removed_energy_share": round(cleaned[0][1], 6)})
    offset = find_singlets(stacked[0], dwell, frequency)
    return Prepared(stacked[0], tuple(stacked[1:]), tuple(steps), offset, residual, detail["table"])


def _combine_coils(spectrum: Spectrum, water: Spectrum | None) -> tuple[Complex, dict[str, Any]]:
    """Weight the coils by the first singular vector of the water (or of the data) after noise is made alike."""
    fids = spectrum.fids
    if fids.shape[1] == 1:
        return fids[:, 0], {"coils": 1, "by": "scanner"}
    has_water = water is not None and water.fids.shape[1] == fids.shape[1]
    source = water.fids.mean(axis=0) if has_water and water is not None else fids.mean(axis=0)
    tail = fids[:, :, -fids.shape[2] // 8 :]
    noise = tail.std(axis=(0, 2)) + 1e-300
    left, values, _ = np.linalg.svd(source / noise[:, None], full_matrices=False)
    weights = left[:, 0].conj() / noise
    weights = weights * np.exp(-1j * np.angle(weights @ source[:, 0])) / np.linalg.norm(weights)
    record = {
        "coils": int(fids.shape[1]),
        "by": "water" if has_water else "signal",
        "rank1": round(float(values[0] ** 2 / (values**2).sum()), 4),
    }
    return np.asarray(np.einsum("c,tcn->tn", weights, fids)), record


def _water_fid(water: Spectrum) -> Complex:
    combined, _ = _combine_coils(water, water)
    return np.asarray(combined.mean(axis=0))


def _average_ready(fids: Complex, dwell: float, frequency: float) -> tuple[NDArray[np.bool_], Complex, dict[str, Any]]:
    """Align the transients and mark outliers."""
    count = len(fids)
    if count == 1:
        table: dict[str, Any] = {"count": 1}
        return np.ones(1, dtype=bool), fids, {"rejected": [], "alignment": {"by": "scanner"}, "table": table}
    aligned, shifts_hz, phases = align(fids, dwell, frequency)
    mean = np.median(aligned.real, axis=0) + 1j * np.median(aligned.imag, axis=0)
    distance = np.linalg.norm(aligned - mean, axis=1)
    spread = np.median(np.abs(distance - np.median(distance))) * 1.4826
    kept = np.ones(count, dtype=bool)
    if count >= FEWEST_TO_REJECT:
        kept = distance <= np.median(distance) + OUTLIER_MADS * max(spread, 1e-3 * float(np.median(distance)))
    detail = {
        "rejected": [int(index) for index in np.flatnonzero(~kept)],
        "alignment": {
            "by": "spectral registration",
            "shift_sd_hz": round(float(shifts_hz.std()), 3),
            "phase_sd_deg": round(float(np.rad2deg(phases.std())), 2),
        },
        "table": {
            "count": count,
            "shift_hz": _rounded(shifts_hz, 3),
            "phase_deg": _rounded(np.rad2deg(phases), 2),
            "rejected": [int(index) for index in np.flatnonzero(~kept)],
        },
    }
    return kept, aligned, detail


def _rounded(values: Sequence[float] | Real, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def _water_height(fid: Complex, dwell: float, frequency: float) -> float:
    size = 2 * len(fid)
    magnitude = np.abs(np.fft.fft(fid, size))
    ppm = 4.65 + np.fft.fftfreq(size, dwell) / frequency
    water = magnitude[(ppm > 4.4) & (ppm < 4.9)].max()
    return float(water / max(float(magnitude[(ppm > 1.8) & (ppm < 3.5)].max()), 1e-300))
