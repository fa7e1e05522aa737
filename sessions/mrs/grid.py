"""The decimated grid: the spectrum's window of -0.5 to 5 ppm, and the time points that belong to it.

Zero-filling once makes the real part of the spectrum hold all information of the decay; cutting the window makes the
model two to eight times cheaper.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

CENTRE_PPM = 4.65
WINDOW_PPM = (-0.5, 5.0)
# What comes later is noise: a line of 4 Hz has fallen to 0.05 %.
LONGEST_SECONDS = 0.6


@dataclass(frozen=True)
class TimeGrid:
    """Window, frequencies and times of one kind of acquisition.

    Parameters
    ----------
    frequency_mhz
        Proton frequency of the data.
    start_hz
        Frequency of the window's first point, from 4.65 ppm.
    first_bin, size
        The window's place in the zero-filled spectrum (ascending frequencies) and its number of points.
    dwell_time_s, times_s
        Decimated sampling interval and times; half the window's points, since the other half is zero-filling.
    ppm
        Axis of the window, ascending.
    source_dwell_time_s, source_points
        What the grid was made for.
    """

    frequency_mhz: float
    start_hz: float
    first_bin: int
    size: int
    dwell_time_s: float
    times_s: Real
    ppm: Real
    source_dwell_time_s: float
    source_points: int

    def spectrum(self, fid: Complex) -> Complex:
        """Return the window of the zero-filled spectrum of a decay (or of each row)."""
        halved = fid[..., : self.source_points].copy()
        halved[..., 0] /= 2
        full = scipy.fft.fftshift(scipy.fft.fft(halved, 2 * self.source_points), axes=-1)
        return np.asarray(full[..., self.first_bin : self.first_bin + self.size])


def longest(dwell_time_s: float) -> int:
    """Return how many points of a decay are fitted at most."""
    return int(LONGEST_SECONDS / dwell_time_s)


def make_grid(frequency_mhz: float, dwell_time_s: float, points: int) -> TimeGrid:
    """Make the grid for an acquisition; of a decay longer than 0.6 s the rest is not used.

    Parameters
    ----------
    frequency_mhz, dwell_time_s, points
        Of the data as acquired.
    """
    points = min(points, longest(dwell_time_s))
    size = 2 * points
    resolution_hz = 1 / (size * dwell_time_s)
    first = int(np.ceil((WINDOW_PPM[0] - CENTRE_PPM) * frequency_mhz / resolution_hz))
    count = int((WINDOW_PPM[1] - WINDOW_PPM[0]) * frequency_mhz / resolution_hz)
    first = max(first, -points)
    available = points - first
    count = _fast_length(min(count, available), available)
    start_hz = first * resolution_hz
    dwell = 1 / (count * resolution_hz)
    return TimeGrid(
        frequency_mhz=frequency_mhz,
        start_hz=start_hz,
        first_bin=first + points,
        size=count,
        dwell_time_s=dwell,
        times_s=np.arange(count // 2) * dwell,
        ppm=CENTRE_PPM + (start_hz + np.arange(count) * resolution_hz) / frequency_mhz,
        source_dwell_time_s=dwell_time_s,
        source_points=points,
    )


def _fast_length(count: int, available: int) -> int:
    """Return an even length near `count` that the transform likes: the window may grow or shrink by a few points."""
    length = scipy.fft.next_fast_len(count)
    while length <= available:
        if length % 2 == 0:
            return int(length)
        length = scipy.fft.next_fast_len(length + 1)
    return count - count % 2
