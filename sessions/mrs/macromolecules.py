"""Default macromolecules, lipids and soft ratios, for bases that bring none of their own.

Positions, widths and ratios: Provencher, LCModel & LCMgui User's Manual (2021), sections 11.7 and 11.8; Cudalbu et al.
(2021), NMR Biomed 34:e4393. A study with a measured macromolecule spectrum should use that instead.
"""

from dataclasses import dataclass

import numpy as np

from sessions.mrs.basis import Basis, Component
from sessions.mrs.grid import CENTRE_PPM, TimeGrid
from sessions.mrs.simulate import Lines


@dataclass(frozen=True)
class Resonance:
    """One Gaussian line: shift and full width in ppm, protons."""

    shift_ppm: float
    width_ppm: float
    protons: float


FIELD_OF_WIDTHS_MHZ = 127.7
REFERENCE_DAMPING_PER_S = 20.0
MODELLED: dict[str, tuple[Resonance, ...]] = {
    "MM09": (Resonance(0.90, 0.180, 3.0),),
    "MM12": (Resonance(1.20, 0.170, 1.5),),
    "MM14": (Resonance(1.39, 0.145, 1.9),),
    "MM17": (Resonance(1.64, 0.240, 3.6), Resonance(1.85, 0.170, 1.0)),
    "MM20": (Resonance(2.02, 0.220, 4.0),),
    "MM22": (Resonance(2.26, 0.220, 2.5), Resonance(2.52, 0.250, 1.3), Resonance(2.70, 0.200, 0.7)),
    "MM30": (Resonance(2.98, 0.155, 1.4), Resonance(3.19, 0.180, 0.9)),
    "MM37": (
        Resonance(3.59, 0.220, 1.1), Resonance(3.78, 0.170, 1.3), Resonance(3.91, 0.125, 0.8),
        Resonance(4.05, 0.200, 0.7), Resonance(4.26, 0.165, 0.7),
    ),
    "Lip09": (Resonance(0.89, 0.140, 3.0),),
    "Lip13": (Resonance(1.28, 0.150, 2.0), Resonance(1.28, 0.089, 2.0)),
    "Lip20": (Resonance(2.04, 0.150, 1.33), Resonance(2.25, 0.150, 0.67), Resonance(2.80, 0.200, 0.87)),
}  # fmt: skip


@dataclass(frozen=True)
class SoftRatio:
    """Prior on a concentration: mean and standard deviation, in units of a weighted sum of others."""

    name: str
    of: tuple[tuple[str, float], ...]
    mean: float
    sd: float


_MM09 = (("MM09", 1.0),)
_LIP13 = (("Lip13", 1.0),)
BIG3 = (("NAA", 1.0), ("NAAG", 1.0), ("Cr", 1.0), ("PCr", 1.0), ("GPC", 3.0), ("PCh", 3.0))
SOFT_RATIOS: tuple[SoftRatio, ...] = (
    SoftRatio("MM12", _MM09, 1.0, 0.25),
    SoftRatio("MM14", _MM09, 1.0, 0.25),
    SoftRatio("MM17", _MM09, 1.0, 0.25),
    SoftRatio("MM20", _MM09, 1.0, 0.20),
    # J evolution between TE 8 ms, where it was measured, and 30-40 ms takes about a third off.
    SoftRatio("MM22", _MM09, 0.7, 0.15),
    SoftRatio("MM30", _MM09, 1.0, 0.20),
    SoftRatio("MM37", _MM09, 1.0, 0.30),
    SoftRatio("Lip09", _LIP13, 0.267, 0.1),
    SoftRatio("Lip20", _LIP13, 0.15, 0.07),
    SoftRatio("Asp", BIG3, 0.05, 0.05),
    SoftRatio("GABA", BIG3, 0.04, 0.04),
    SoftRatio("Glc", BIG3, 0.1, 0.1),
    SoftRatio("Tau", BIG3, 0.04, 0.04),
    SoftRatio("sIns", BIG3, 0.02, 0.02),
    SoftRatio("Ala", BIG3, 0.04, 0.04),
    SoftRatio("Gly", BIG3, 0.02, 0.02),
)


def default_macromolecules(basis: Basis, grid: TimeGrid) -> tuple[Component, ...]:
    """Return the modelled macromolecules and lipids for a basis, on its scale.

    The widths are those at 3 T; in ppm they shrink with the field to the power 0.2, as the spectra measured at both do.
    """
    scale = _proton_scale(basis, grid)
    hertz_per_ppm = grid.frequency_mhz * (FIELD_OF_WIDTHS_MHZ / grid.frequency_mhz) ** 0.2
    components = []
    for name, resonances in MODELLED.items():
        lines = Lines(
            np.array([(part.shift_ppm - CENTRE_PPM) * grid.frequency_mhz for part in resonances]),
            np.array([scale * part.protons for part in resonances], dtype=np.complex128),
        )
        widths = tuple(part.width_ppm * hertz_per_ppm for part in resonances)
        components.append(Component(name, "modelled", lines=lines, gaussian_hz=widths))
    return tuple(components)


def _proton_scale(basis: Basis, grid: TimeGrid) -> float:
    """Return the amplitude of one proton in a basis: programs scale theirs freely.

    The methyl singlet of creatine (or of phosphocreatine, or of NAA) is compared with a line of three protons.
    """
    for name, shift_ppm in (("Cr", 3.027), ("PCr", 3.029), ("NAA", 2.008)):
        if name not in basis.names:
            continue
        fid = basis.without(tuple(other for other in basis.names if other != name)).on(grid)[0]
        line = 3 * np.exp(2j * np.pi * ((shift_ppm - CENTRE_PPM) * grid.frequency_mhz - grid.start_hz) * grid.times_s)
        line[0] /= 2
        damping = np.exp(-REFERENCE_DAMPING_PER_S * grid.times_s)
        near = np.abs(grid.ppm - shift_ppm) < 0.15
        spectra = np.abs(np.fft.fft(np.stack([fid, line]) * damping, grid.size))[:, near]
        return float(spectra[0].sum() / spectra[1].sum())
    return 1.0
