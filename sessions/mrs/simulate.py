"""Basis spectra by density-matrix simulation with ideal pulses: PRESS(TE1, TE2), STEAM(TE, TM), semi-LASER(TE).

Product operators are Kronecker products; at most seven protons couple, so the matrices are at most 128 x 128. The
result of a simulation is a list of lines (frequency, complex amplitude), from which a free induction decay on any time
grid is a small matrix product. Shaped pulses and their displacement are out of scope: for those upload the basis of
the sequence.

References: Levitt, Spin Dynamics (2008), chapters 14-18; for STEAM, ideal crushers keep coherence order +1 in the
first half of TE, 0 during TM and -1 in the second half.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.errors import MrsError
from sessions.mrs.grid import CENTRE_PPM
from sessions.mrs.spins import BRAIN, SPIN_SYSTEMS, SpinGroup

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

SMALLEST_LINE = 1e-5
GRID_HZ = 0.005


@dataclass(frozen=True)
class Sequence:
    """A sequence of ideal pulses.

    Parameters
    ----------
    kind
        `press`, `steam` or `slaser`.
    first_ms, second_ms
        TE1 and TE2 of PRESS; TE and TM of STEAM; TE of semi-LASER.
    frequency_mhz
        Proton frequency.
    names
        Metabolites that are simulated.
    """

    kind: str
    first_ms: float
    second_ms: float
    frequency_mhz: float
    names: tuple[str, ...] = BRAIN

    @property
    def echo_time_ms(self) -> float:
        """The echo time of the whole sequence."""
        return self.first_ms + self.second_ms if self.kind == "press" else self.first_ms


@dataclass(frozen=True)
class Lines:
    """A stick spectrum: frequencies in Hz from 4.65 ppm, complex amplitudes."""

    frequencies_hz: Real
    amplitudes: Complex

    def fid(self, dwell_time_s: float, points: int) -> Complex:
        """Return the undamped decay on a time grid, as the product of two small phase tables."""
        width = int(np.ceil(np.sqrt(points)))
        angles = 2j * np.pi * dwell_time_s * self.frequencies_hz
        coarse = np.exp(np.outer(np.arange(width) * width, angles)) * self.amplitudes
        fine = np.exp(np.outer(angles, np.arange(width)))
        return np.asarray((coarse @ fine).ravel()[:points], dtype=np.complex128)

    def table(self, dwell_time_s: float, points: int) -> Complex:
        """Return every line's decay as a row."""
        return geometric_rows(2j * np.pi * dwell_time_s * self.frequencies_hz, points) * self.amplitudes[:, None]


def geometric_rows(rates: Complex, points: int) -> Complex:
    """Return exp(rate * n) for n = 0..points-1, one rate a row, from two small tables of exponentials."""
    width = int(np.ceil(np.sqrt(points)))
    coarse = np.exp(np.outer(rates, np.arange(width) * width))
    fine = np.exp(np.outer(rates, np.arange(width)))
    return np.asarray((coarse[:, :, None] * fine[:, None, :]).reshape(len(rates), -1)[:, :points])


_NUMBER = r"(\d+(?:\.\d+)?)"
_SPEC = re.compile(
    rf"^sim:(?:(press|steam):{_NUMBER},{_NUMBER}|(slaser):{_NUMBER})@{_NUMBER}T((?:\+\w+)*)$", re.IGNORECASE | re.ASCII
)
GYROMAGNETIC_MHZ_PER_T = 42.577478518


def parse_simulation(spec: str) -> Sequence:
    """Read `sim:press:TE1,TE2@3T`, `sim:steam:TE,TM@7T` or `sim:slaser:TE@7T` (times in ms).

    More metabolites of the spin table than those of a healthy brain are asked for by name: `@3T+2HG+Ser`.

    Raises
    ------
    MrsError
        `basis-simulation-invalid`.
    """
    match = _SPEC.match(spec)
    if match is None:
        raise MrsError(
            "basis-simulation-invalid",
            "The simulated basis must be written like sim:press:11,19@3T (TE1, TE2 in ms), "
            "sim:steam:11,32@7T (TE, TM) or sim:slaser:36@7T (TE).",
        )
    kind = (match[1] or match[4]).lower()
    first, second, tesla = float(match[2] or match[5]), float(match[3] or 0), float(match[6])
    if not (1 <= first <= 500 and (kind == "slaser" or 1 <= second <= 500) and 0.5 <= tesla <= 15):
        raise MrsError("basis-simulation-invalid", "The times must lie in 1-500 ms and the field in 0.5-15 T.")
    known = {name.lower(): name for name in SPIN_SYSTEMS}
    more = [name for name in match[7].lower().split("+") if name]
    unknown = [name for name in more if name not in known]
    if unknown:
        raise MrsError(
            "basis-simulation-invalid",
            f"{unknown[0][:20]} is not in the table of spin systems; there are {', '.join(SPIN_SYSTEMS)}.",
        )
    names = tuple(dict.fromkeys((*BRAIN, *(known[name] for name in more))))
    return Sequence(kind, first, second, tesla * GYROMAGNETIC_MHZ_PER_T, names)


def simulate_metabolite(name: str, sequence: Sequence) -> Lines:
    """Simulate one metabolite of the spin table; one proton's amplitude is 1."""
    parts = [
        _group_lines(group, sequence, sign)
        for group in SPIN_SYSTEMS[name]
        for sign in ((-1, 1) if group.phosphorus_hz else (0,))
    ]
    return Lines(
        np.concatenate([part.frequencies_hz for part in parts]), np.concatenate([part.amplitudes for part in parts])
    )


