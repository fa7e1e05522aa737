"""Eddy-current correction by the water reference, and removal of the residual water.

Klose (1990), Magn Reson Med 14:26-30. HLSVD: Barkhuijsen et al. (1987), J Magn Reson 73:553-557, with the singular
vectors found by Lanczos iterations whose products with the Hankel matrix are two transforms (Laudadio et al. 2002).
"""

from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, svds

from sessions.mrs.grid import CENTRE_PPM

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

WATER_PPM = (4.4, 5.1)
TRUSTED_SNR = 20.0
HLSVD_RANK = 20
HLSVD_POINTS = 1024


def correct_eddy_currents(fids: Complex, water: Complex) -> Complex:
    """Take the phase course of the water off every decay; water comes to lie at 4.65 ppm with phase zero.

    Beyond the time where the water has decayed towards the noise, its phase goes on as a straight line.
    """
    points = min(len(water), fids.shape[-1])
    reference = water[:points]
    noise = np.median(np.abs(reference[-points // 8 :])) + 1e-300
    phase = np.unwrap(np.angle(reference))
    magnitude = scipy.ndimage.uniform_filter1d(np.abs(reference), 5)
    weak = np.flatnonzero(magnitude < TRUSTED_SNR * noise)
    last = int(weak[0]) if len(weak) and weak[0] > 32 else (points if not len(weak) else 32)
    if last < points:
        tail = np.arange(last // 2, last)
        slope, offset = np.polyfit(tail, phase[tail], 1)
        phase[last:] = offset + slope * np.arange(last, points)
    return np.asarray(fids[..., :points] * np.exp(-1j * phase))


def remove_residual_water(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> tuple[Complex, float]:
    """Subtract the damped exponentials that lie on the residual water.

    Returns
    -------
    fid, removed
        The decay without water, and the share of the signal's energy that was taken off.
    """
    poles, amplitudes = hlsvd(fid, HLSVD_RANK)
    ppm = CENTRE_PPM + np.angle(poles) / (2 * np.pi * dwell_time_s) / frequency_mhz
    chosen = (ppm > WATER_PPM[0]) & (ppm < WATER_PPM[1])
    if not chosen.any():
        return fid, 0.0
    water = amplitudes[chosen] @ np.exp(np.outer(np.log(poles[chosen]), np.arange(len(fid))))
    energy = float(np.vdot(fid, fid).real) or 1.0
    return np.asarray(fid - water), float(np.vdot(water, water).real) / energy


def hlsvd(fid: Complex, rank: int) -> tuple[Complex, Complex]:
    """Decompose a decay into damped exponentials.

    Returns
    -------
    poles, amplitudes
        The decay is about the sum of amplitude * pole ** n; growing poles are put on the unit circle.
    """
    signal = fid[:HLSVD_POINTS]
    rows = len(signal) // 2
    columns = len(signal) - rows + 1
    size = scipy.fft.next_fast_len(len(signal) + columns)
    forward = scipy.fft.fft(signal, size)

    # Hankel products are correlations: (H x)_i = sum_j s_(i+j) x_j, and H^H y with the conjugate signal.
    def times(x: Complex) -> Complex:
        return np.asarray(
            scipy.fft.ifft(forward * scipy.fft.fft(x.ravel()[::-1], size))[columns - 1 : columns - 1 + rows]
        )

    backward = scipy.fft.fft(signal.conj(), size)

    def adjoint(y: Complex) -> Complex:
        return np.asarray(
            scipy.fft.ifft(backward * scipy.fft.fft(y.ravel()[::-1], size))[rows - 1 : rows - 1 + columns]
        )

    hankel = LinearOperator((rows, columns), matvec=times, rmatvec=adjoint, dtype=np.complex128)
    start = np.ones(min(rows, columns), dtype=np.complex128)
    left, _, _ = svds(hankel, k=rank, v0=start, tol=1e-6)
    shift, *_ = np.linalg.lstsq(left[:-1], left[1:], rcond=None)
    poles = np.linalg.eigvals(shift)
    poles = poles / np.maximum(np.abs(poles), 1)
    vandermonde = np.exp(np.outer(np.arange(len(signal)), np.log(poles + 1e-300)))
    amplitudes, *_ = np.linalg.lstsq(vandermonde, signal, rcond=None)
    return poles, amplitudes
