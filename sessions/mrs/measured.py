"""A measured macromolecule spectrum (metabolite-nulled) as one component of the model.

Scanners store such a scan with any phase, a few hundredths of a ppm off, on residual water, and with what of the
metabolites the inversion did not null. Phase, shift and pedestal are found by the positions that all measured
macromolecule spectra share (Cudalbu et al. 2021, NMR Biomed 34:e4393).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.basis import Component
from sessions.mrs.checks import check_numbers
from sessions.mrs.errors import MrsError
from sessions.mrs.grid import CENTRE_PPM, make_grid
from sessions.mrs.macromolecules import modelled_spectrum
from sessions.mrs.simulate import Lines
from sessions.mrs.singlets import oriented
from sessions.mrs.spectrum import Spectrum
from sessions.mrs.water import remove_residual_water

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

RANGE_PPM = (0.3, 4.4)
COMPARED_PPM = (0.5, 4.1)
EDGE_PPM = 0.15
LARGEST_OFFSET_PPM = 0.1
SHIFT_STEP_PPM = 0.01
LEAST_LIKENESS = 0.4
# Singlets that inversion seldom nulls, negative or positive: NAA, both of creatine, choline.
RESIDUAL_PPM = (2.01, 3.03, 3.22, 3.92)
RESIDUAL_WIDTH_PPM = 0.06


def measured_macromolecules(spectrum: Spectrum, frequency_mhz: float) -> Component:
    """Make a component from a measured macromolecule spectrum.

    Parameters
    ----------
    spectrum
        The measurement; placed by ppm, so that a slightly different field will do.
    frequency_mhz
        Of the data it is to explain.

    Raises
    ------
    MrsError
        `macromolecules-unlike`: the spectrum does not look like macromolecules.
    """
    check_numbers(spectrum)
    turned, _ = oriented(spectrum)
    fid = turned.fids.mean(axis=(0, 1))
    fid, _ = remove_residual_water(fid, spectrum.dwell_time_s, spectrum.frequency_mhz)
    fid[0] /= 2
    size = 2 * len(fid)
    spectra = np.fft.fft(fid, size)
    ppm = CENTRE_PPM + np.fft.fftfreq(size, spectrum.dwell_time_s) / spectrum.frequency_mhz
    angle, offset_ppm, pedestal = _placed(ppm, spectra, make_template(spectrum))
    ppm = ppm - offset_ppm
    spectra = spectra * np.exp(1j * angle) - pedestal
    inside = (ppm > RANGE_PPM[0]) & (ppm < RANGE_PPM[1])
    edge = np.clip(np.minimum(ppm[inside] - RANGE_PPM[0], RANGE_PPM[1] - ppm[inside]) / EDGE_PPM, 0, 1)
    lines = Lines((ppm[inside] - CENTRE_PPM) * frequency_mhz, spectra[inside] * edge / size)
    return Component("MM", "measured", lines=lines)


def make_template(spectrum: Spectrum) -> tuple[Real, Real]:
    """Return axis (ppm) and height of the macromolecules as modelled, at the field of a measurement."""
    grid = make_grid(spectrum.frequency_mhz, spectrum.dwell_time_s, spectrum.points)
    return grid.ppm, modelled_spectrum(grid)


def _placed(ppm: Real, spectra: Complex, template: tuple[Real, Real]) -> tuple[float, float, complex]:
    """Return phase, shift and pedestal that make the measurement most like the template.

    For each shift the best phase is closed form: the complex scale of the template, beside a complex constant and the
    residual singlets. The real scale then has to stand for most of what the spectrum is.
    """
    order = np.argsort(ppm)
    order = order[(ppm[order] > COMPARED_PPM[0]) & (ppm[order] < COMPARED_PPM[1])]
    axis, values = ppm[order], spectra[order]
    step = max(1, len(axis) // 600)
    axis, values = axis[::step], values[::step]
    best, found, likeness = np.inf, (0.0, 0.0, 0j), 0.0
    for offset in np.arange(-LARGEST_OFFSET_PPM, LARGEST_OFFSET_PPM + 1e-9, SHIFT_STEP_PPM):
        shape = np.interp(axis - offset, *template)
        singlets = [1 / (1 + (2 * (axis - offset - at) / RESIDUAL_WIDTH_PPM) ** 2) for at in RESIDUAL_PPM]
        design = np.stack([shape, np.ones_like(axis), *singlets], axis=1)
        # The real part of the phased spectrum is compared: phase by a grid, the rest by least squares.
        projector, _ = np.linalg.qr(design)
        angles = np.linspace(-np.pi, np.pi, 72, endpoint=False)
        turned = (values[:, None] * np.exp(1j * angles)).real
        left = (turned**2).sum(axis=0) - ((projector.T @ turned) ** 2).sum(axis=0)
        scale = np.linalg.lstsq(design, turned, rcond=None)[0]
        left = np.where(scale[0] > 0, left, np.inf)
        index = int(np.argmin(left))
        if left[index] < best:
            best, found = float(left[index]), (float(angles[index]), float(offset), complex(scale[1, index]))
            broad = scale[0, index] * (shape - shape.mean())
            likeness = float((broad**2).sum() / ((turned[:, index] - turned[:, index].mean()) ** 2).sum())
    if likeness < LEAST_LIKENESS:
        raise MrsError(
            "macromolecules-unlike",
            "The spectrum given as macromolecules does not look like one: send a metabolite-nulled scan.",
        )
    return found
