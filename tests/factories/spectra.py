"""Spectra for tests: small synthetic acquisitions, written as NIfTI-MRS."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from sessions.mrs.basis_loading import load_basis
from sessions.mrs.io import nifti_mrs_bytes
from sessions.mrs.spectrum import Spectrum

BASIS = "sim:press:14,14@3T"
FREQUENCY_MHZ = 127.74
DWELL_TIME_S = 1 / 2000
CONCENTRATIONS = {"NAA": 10.0, "Cr": 4.0, "PCr": 4.0, "GPC": 1.5, "Glu": 9.0, "Gln": 2.5, "Ins": 6.0, "NAAG": 1.0}


def shared_data() -> Path:
    """Return the folder of reference spectra beside the checkout (it may be absent)."""
    return Path(__file__).resolve().parents[3] / "shared" / "data" / "mrs"


def brain(
    *, seed: int = 1, noise: float = 0.02, transients: int = 1, points: int = 1024, header: dict | None = None,
    concentrations: dict[str, float] | None = None,
) -> Spectrum:  # fmt: skip
    """Return a plausible 3 T spectrum without macromolecules."""
    generator = np.random.default_rng(seed)
    fid = _clean(points, tuple((concentrations or CONCENTRATIONS).items()))
    fids = np.repeat(fid[None, None], transients, axis=0)
    fids = fids + noise * (generator.normal(size=fids.shape) + 1j * generator.normal(size=fids.shape))
    known = {
        "SpectrometerFrequency": [FREQUENCY_MHZ],
        "ResonantNucleus": ["1H"],
        "EchoTime": 0.028,
        "RepetitionTime": 2.0,
    }
    return Spectrum(fids, DWELL_TIME_S, FREQUENCY_MHZ, "1H", known | (header or {}))


@lru_cache(maxsize=8)
def _clean(points: int, amounts: tuple[tuple[str, float], ...]) -> np.ndarray:
    basis = load_basis(BASIS, frequency_mhz=FREQUENCY_MHZ)
    decays = {part.name: part.lines.fid(DWELL_TIME_S, points) for part in basis.components}
    times = np.arange(points) * DWELL_TIME_S
    return sum(amount * decays[name] for name, amount in amounts) * np.exp(-12 * times - 30 * times**2)


def write(folder: Path, spectrum: Spectrum, name: str = "spectrum.nii.gz") -> Path:
    """Write a spectrum as NIfTI-MRS."""
    path = folder / name
    path.write_bytes(nifti_mrs_bytes(spectrum))
    return path
