"""Creatine alone, as in the phantom by which water scaling is tested: no brain, and still a spectrum."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.grid import CENTRE_PPM

Complex = NDArray[np.complexfloating[Any, Any]]

CREATINE_PPM = (3.027, 3.913)
LARGEST_OFFSET_PPM = 0.3
SPACING_PPM, APART_PPM = 0.03, 0.08
DOMINATES = 5.0
LEAST_SNR = 20.0


def creatine_alone(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> float | None:
    """Return how far (ppm) creatine lies from its shifts, when its two singlets are all there is; else None.

    The two must tower above everything else between 0.2 and 4.3 ppm, at the distance and the ratio of creatine's.
    """
    size = 4 * len(fid)
    decay = np.exp(-np.pi * 3 * dwell_time_s * np.arange(len(fid)))
    ppm = CENTRE_PPM + np.fft.fftfreq(size, dwell_time_s) / frequency_mhz
    order = np.argsort(ppm)
    order = order[(ppm[order] > 0.2) & (ppm[order] < 4.3)]
    magnitude, axis = np.abs(np.fft.fft(fid * decay, size))[order], ppm[order]
    step = float(axis[1] - axis[0])
    pair = _highest_two(magnitude, max(1, int(APART_PPM / step)))
    if pair is None:
        return None
    first, second = pair
    spacing = float(axis[second] - axis[first]) - (CREATINE_PPM[1] - CREATINE_PPM[0])
    ratio = float(magnitude[second] / magnitude[first])
    offset = float(axis[first]) - CREATINE_PPM[0]
    away = np.min([np.abs(axis - axis[first]), np.abs(axis - axis[second])], axis=0) > 0.3
    rest = float(magnitude[away].max()) if away.any() else 0.0
    noise = float(np.median(np.abs(np.diff(magnitude[away], n=2)))) if away.sum() > 2 else 0.0
    least = float(magnitude[second])
    if abs(spacing) > SPACING_PPM or not 0.4 < ratio < 0.95 or abs(offset) > LARGEST_OFFSET_PPM:
        return None
    return offset if least > DOMINATES * rest and least > LEAST_SNR * noise else None


def _highest_two(magnitude: NDArray[np.floating[Any]], apart: int) -> tuple[int, int] | None:
    """Return the places of the two highest peaks at least so many points apart, in their order.

    As `scipy.signal.find_peaks(distance=apart)` finds them, which loads half of scipy: that is most of the time in
    which a spectrum of nothing is refused.
    """
    middle = magnitude[1:-1]
    tops = 1 + np.flatnonzero((middle > magnitude[:-2]) & (middle > magnitude[2:]))
    if not len(tops):
        return None
    highest = int(tops[np.argmax(magnitude[tops])])
    others = tops[np.abs(tops - highest) >= apart]
    if not len(others):
        return None
    other = int(others[np.argmax(magnitude[others])])
    return min(highest, other), max(highest, other)
