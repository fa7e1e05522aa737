"""SYNTHETIC functional spectra with a known truth: for the demo study, for tests and for teaching.

Nothing here is measured. The files say so in their header, and it survives de-identification.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.basis_loading import load_basis
from sessions.mrs.grid import CENTRE_PPM
from sessions.mrs.io import nifti_mrs_bytes
from sessions.mrs.macromolecules import FIELD_OF_WIDTHS_MHZ, MODELLED, WIDTH_EXPONENT
from sessions.mrs.spectrum import Spectrum

Complex = NDArray[np.complexfloating[Any, Any]]

SYNTHETIC_BASIS = "sim:press:14,14@3T"
FREQUENCY_MHZ = 127.74
DWELL_TIME_S = 1 / 2000
POINTS = 1024

# mmol per kg, of the size found in the anterior cingulate at 3 T (Pouwels and Frahm 1998, Magn Reson Med 39:53-60).
CONCENTRATIONS = {
    "NAA": 10.0, "NAAG": 1.5, "Cr": 4.2, "PCr": 4.4, "GPC": 1.3, "PCh": 0.5, "Ins": 6.2, "Tau": 1.2, "GSH": 2.0,
    "GABA": 1.4, "Asp": 2.0, "Asc": 1.0, "Lac": 0.6, "PE": 1.2, "sIns": 0.3, "Glc": 1.0, "Ala": 0.4, "Gly": 0.6,
}  # fmt: skip
GLUTAMATE_SHARE_OF_GLX = 0.8
MACROMOLECULES_MMOL = 1.1
# Gaussian lines here, of the width at half maximum that the model's Voigt profiles have.
VOIGT_WIDTH = 0.83


def simulate_functional(
    ratios_per_block: Sequence[float],
    *,
    seed: int,
    transients_per_block: int = 8,
    snr: float = 45.0,
    linewidth_hz: float = 4.5,
    block_minutes: float = 8.0,
    first_minutes: float = 0.0,
    drift_hz: float = 1.5,
    water_residual: float = 3.0,
) -> bytes:
    """Simulate a functional series at 3 T (PRESS, TE 28 ms) and return it as a gzipped NIfTI-MRS file.

    Parameters
    ----------
    ratios_per_block
        True Glx/tNAA of each block.
    seed
        Of noise, drift and phase; the same seed gives the same bytes.
    transients_per_block
        Stored transients a block; each stands for an average of several shots.
    snr
        Height of NAA over twice the noise in one block's average.
    linewidth_hz
        Width of the lines.
    block_minutes, first_minutes
        Length of a block and start of the first.
    drift_hz
        Field drift from first to last transient.
    water_residual
        Height of the residual water over that of NAA.
    """
    generator = np.random.default_rng(seed)
    basis = load_basis(SYNTHETIC_BASIS, frequency_mhz=FREQUENCY_MHZ)
    times = np.arange(POINTS) * DWELL_TIME_S
    decays = {part.name: part.lines.fid(DWELL_TIME_S, POINTS) for part in basis.components if part.lines is not None}
    lorentzian, gaussian = 0.6 * linewidth_hz, 0.6 * linewidth_hz
    damping = np.exp(-np.pi * lorentzian * times - (np.pi * gaussian * times) ** 2 / (4 * np.log(2)))
    rest = sum(size * decays[name] for name, size in CONCENTRATIONS.items())
    total_naa = CONCENTRATIONS["NAA"] + CONCENTRATIONS["NAAG"]
    glx = GLUTAMATE_SHARE_OF_GLX * decays["Glu"] + (1 - GLUTAMATE_SHARE_OF_GLX) * decays["Gln"]
    common = rest * damping + simulated_macromolecules(times)
    water = water_residual * 3 * total_naa * np.exp(2j * np.pi * 3.0 * times - np.pi * 9 * times)
    peak = np.abs(np.fft.fft(CONCENTRATIONS["NAA"] * decays["NAA"] * damping)).max()
    noise = peak / (2 * snr) / np.sqrt(POINTS) * np.sqrt(transients_per_block)
    count = len(ratios_per_block) * transients_per_block
    shifts = np.linspace(0, drift_hz, count) + generator.normal(0, 0.3, count)
    phases = 0.15 + generator.normal(0, 0.05, count)
    fids = np.empty((count, 1, POINTS), dtype=np.complex128)
    for index in range(count):
        ratio = ratios_per_block[index // transients_per_block]
        signal = common + ratio * total_naa * glx * damping + water
        shots = generator.normal(0, noise, (2, POINTS))
        turned = signal * np.exp(2j * np.pi * shifts[index] * times + 1j * phases[index])
        fids[index, 0] = turned + shots[0] + 1j * shots[1]
    # Steps far below the noise, as of a digitiser: the file packs to half.
    step = noise / 16
    fids = np.round(fids / step) * step
    minutes = [first_minutes + block * block_minutes for block in range(len(ratios_per_block))]
    header = {
        "SpectrometerFrequency": [FREQUENCY_MHZ],
        "ResonantNucleus": ["1H"],
        "EchoTime": 0.028,
        "RepetitionTime": block_minutes * 60 / transients_per_block,
        "SequenceName": "PRESS",
        "SYNTHETIC": {"Value": True},
        "BlockStartMinutes": {"Value": minutes},
    }
    return nifti_mrs_bytes(Spectrum(fids, DWELL_TIME_S, FREQUENCY_MHZ, "1H", header))


def simulated_macromolecules(times: NDArray[np.floating[Any]]) -> Complex:
    """Return the modelled macromolecules at 3 T, without lipids."""
    fid = np.zeros(len(times), dtype=np.complex128)
    hertz_per_ppm = FREQUENCY_MHZ * (FIELD_OF_WIDTHS_MHZ / FREQUENCY_MHZ) ** WIDTH_EXPONENT
    for name, resonances in MODELLED.items():
        if name.startswith("MM"):
            for part in resonances:
                width = VOIGT_WIDTH * part.width_ppm * hertz_per_ppm
                turning = np.exp(2j * np.pi * (part.shift_ppm - CENTRE_PPM) * FREQUENCY_MHZ * times)
                envelope = np.exp(-((np.pi * width * times) ** 2) / (4 * np.log(2)))
                fid += MACROMOLECULES_MMOL * _J_LOSS.get(name, 1.0) * part.protons * turning * envelope
    return fid


_J_LOSS = {"MM22": 0.7}
