"""Damped exponentials of a decay (HLSVD).

Barkhuijsen et al. (1987), J Magn Reson 73:553-557; the singular vectors are found by Lanczos iterations whose products
with the Hankel matrix are two Fourier transforms (Laudadio et al. 2002, J Magn Reson 157:292-297).
"""

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, svds

Complex = NDArray[np.complexfloating[Any, Any]]


def hlsvd(signal: Complex, rank: int) -> tuple[Complex, Complex]:
    """Decompose a decay into damped exponentials.

    Returns
    -------
    poles, amplitudes
        The decay is about the sum of amplitude * pole ** n; growing poles are put on the unit circle.
    """
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
