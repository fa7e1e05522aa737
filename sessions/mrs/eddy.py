"""Whether eddy currents were corrected before a file reached us, so that they are not corrected twice.

Three signs, in this order: the file says so (`ProcessingApplied` of NIfTI-MRS); the water reference's phase is a
straight line, so that there is nothing to correct; or the data themselves look worse once the bend of the reference is
taken off. A correction that is due makes lines sharper and the decay a sum of fewer damped exponentials; one too many
does the opposite. The two ratios were weighed on simulated spectra (docs/explanation/quantification.md): of 270 that
needed the correction one was taken for corrected; of corrected ones 96 % were recognised where the bend is above 30
degrees, 70 % between 20 and 30, 29 % between 12 and 20. Where they are not recognised the correction is made: the
switch is there for who knows better.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.grid import CENTRE_PPM
from sessions.mrs.hlsvd import hlsvd
from sessions.mrs.spectrum import Spectrum
from sessions.mrs.water import remove_residual_water, water_phase

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

METHOD = "Eddy current correction"
STRAIGHT_DEG, TELLING_DEG = 1.0, 8.0
SHARPER_SCALE, SIMPLER_SCALE, CORRECTED_BELOW = 0.03, 0.15, -2.0
SHARP_PPM, BAND_PPM = (1.8, 3.4), (0.2, 4.2)
EXPONENTIALS, MODELLED_POINTS, FEWEST_POINTS = 24, 1024, 256
APODIZATION_HZ = 2.0


def said_by_file(spectrum: Spectrum) -> bool:
    """Whether a file's record of processing names the correction."""
    return any(step.get("Method") == METHOD for step in spectrum.header.get("ProcessingApplied", []))


def bend(water: Complex) -> tuple[Real, float]:
    """Return the phase course of a water reference less its straight line (rad), and its size in degrees.

    The size is the root mean square weighted with the water's power. A straight line is a frequency and a phase, which
    are no eddy current.
    """
    phase, believed = water_phase(water, len(water))
    points = np.arange(len(water))
    weights = np.abs(water[:believed])
    line = np.polyfit(points[:believed], phase[:believed], 1, w=weights)
    course = phase - np.polyval(line, points)
    size = np.sqrt(np.sum((weights * course[:believed]) ** 2) / np.sum(weights**2))
    return course, float(np.rad2deg(size))


@dataclass(frozen=True)
class Evidence:
    """What correcting would do to the data.

    Parameters
    ----------
    sharper
        Sharpness of the spectrum after over before; above 1 the correction was due.
    simpler
        What 24 damped exponentials leave unexplained before over after; above 1 it was due.
    """

    sharper: float
    simpler: float

    @property
    def is_corrected(self) -> bool:
        """Whether the data had been corrected already."""
        score = np.log(self.sharper) / SHARPER_SCALE + np.log(self.simpler) / SIMPLER_SCALE
        return bool(score < CORRECTED_BELOW)


def evidence(fid: Complex, water: Complex, dwell_time_s: float, frequency_mhz: float) -> Evidence | None:
    """Compare a decay as it is with the decay corrected by a water reference; None where it is too short."""
    points = min(len(fid), len(water))
    if points < FEWEST_POINTS:
        return None
    course, _ = bend(water[:points])
    before, after = (
        remove_residual_water(one, dwell_time_s, frequency_mhz)[0]
        for one in (fid[:points], fid[:points] * np.exp(-1j * course))
    )
    return Evidence(
        sharper=_sharpness(after, dwell_time_s, frequency_mhz) / _sharpness(before, dwell_time_s, frequency_mhz),
        simpler=_unexplained(before, dwell_time_s, frequency_mhz) / _unexplained(after, dwell_time_s, frequency_mhz),
    )


def _sharpness(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> float:
    """Return how unevenly power is spread over the large singlets' range."""
    size = 4 * len(fid)
    decay = np.exp(-np.pi * APODIZATION_HZ * np.arange(len(fid)) * dwell_time_s)
    power = np.abs(np.fft.fft(fid * decay, size)[_inside(SHARP_PPM, size, dwell_time_s, frequency_mhz)]) ** 2
    return float(np.sum(power**2) / (np.sum(power) ** 2 + 1e-300)) + 1e-12


def _unexplained(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> float:
    part = fid[1 : 1 + min(len(fid) - 1, MODELLED_POINTS)]
    poles, amplitudes = hlsvd(part, EXPONENTIALS)
    model = amplitudes @ np.exp(np.outer(np.log(poles + 1e-300), np.arange(len(part))))
    inside = _inside(BAND_PPM, len(part), dwell_time_s, frequency_mhz)
    left, whole = (np.linalg.norm(np.fft.fft(one)[inside]) for one in (part - model, part))
    return float(left / (whole + 1e-300)) + 1e-6


def _inside(ppm: tuple[float, float], size: int, dwell_time_s: float, frequency_mhz: float) -> NDArray[np.bool_]:
    axis = CENTRE_PPM + np.fft.fftfreq(size, dwell_time_s) / frequency_mhz
    return np.asarray((axis > ppm[0]) & (axis < ppm[1]))
