"""Coil combination: whitened singular value decomposition (Rodgers and Robson 2010, Magn Reson Med 63:881-891).

The noise of all coils is made white and equal; then the coils are weighted by the first singular vector of the water
reference, or of the data themselves. Signals of many coils fill most of a worker's memory: they are read a few
transients at a time and never copied as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.spectrum import Spectrum

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

CHUNK = 8
SHRINKAGE = 0.05
SIGNAL_SHARE = 4
NOISE_SHARE = 8
FIRST_POINTS = 32


@dataclass(frozen=True)
class Combined:
    """One signal a transient.

    Parameters
    ----------
    fids
        (transients, points).
    water
        Mean of the water reference under the same weights, so that both keep one scale; or None.
    record
        What was done: number of coils, weights by `water`, `signal` or `scanner`, share of the signal in the first
        singular vector.
    """

    fids: Complex
    water: Complex | None
    record: dict[str, Any]


def combine(spectrum: Spectrum, water: Spectrum | None, *, by_water: bool = True) -> Combined:
    """Combine the coils of an acquisition and of its water reference.

    Parameters
    ----------
    spectrum, water
        Data and water reference.
    by_water
        Take the weights from the water reference where it has the same coils.
    """
    coils = spectrum.fids.shape[1]
    if coils == 1:
        only = np.asarray(spectrum.fids[:, 0], dtype=np.complex128)
        return Combined(only, None if water is None else _own(water), {"coils": 1, "by": "scanner"})
    has_water = water is not None and water.fids.shape[1] == coils
    source = water if by_water and has_water and water is not None else spectrum
    whitening = _whitening(spectrum)
    weights, rank1 = _weights(source, whitening)
    record = {
        "coils": int(coils),
        "by": "signal" if source is spectrum else "water",
        "rank1": round(rank1, 4),
        "weights": [round(float(share), 4) for share in np.abs(weights) / np.abs(weights).max()],
    }
    fids = _weighted(spectrum, weights)
    if water is None or not has_water:
        return Combined(fids, None if water is None else _own(water), record)
    return Combined(fids, _in_phase(_weighted(water, weights)), record)


def _own(water: Spectrum) -> Complex:
    """Return the mean of a water reference whose coils are not those of the data."""
    if water.fids.shape[1] == 1:
        return _in_phase(np.asarray(water.fids[:, 0], dtype=np.complex128))
    weights, _ = _weights(water, _whitening(water))
    return _in_phase(_weighted(water, weights))


def _in_phase(fids: Complex) -> Complex:
    """Return the mean of a water reference's transients, each turned to the phase of the first."""
    early = fids[:, :FIRST_POINTS]
    turns = np.exp(-1j * np.angle((early * early[0].conj()).sum(axis=1)))
    return np.asarray((fids * turns[:, None]).mean(axis=0))


def _chunks(spectrum: Spectrum, points: slice) -> Iterator[Complex]:
    for first in range(0, spectrum.transients, CHUNK):
        yield spectrum.fids[first : first + CHUNK, :, points].astype(np.complex128)


def _whitening(spectrum: Spectrum) -> Complex:
    """Return the matrix that makes the coils' noise white, from second differences of the late part."""
    coils, points = spectrum.fids.shape[1:]
    covariance = np.zeros((coils, coils), dtype=np.complex128)
    late = slice(points - max(16, points // NOISE_SHARE), points)
    for part in _chunks(spectrum, late):
        steps = np.diff(part, n=2, axis=2)
        covariance += np.einsum("tan,tbn->ab", steps, steps.conj())
    powers = np.diag(covariance).real
    floor = 1e-12 * float(powers.max()) + 1e-300
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.diag(powers)
    covariance[np.diag_indices(coils)] += floor
    values, vectors = np.linalg.eigh(covariance)
    scaled = vectors / np.sqrt(np.maximum(values, floor))
    return np.asarray(scaled @ vectors.conj().T * np.sqrt(float(np.median(powers)) + 1e-300))


def _weights(source: Spectrum, whitening: Complex) -> tuple[Complex, float]:
    """Return the coils' weights and the share of the signal that one singular vector explains.

    Each transient counts alike whatever its size, frequency and phase, so that neither drift nor one spoilt transient
    decides.
    """
    coils, points = source.fids.shape[1:]
    early = slice(0, max(min(points, 64), points // SIGNAL_SHARE))
    covariance = np.zeros((coils, coils), dtype=np.complex128)
    for part in _chunks(source, early):
        white = whitening @ part
        energy = (np.abs(white) ** 2).sum(axis=(1, 2)) + 1e-300
        covariance += np.einsum("tan,tbn,t->ab", white, white.conj(), 1 / energy)
    values, vectors = np.linalg.eigh(covariance)
    weights = vectors[:, -1].conj() @ whitening
    weights /= np.linalg.norm(weights)
    mean = source.fids[:, :, 0].mean(axis=0)
    weights = weights * np.exp(-1j * np.angle(weights @ mean))
    return np.asarray(weights), float(values[-1] / max(float(values.sum()), 1e-300))


def _weighted(spectrum: Spectrum, weights: Complex) -> Complex:
    fids = np.empty((spectrum.transients, spectrum.points), dtype=np.complex128)
    for position, part in enumerate(_chunks(spectrum, slice(None))):
        fids[position * CHUNK : position * CHUNK + len(part)] = weights @ part
    return fids
