"""Eddy-current correction by the water reference, and removal of the residual water.

Klose (1990), Magn Reson Med 14:26-30. HLSVD: `sessions.mrs.hlsvd`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from sessions.mrs.grid import CENTRE_PPM
from sessions.mrs.hlsvd import hlsvd

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

WATER_PPM = (4.4, 5.1)
RANK = 20
SECONDS = 0.2
FEWEST_MODELLED, MOST_MODELLED = 512, 1536
# Scanners distort the first point (filters); it is modelled by going back from the others.
FIRST_MODELLED = 1
# The water's phase is believed while its magnitude is above this share of its beginning (later, weak signals of other
# places beat with it) and above so many times the noise.
TRUSTED_SHARE = 0.015
TRUSTED_SNR = 20.0
TAIL_SHARE = 0.7
FEWEST_POINTS = 32
SMOOTHED_POINTS = 5
FIRST_POINTS = 20


def water_phase(water: Complex, points: int) -> tuple[Real, int]:
    """Return the phase course of a water reference, and how many points of it were believed.

    Beyond them it goes on as a straight line, which is a shift of frequency and no more.
    """
    reference = water[:points]
    magnitude = scipy.ndimage.uniform_filter1d(np.abs(reference), SMOOTHED_POINTS, mode="nearest")
    noise = float(np.median(np.abs(reference[-max(8, len(reference) // 8) :])))
    limit = max(TRUSTED_SHARE * float(magnitude[:FIRST_POINTS].max()), 0.0)
    # A clean reference that has not decayed at its end has no noise to be seen there.
    if TRUSTED_SNR * noise < float(magnitude[:FIRST_POINTS].max()):
        limit = max(limit, TRUSTED_SNR * noise)
    weak = np.flatnonzero(magnitude < limit)
    last = max(FEWEST_POINTS, int(weak[0])) if len(weak) else len(reference)
    last = min(last, len(reference))
    phase = np.unwrap(np.angle(reference))
    if last < points:
        tail = np.arange(int(last * TAIL_SHARE), last)
        slope, offset = np.polyfit(tail, phase[tail], 1)
        phase = np.concatenate([phase[:last], offset + slope * np.arange(last, points)])
    return phase, last


def correct_eddy_currents(fids: Complex, water: Complex) -> Complex:
    """Take the phase course of the water off every decay; water comes to lie at 4.65 ppm with phase zero."""
    points = min(len(water), fids.shape[-1])
    phase, _ = water_phase(water, points)
    return np.asarray(fids[..., :points] * np.exp(-1j * phase))


@dataclass(frozen=True)
class WaterModel:
    """The exponentials of a series' mean, by which the water of each of its transients is found.

    Parameters
    ----------
    solver
        Takes the first points of a decay to the amplitudes of all exponentials.
    water
        The course of each exponential that lies on the water, over all points; columns of `solver`'s result.
    columns
        Which of the amplitudes those are.
    """

    solver: Complex
    water: Complex
    columns: NDArray[np.intp]

    def of(self, fids: Complex) -> Complex:
        """Return the water of decays, one a row."""
        points = self.solver.shape[1]
        amplitudes = fids[:, FIRST_MODELLED : FIRST_MODELLED + points] @ self.solver.T
        return np.asarray(amplitudes[:, self.columns] @ self.water)


def water_model(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> WaterModel | None:
    """Decompose a decay and keep what is needed to find water in others like it; None where there is no water.

    Besides each water exponential its derivative by frequency and width is offered, since both drift in a series.
    """
    points = _points(len(fid), dwell_time_s)
    poles, _ = hlsvd(fid[FIRST_MODELLED : FIRST_MODELLED + points], RANK)
    chosen = _on_water(poles, dwell_time_s, frequency_mhz)
    if not chosen.any():
        return None
    inside = np.exp(np.outer(np.arange(points), np.log(poles + 1e-300)))
    drifting = inside[:, chosen] * (np.arange(points) / points)[:, None]
    table = np.hstack([inside, drifting])
    everywhere = np.arange(len(fid)) - FIRST_MODELLED
    courses = np.exp(np.outer(np.log(poles[chosen]), everywhere))
    water = np.vstack([courses, courses * (everywhere / points)])
    columns = np.concatenate([np.flatnonzero(chosen), len(poles) + np.arange(int(chosen.sum()))])
    return WaterModel(np.linalg.pinv(table, rcond=1e-8), water, columns)


def remove_residual_water(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> tuple[Complex, float]:
    """Subtract the damped exponentials that lie on the residual water of one decay.

    Returns
    -------
    fid, removed
        The decay without water, and the share of the signal's energy that was taken off.
    """
    points = _points(len(fid), dwell_time_s)
    poles, amplitudes = hlsvd(fid[FIRST_MODELLED : FIRST_MODELLED + points], RANK)
    chosen = _on_water(poles, dwell_time_s, frequency_mhz)
    if not chosen.any():
        return fid, 0.0
    water = amplitudes[chosen] @ np.exp(np.outer(np.log(poles[chosen]), np.arange(len(fid)) - FIRST_MODELLED))
    energy = float(np.vdot(fid, fid).real) or 1.0
    return np.asarray(fid - water), float(np.vdot(water, water).real) / energy


def remove_water_of_series(fids: Complex, mean: Complex, dwell_time_s: float, frequency_mhz: float) -> Complex:
    """Subtract the residual water of every transient by the exponentials of their mean."""
    model = water_model(mean, dwell_time_s, frequency_mhz)
    return fids if model is None else np.asarray(fids - model.of(fids))


def _points(available: int, dwell_time_s: float) -> int:
    return min(available - FIRST_MODELLED, max(FEWEST_MODELLED, min(MOST_MODELLED, round(SECONDS / dwell_time_s))))


def _on_water(poles: Complex, dwell_time_s: float, frequency_mhz: float) -> NDArray[np.bool_]:
    ppm = CENTRE_PPM + np.angle(poles) / (2 * np.pi * dwell_time_s) / frequency_mhz
    return np.asarray((ppm > WATER_PPM[0]) & (ppm < WATER_PPM[1]))
