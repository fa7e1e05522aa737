"""Default macromolecules, lipids and soft ratios, for bases that bring none of their own.

Positions, widths and ratios: Provencher, LCModel & LCMgui User's Manual (2021), sections 11.7 and 11.8; Cudalbu et al.
(2021), NMR Biomed 34:e4393. A study with a measured macromolecule spectrum should use that instead.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.basis import Basis, Component
from sessions.mrs.grid import CENTRE_PPM, TimeGrid
from sessions.mrs.settings import Settings
from sessions.mrs.simulate import Lines

Real = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Resonance:
    """One Gaussian line: shift and full width in ppm, protons."""

    shift_ppm: float
    width_ppm: float
    protons: float


FIELD_OF_WIDTHS_MHZ = 297.2
WIDTH_EXPONENT = 0.18
# A macromolecule's line is a Voigt profile: shares of the width given here, which add up to 1.
LORENTZIAN_SHARE, GAUSSIAN_SHARE = 0.45, 0.55
REFERENCE_DAMPING_PER_S = 20.0
OWN_DAMPING_PER_S = np.arange(0.0, 25.1, 0.5)
# Fitted together to six human spectra (four at 3 T, two at 7 T), beside a baseline and what inversion leaves of the
# metabolites; areas are the means.
MODELLED: dict[str, tuple[Resonance, ...]] = {
    "MM09": (Resonance(0.898, 0.216, 3.0),),
    "MM12": (Resonance(1.197, 0.167, 0.92),),
    "MM14": (Resonance(1.385, 0.212, 2.24),),
    "MM17": (Resonance(1.641, 0.292, 3.2), Resonance(1.871, 0.294, 1.15)),
    "MM20": (Resonance(2.026, 0.260, 3.9),),
    "MM22": (Resonance(2.255, 0.282, 2.55), Resonance(2.506, 0.302, 1.09), Resonance(2.675, 0.220, 0.68)),
    "MM30": (Resonance(2.966, 0.200, 1.5), Resonance(3.178, 0.214, 0.82)),
    "MM37": (
        Resonance(3.592, 0.286, 1.2), Resonance(3.762, 0.252, 0.75), Resonance(3.897, 0.223, 1.6),
        Resonance(4.036, 0.232, 0.35), Resonance(4.260, 0.262, 0.7),
    ),
    "Lip09": (Resonance(0.89, 0.140, 3.0),),
    "Lip13": (Resonance(1.28, 0.150, 2.0), Resonance(1.28, 0.089, 2.0)),
    "Lip20": (Resonance(2.04, 0.150, 1.33), Resonance(2.25, 0.150, 0.67), Resonance(2.80, 0.200, 0.87)),
}  # fmt: skip
# Fat from outside the voxel went through other gradients: it comes with any phase, Lip13 turned by these.
OUTSIDE = {"LipOut90": 1j, "LipOut180": -1.0, "LipOut270": -1j}


@dataclass(frozen=True)
class SoftRatio:
    """Prior on a concentration: mean and standard deviation, in units of a weighted sum of others.

    That sum is known only from a first solution, in which lipids may stand for all macromolecules: the deviation is
    measured by at least `least` times the sum of the three large singlets.
    """

    name: str
    of: tuple[tuple[str, float], ...]
    mean: float
    sd: float
    least: float = 0.0


# The macromolecules' common level: not one of them, which lipids may hide, but all.
_LEVEL = tuple((name, 0.125) for name in ("MM09", "MM12", "MM14", "MM17", "MM20", "MM22", "MM30", "MM37"))
_LIP13 = (("Lip13", 1.0), ("Lip13a", 1.0), ("Lip13b", 1.0))
BIG3 = (("NAA", 1.0), ("NAAG", 1.0), ("Cr", 1.0), ("PCr", 1.0), ("GPC", 3.0), ("PCh", 3.0))
MACROMOLECULES_LEAST, LIPIDS_LEAST = 0.25, 0.02
OUTSIDE_SD = 0.2
SOFT_RATIOS: tuple[SoftRatio, ...] = (
    SoftRatio("MM09", _LEVEL, 1.0, 0.08, MACROMOLECULES_LEAST),
    SoftRatio("MM12", _LEVEL, 1.0, 0.10, MACROMOLECULES_LEAST),
    SoftRatio("MM14", _LEVEL, 1.0, 0.10, MACROMOLECULES_LEAST),
    SoftRatio("MM17", _LEVEL, 1.0, 0.10, MACROMOLECULES_LEAST),
    SoftRatio("MM20", _LEVEL, 1.0, 0.08, MACROMOLECULES_LEAST),
    SoftRatio("MM22", _LEVEL, 1.0, 0.08, MACROMOLECULES_LEAST),
    SoftRatio("MM30", _LEVEL, 1.0, 0.08, MACROMOLECULES_LEAST),
    SoftRatio("MM37", _LEVEL, 1.0, 0.12, MACROMOLECULES_LEAST),
    # Two of opposite phase could cancel in thousands and leave a derivative that no fat has.
    *(SoftRatio(name, BIG3, 0.0, OUTSIDE_SD) for name in OUTSIDE),
    SoftRatio("Lip09", _LIP13, 0.267, 0.1, LIPIDS_LEAST),
    SoftRatio("Lip20", _LIP13, 0.15, 0.07, LIPIDS_LEAST),
    SoftRatio("Asp", BIG3, 0.05, 0.05),
    SoftRatio("GABA", BIG3, 0.04, 0.04),
    SoftRatio("Glc", BIG3, 0.1, 0.1),
    SoftRatio("Tau", BIG3, 0.04, 0.04),
    SoftRatio("sIns", BIG3, 0.02, 0.02),
    SoftRatio("Ala", BIG3, 0.04, 0.04),
    SoftRatio("Gly", BIG3, 0.02, 0.02),
)


def completed(basis: Basis, grid: TimeGrid, settings: Settings) -> Basis:
    """Return a basis with the modelled macromolecules where it has none, and with lipids where it has none."""
    has_lipids = any(component.name.startswith("Lip") for component in basis.components)
    has_macromolecules = any(
        component.kind != "metabolite" and not component.name.startswith("Lip") for component in basis.components
    )
    wanted = {
        "M": settings.default_macromolecules and not has_macromolecules,
        "L": settings.default_lipids and not has_lipids,
    }
    if not any(wanted.values()):
        return basis
    made = default_macromolecules(basis, grid)
    return basis.extended(tuple(component for component in made if wanted[component.name[0]]))


def default_macromolecules(basis: Basis, grid: TimeGrid) -> tuple[Component, ...]:
    """Return the modelled macromolecules and lipids for a basis, on its scale.

    The widths shrink in ppm with the field to the power 0.18, as those of the spectra measured at both fields do.
    """
    return _components(proton_scale(basis, grid), grid)


def _components(scale: float, grid: TimeGrid) -> tuple[Component, ...]:
    hertz_per_ppm = grid.frequency_mhz * (FIELD_OF_WIDTHS_MHZ / grid.frequency_mhz) ** WIDTH_EXPONENT
    components = []
    for name, resonances in MODELLED.items():
        lines = Lines(
            np.array([(part.shift_ppm - CENTRE_PPM) * grid.frequency_mhz for part in resonances]),
            np.array([scale * part.protons for part in resonances], dtype=np.complex128),
        )
        shares = (LORENTZIAN_SHARE, GAUSSIAN_SHARE) if name.startswith("MM") else (0.0, 1.0)
        widths = tuple(
            (shares[0] * part.width_ppm * hertz_per_ppm, shares[1] * part.width_ppm * hertz_per_ppm)
            for part in resonances
        )
        components.append(Component(name, "modelled", lines=lines, widths_hz=widths))
        if name == "Lip13":
            for outside, turn in OUTSIDE.items():
                turned = Lines(lines.frequencies_hz, lines.amplitudes * turn)
                components.append(Component(outside, "modelled", lines=turned, widths_hz=widths))
    return tuple(components)


def modelled_spectrum(grid: TimeGrid) -> Real:
    """Return the real spectrum of all modelled macromolecules together on a grid, one proton being 1."""
    names = [name for name in MODELLED if name.startswith("MM")]
    parts = [part for part in _components(1.0, grid) if part.name in names]
    fid = Basis(tuple(parts), grid.frequency_mhz, 0.0, "simulated").on(grid).sum(axis=0)
    return np.asarray(np.fft.fft(fid, grid.size).real)


def proton_scale(basis: Basis, grid: TimeGrid) -> float:
    """Return the signal of one proton at unit amplitude in a basis: programs scale theirs freely.

    The methyl singlet of creatine (or of phosphocreatine, or of NAA) is compared with a line of three protons, damped
    until it is as wide as the basis' own.
    """
    for name, shift_ppm in (("Cr", 3.027), ("PCr", 3.029), ("NAA", 2.008)):
        if name not in basis.names:
            continue
        fid = basis.without(tuple(other for other in basis.names if other != name)).on(grid)[0]
        line = 3 * np.exp(2j * np.pi * ((shift_ppm - CENTRE_PPM) * grid.frequency_mhz - grid.start_hz) * grid.times_s)
        line[0] /= 2
        near = np.abs(grid.ppm - shift_ppm) < 0.15
        lines = line * np.exp(-OWN_DAMPING_PER_S[:, None] * grid.times_s)
        damping = np.exp(-REFERENCE_DAMPING_PER_S * grid.times_s)
        spectra = np.abs(np.fft.fft(np.vstack([fid, lines]) * damping, grid.size))[:, near]
        scales = spectra[1:] @ spectra[0] / (spectra[1:] ** 2).sum(axis=1)
        left = ((spectra[0] - scales[:, None] * spectra[1:]) ** 2).sum(axis=1)
        return float(scales[np.argmin(left)])
    return 1.0
