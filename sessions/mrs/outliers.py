"""Outlying transients: found by robust statistics, named with the reason, never left out in silence.

A transient is compared with the median of all, aligned, in two ranges: where the metabolites are, and where lipids of
the scalp appear when the head has moved. Its size is compared too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.alignment import water_part
from sessions.mrs.grid import CENTRE_PPM

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

MOST_SPREADS = 6.0
SMALLEST_SPREAD = 0.03
FEWEST_TO_REJECT = 8
LARGEST_CHANGE_OF_SIZE = 0.35
LOWEST_PPM, HIGHEST_PPM = 0.2, 4.1
RANGES = {"metabolites differ": (1.75, HIGHEST_PPM), "lipid range differs": (LOWEST_PPM, 1.75)}
SMOOTHED_PPM = 0.06
CHUNK = 32


@dataclass(frozen=True)
class Outliers:
    """Which transients are kept, and why the others are not."""

    kept: NDArray[np.bool_]
    reasons: dict[int, str]


def find_outliers(aligned: Complex, scales: Real, dwell_time_s: float, frequency_mhz: float) -> Outliers:
    """Judge every transient.

    Parameters
    ----------
    aligned
        (transients, points), aligned.
    scales
        Size of each against what they have in common.
    """
    count = len(aligned)
    reasons: dict[int, str] = {}
    dead = ~np.abs(aligned).any(axis=1)
    if count >= FEWEST_TO_REJECT:
        size = scales / np.median(scales)
        limit = np.maximum(LARGEST_CHANGE_OF_SIZE, MOST_SPREADS * _spread(size))
        for index in np.flatnonzero(np.abs(size - 1) > limit):
            reasons[int(index)] = "signal of another size"
        spectra, axis = _spectra(aligned, dwell_time_s, frequency_mhz)
        for reason, ppm in RANGES.items():
            distances = _distances(spectra, axis, ppm)
            middle = float(np.median(distances))
            limit = MOST_SPREADS * max(_spread(distances), SMALLEST_SPREAD * middle)
            for index in np.flatnonzero(distances > middle + limit):
                reasons.setdefault(int(index), reason)
    for index in np.flatnonzero(dead):
        reasons[int(index)] = "no signal"
    kept = np.ones(count, dtype=bool)
    kept[list(reasons)] = False
    if not kept.any():
        return Outliers(np.ones(count, dtype=bool), {})
    return Outliers(kept, dict(sorted(reasons.items())))


def _spread(values: Real) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _distances(spectra: Complex, axis: Real, ppm: tuple[float, float]) -> Real:
    """Return the norm of each transient's difference from the median within a range."""
    inside = spectra[:, (axis > ppm[0]) & (axis < ppm[1])]
    middle = np.median(inside.real, axis=0) + 1j * np.median(inside.imag, axis=0)
    return np.asarray(np.linalg.norm(inside - middle, axis=1))


def _spectra(aligned: Complex, dwell_time_s: float, frequency_mhz: float) -> tuple[Complex, Real]:
    """Return smoothed spectra without water, and their axis: what lasts one line's width stands out of the noise."""
    points = aligned.shape[1]
    axis = CENTRE_PPM + np.fft.fftfreq(points, dwell_time_s) / frequency_mhz
    window = np.exp(-np.arange(points) * dwell_time_s * np.pi * SMOOTHED_PPM * frequency_mhz)
    inside = np.flatnonzero((axis > LOWEST_PPM) & (axis < HIGHEST_PPM))
    spectra = np.empty((len(aligned), len(inside)), dtype=np.complex128)
    for first in range(0, len(aligned), CHUNK):
        part = aligned[first : first + CHUNK]
        part = (part - water_part(part, dwell_time_s, frequency_mhz)) * window
        spectra[first : first + CHUNK] = np.fft.fft(part, axis=1)[:, inside]
    return spectra, axis[inside]
