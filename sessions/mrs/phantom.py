"""Creatine alone, as in the phantom by which water scaling is tested: no brain, and still a spectrum."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.grid import CENTRE_PPM

Complex = NDArray[np.complexfloating[Any, Any]]

CREATINE_PPM = (3.027, 3.913)
LARGEST_OFFSET_PPM = 0.3
SPACING_PPM = 0.03
DOMINATES = 5.0
LEAST_SNR = 20.0


def creatine_alone(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> float | None:
    """Return how far (ppm) creatine lies from its shifts, when its two singlets are all there is; else None.

    The two must tower above everything else between 0.2 and 4.3 ppm, at the distance and the ratio of creatine's.
    """
    from scipy.signal import find_peaks  # noqa: PLC0415 - loads half of scipy, for the few spectra that are no brain's

    size = 4 * len(fid)
    decay = np.exp(-np.pi * 3 * dwell_time_s * np.arange(len(fid)))
    ppm = CENTRE_PPM + np.fft.fftfreq(size, dwell_time_s) / frequency_mhz
    order = np.argsort(ppm)
    order = order[(ppm[order] > 0.2) & (ppm[order] < 4.3)]
    magnitude, axis = np.abs(np.fft.fft(fid * decay, size))[order], ppm[order]
    step = float(axis[1] - axis[0])
    peaks, _ = find_peaks(magnitude, distance=max(1, int(0.08 / step)))
    if len(peaks) < 2:
        return None
    peaks = peaks[np.argsort(magnitude[peaks])[::-1]]
    first, second = sorted(peaks[:2])
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