@lru_cache(maxsize=8)
def _operators(spins: int) -> tuple[tuple[Real, ...], tuple[Real, ...], Real]:
    """Return the z operators (diagonals), the lowering operators and the coherence order of each element."""
    sigma_z = np.array([0.5, -0.5])
    lower = np.array([[0.0, 0.0], [1.0, 0.0]])
    z: list[Real] = []
    minus: list[Real] = []
    for spin in range(spins):
        before, after = np.eye(2**spin), np.eye(2 ** (spins - spin - 1))
        diagonal = np.kron(np.kron(np.ones(2**spin), sigma_z), np.ones(2 ** (spins - spin - 1)))
        z.append(np.asarray(diagonal, dtype=np.float64))
        minus.append(np.kron(np.kron(before, lower), after))
    total = np.sum(z, axis=0)
    return tuple(z), tuple(minus), np.rint(total[:, None] - total[None, :])


def _group_lines(group: SpinGroup, sequence: Sequence, phosphorus: int) -> Lines:
    """Simulate one group, with 31P (if any) up or down."""
    spins = len(group.shifts_ppm)
    z, minus, order = _operators(spins)
    offsets_hz = [(shift - CENTRE_PPM) * sequence.frequency_mhz for shift in group.shifts_ppm]
    for position, coupling in group.phosphorus_hz.items():
        offsets_hz[position] += phosphorus * coupling / 2
    hamiltonian = np.diag(np.sum([offset * spin for offset, spin in zip(offsets_hz, z, strict=True)], axis=0))
    for (i, j), coupling in group.couplings_hz.items():
        flip = (minus[i].T @ minus[j]) / 2
        hamiltonian = hamiltonian + coupling * (np.diag(z[i] * z[j]) + flip + flip.T)
    energies_hz, vectors = np.linalg.eigh(hamiltonian)
    lowering = np.sum(minus, axis=0)
    density = _evolve(sequence, energies_hz, vectors, lowering, order)
    # Signal Tr(rho(t) F+): element (j, k) of rho in the eigenbasis turns at E_k - E_j: a higher
    # shift is a higher frequency.
    in_eigenbasis = vectors.T @ density @ vectors
    detector = vectors.T @ lowering.T @ vectors
    amplitudes = in_eigenbasis * detector.T
    frequencies = energies_hz[None, :] - energies_hz[:, None]
    weight = group.weight / 2 ** (spins - 1) / (2 if group.phosphorus_hz else 1)
    keep = np.abs(amplitudes) > SMALLEST_LINE * 2 ** (spins - 1)
    return _merge(frequencies[keep], amplitudes[keep] * weight)


def _evolve(sequence: Sequence, energies_hz: Real, vectors: Real, lowering: Real, order: Real) -> Complex:
    """Carry the density matrix from equilibrium to the start of the acquisition."""

    def delay(milliseconds: float) -> Complex:
        return np.asarray((vectors * np.exp(-2j * np.pi * energies_hz * milliseconds / 1000)) @ vectors.T)

    def free(density: Complex, milliseconds: float) -> Complex:
        propagator = delay(milliseconds)
        return np.asarray(propagator @ density @ propagator.conj().T)

    if sequence.kind != "steam":
        # An ideal 180 degree pulse about the axis of the magnetisation turns every product state over: the density
        # matrix is reversed in both indices. The first 90 leaves F+ + F- / 2; only what ends as F- is seen.
        density: Complex = ((lowering + lowering.T) / 2).astype(np.complex128)
        *between, last = _echo_delays(sequence)
        for delay_ms in between:
            density = free(density, delay_ms)[::-1, ::-1]
        return free(density, last) * 2
    pulse = _ninety(int(np.log2(len(energies_hz))))
    density = np.where(order == 1, (lowering + lowering.T) / 2, 0).astype(np.complex128)
    density = free(density, sequence.first_ms / 2)
    density = np.where(order == 0, pulse @ density @ pulse.conj().T, 0)
    density = free(density, sequence.second_ms)
    density = np.where(order == -1, pulse @ density @ pulse.conj().T, 0)
    # A stimulated echo keeps half the signal; the basis is given on the scale of a full one.
    return free(density, sequence.first_ms / 2) * 4


def _echo_delays(sequence: Sequence) -> tuple[float, ...]:
    """Return the delays (ms) around the two refocusing pulses of PRESS or the four, evenly spaced, of semi-LASER."""
    first, second = sequence.first_ms, sequence.second_ms
    if sequence.kind == "press":
        return (first / 2, (first + second) / 2, second / 2)
    return (first / 8, first / 4, first / 4, first / 4, first / 8)


@lru_cache(maxsize=8)
def _ninety(spins: int) -> Complex:
    """Return the propagator of a hard 90 degree pulse about x on all spins."""
    one = np.array([[1, -1j], [-1j, 1]]) / np.sqrt(2)
    pulse = np.ones((1, 1), dtype=np.complex128)
    for _ in range(spins):
        pulse = np.kron(pulse, one)
    return pulse


def _merge(frequencies_hz: Real, amplitudes: Complex) -> Lines:
    """Add up lines that fall into the same 5 mHz."""
    bins = np.rint(frequencies_hz / GRID_HZ).astype(np.int64)
    unique, position = np.unique(bins, return_inverse=True)
    total = np.zeros(len(unique), dtype=np.complex128)
    np.add.at(total, position, amplitudes)
    keep = np.abs(total) > SMALLEST_LINE
    return Lines(unique[keep] * GRID_HZ, total[keep])
