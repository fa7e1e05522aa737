"""Frequency and phase alignment of transients (spectral registration, Near et al. 2015, Magn Reson Med 73:44-50).

A start by cross-correlation of zero-padded spectra, then Gauss-Newton steps for all transients at once on the
time-domain difference from a common reference, which is built again after each round.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

ROUNDS = 3
STEPS = 3
LONGEST_SECONDS = 0.25
LARGEST_SHIFT_HZ = 20.0
RANGE_PPM = (1.7, 4.0)


def align(fids: Complex, dwell_time_s: float, frequency_mhz: float) -> tuple[Complex, Real, Real]:
    """Align transients.

    Parameters
    ----------
    fids
        (transients, points), ascending frequencies.

    Returns
    -------
    aligned, shifts_hz, phases
        What was taken off each transient; both have mean zero, so that the average stays where it was.
    """
    points = min(fids.shape[1], int(LONGEST_SECONDS / dwell_time_s))
    times = np.arange(points) * dwell_time_s
    part = _band(fids, dwell_time_s, frequency_mhz)[:, :points]
    weight = np.exp(-times * 8)
    reference = part[_most_typical(part)]
    shifts, phases = _start(part * weight, reference * weight, dwell_time_s)
    for _ in range(ROUNDS):
        turned = part * np.exp(-2j * np.pi * shifts[:, None] * times - 1j * phases[:, None])
        reference = turned.mean(axis=0)
        shifts, phases = _refine(part, reference, times, weight, shifts=shifts, phases=phases)
        shifts = _shrunk(shifts)
    shifts, phases = shifts - shifts.mean(), phases - _mean_angle(phases)
    phases = np.angle(np.exp(1j * phases))
    everywhere = np.arange(fids.shape[1]) * dwell_time_s
    turned = fids * np.exp(-2j * np.pi * shifts[:, None] * everywhere - 1j * phases[:, None])
    return np.asarray(turned), shifts, phases


def _band(fids: Complex, dwell_time_s: float, frequency_mhz: float) -> Complex:
    """Keep the metabolites' range, so that a drifting residual water does not lead."""
    spectra = np.fft.fft(fids, axis=1)
    ppm = 4.65 + np.fft.fftfreq(fids.shape[1], dwell_time_s) / frequency_mhz
    edge = np.clip(np.minimum(ppm - RANGE_PPM[0], RANGE_PPM[1] - ppm) / 0.1 + 0.5, 0, 1)
    return np.asarray(np.fft.ifft(spectra * edge, axis=1))


def _most_typical(fids: Complex) -> int:
    energy = np.linalg.norm(fids, axis=1)
    return int(np.argsort(energy, kind="stable")[len(energy) // 2])


def _start(fids: Complex, reference: Complex, dwell_time_s: float) -> tuple[Real, Real]:
    """Find the shift whose product with the reference adds up most, on a zero-padded grid."""
    size = 16 * fids.shape[1]
    product = np.fft.fft(fids * reference.conj(), size, axis=1)
    hertz = np.fft.fftfreq(size, dwell_time_s)
    magnitude = np.where(np.abs(hertz) <= LARGEST_SHIFT_HZ, np.abs(product), 0)
    best = magnitude.argmax(axis=1)
    rows = np.arange(len(fids))
    return np.asarray(hertz[best]), np.asarray(np.angle(product[rows, best]))


def _refine(
    fids: Complex, reference: Complex, times: Real, weight: Real, *, shifts: Real, phases: Real
) -> tuple[Real, Real]:
    for _ in range(STEPS):
        model = reference * np.exp(2j * np.pi * shifts[:, None] * times + 1j * phases[:, None])
        # An own amplitude for each transient keeps motion from turning into shift.
        scale = (model.conj() * fids * weight).sum(axis=1).real / (np.abs(model) ** 2 * weight).sum(axis=1)
        model = model * scale[:, None]
        residual = fids - model
        by_phase = 1j * model
        by_shift = 2j * np.pi * times * model
        a = (np.abs(by_shift) ** 2 * weight).sum(axis=1)
        b = (by_shift.conj() * by_phase * weight).sum(axis=1).real
        c = (np.abs(by_phase) ** 2 * weight).sum(axis=1)
        u = (by_shift.conj() * residual * weight).sum(axis=1).real
        v = (by_phase.conj() * residual * weight).sum(axis=1).real
        determinant = a * c - b * b + 1e-300
        shifts = shifts + np.clip((c * u - b * v) / determinant, -2, 2)
        phases = phases + (a * v - b * u) / determinant
    return shifts, phases


def _shrunk(shifts: Real) -> Real:
    """Pull a lost transient (far outside what the others do) back to their median."""
    middle = np.median(shifts)
    spread = np.median(np.abs(shifts - middle)) * 1.4826 + 0.5
    return np.where(np.abs(shifts - middle) > 8 * spread, middle, shifts)


def _mean_angle(phases: Real) -> float:
    return float(np.angle(np.exp(1j * phases).mean()))
