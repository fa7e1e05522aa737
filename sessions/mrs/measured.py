"""A measured macromolecule spectrum (metabolite-nulled) as one component of the model."""

import numpy as np

from sessions.mrs.basis import Component
from sessions.mrs.checks import check_numbers, oriented
from sessions.mrs.grid import CENTRE_PPM
from sessions.mrs.simulate import Lines
from sessions.mrs.spectrum import Spectrum

RANGE_PPM = (0.2, 4.45)
EDGE_PPM = 0.15


def measured_macromolecules(spectrum: Spectrum, frequency_mhz: float) -> Component:
    """Make a component from a measured macromolecule spectrum.

    Parameters
    ----------
    spectrum
        The measurement, phased and referenced; placed by ppm, so that a slightly different field will do.
    frequency_mhz
        Of the data it is to explain.
    """
    check_numbers(spectrum)
    turned, _ = oriented(spectrum)
    fid = turned.fids.mean(axis=(0, 1))
    fid[0] /= 2
    size = 2 * len(fid)
    spectra = np.fft.fft(fid, size)
    ppm = CENTRE_PPM + np.fft.fftfreq(size, spectrum.dwell_time_s) / spectrum.frequency_mhz
    inside = (ppm > RANGE_PPM[0]) & (ppm < RANGE_PPM[1])
    edge = np.clip(np.minimum(ppm[inside] - RANGE_PPM[0], RANGE_PPM[1] - ppm[inside]) / EDGE_PPM, 0, 1)
    lines = Lines((ppm[inside] - CENTRE_PPM) * frequency_mhz, spectra[inside] * edge / size)
    return Component("MM", "measured", lines=lines)
