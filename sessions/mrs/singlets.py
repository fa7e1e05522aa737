"""Where NAA, creatine and choline stand: which side of the water is which, and whether the frequency can be right."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from sessions.mrs.checks import AGAIN
from sessions.mrs.errors import MrsError
from sessions.mrs.grid import CENTRE_PPM
from sessions.mrs.phantom import creatine_alone
from sessions.mrs.spectrum import Spectrum

Complex = NDArray[np.complexfloating[Any, Any]]

SINGLETS_PPM = (2.01, 3.03, 3.22)
MIDDLE_PEAK_SNR, LOWEST_PEAK_SNR = 4.0, 1.5
LARGEST_OFFSET_PPM, OFFSET_EDGE_PPM, SINGLET_WIDTH_PPM = 0.4, 0.38, 0.03
# Overlap and lipids pull the peaks of good spectra by up to 1.3 % of their distance.
LARGEST_STRETCH = 0.025
CLEAR_DEVIATIONS = 6.0


def oriented(spectrum: Spectrum) -> tuple[Spectrum, bool]:
    """Turn the direction of frequency so that metabolites lie between 0.2 and 4.2 ppm.

    Returns
    -------
    spectrum, was_turned
        Power in that range is compared with power in its mirror image; where noise hides the difference, the heights at
        the three singlets decide. `find_singlets` later refuses what is ambiguous.
    """
    rows = spectrum.fids.reshape(-1, spectrum.points)
    rows = rows[:: max(1, len(rows) // 64)]
    # Second differences: the tail of strong water crosses the middle, is smooth, and must have no say.
    spectra = np.fft.fft(rows, axis=1)
    power = (np.abs(np.diff(spectra, n=2, axis=1, append=spectra[:, :2])) ** 2).sum(axis=0)
    ppm = CENTRE_PPM + np.fft.fftfreq(spectrum.points, spectrum.dwell_time_s) / spectrum.frequency_mhz
    inside = (ppm > 0.2) & (ppm < 4.2)
    mirrored = 2 * CENTRE_PPM - ppm
    upper, lower = power[inside].sum(), power[(mirrored > 0.2) & (mirrored < 4.2)].sum()
    is_right = bool(upper >= lower)
    if abs(upper - lower) * np.sqrt(len(rows) * inside.sum()) < CLEAR_DEVIATIONS * (upper + lower):
        # One signal of all coils and transients: their first singular vector.
        common = np.linalg.svd(rows, full_matrices=False)[2][0]
        scores = [
            _singlets(fid, spectrum.dwell_time_s, spectrum.frequency_mhz).score for fid in (common, common.conj())
        ]
        is_right = scores[0] >= scores[1]
    return (spectrum, False) if is_right else (spectrum.conjugated(), True)


@dataclass(frozen=True)
class _Singlets:
    """A spectrum on an ascending axis, and where the triple of singlets fits it best."""

    ppm: NDArray[np.floating[Any]]
    magnitude: NDArray[np.floating[Any]]
    noise: float
    offset_ppm: float
    heights: NDArray[np.floating[Any]]
    score: float


def _singlets(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> _Singlets:
    points = len(fid)
    apodization = np.exp(-np.arange(points) * dwell_time_s * np.pi * 3)
    spectrum = np.abs(np.fft.fft(fid * apodization, 2 * points))
    ppm = CENTRE_PPM + np.fft.fftfreq(2 * points, dwell_time_s) / frequency_mhz
    order = np.argsort(ppm)
    ppm, spectrum = ppm[order], spectrum[order]
    step = ppm[1] - ppm[0]
    # Peaks only: what rises above its surroundings of half a ppm.
    reach = max(3, int(0.25 / step))
    smooth = np.convolve(spectrum, np.ones(2 * reach + 1) / (2 * reach + 1), mode="same")
    width = max(1, round(SINGLET_WIDTH_PPM / step))
    local = maximum_filter1d(np.maximum(spectrum - smooth, 0), 2 * width + 1)
    offsets = np.arange(-LARGEST_OFFSET_PPM, LARGEST_OFFSET_PPM + 1e-4, step)
    at = np.stack([np.interp(shift + offsets, ppm, local) for shift in SINGLETS_PPM])
    scores = np.sqrt(at).sum(axis=0) * (1 - 0.2 * np.abs(offsets))
    best = int(np.argmax(scores))
    second = np.diff(np.fft.fft(fid), n=2) / np.sqrt(6)
    noise = float(np.median(np.abs(second)) / 1.1774) * float(np.sqrt(np.mean(apodization**2)))
    return _Singlets(ppm, spectrum, noise, float(offsets[best]), at[:, best], float(scores[best]))


def find_singlets(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> float:
    """Return how far (ppm) the singlets of NAA, creatine and choline lie from their shifts.

    Raises
    ------
    MrsError
        `peaks-not-found`: no such triple stands out, so that frequency, nucleus or data must be wrong.
        `orientation-ambiguous`: one stands out on either side of the water.
        `peaks-spacing`: it is stretched or squeezed.
    """
    found = _singlets(fid, dwell_time_s, frequency_mhz)
    lowest, middle, _ = np.sort(found.heights)
    if lowest < LOWEST_PEAK_SNR * found.noise or middle < MIDDLE_PEAK_SNR * found.noise:
        phantom = creatine_alone(fid, dwell_time_s, frequency_mhz)
        if phantom is None:
            raise PEAKS_NOT_FOUND
        return phantom
    if _singlets(fid.conj(), dwell_time_s, frequency_mhz).score >= found.score:
        raise MrsError(
            "orientation-ambiguous",
            "It cannot be told which side of the spectrum is which: peaks like those of NAA, creatine and choline lie "
            "on both sides of the water. Look at the spectrum at the scanner; send another if it is noise.",
        )
    at = []
    for shift in SINGLETS_PPM:
        near = np.flatnonzero(np.abs(found.ppm - shift - found.offset_ppm) <= SINGLET_WIDTH_PPM)
        at.append(float(found.ppm[near[np.argmax(found.magnitude[near])]]))
    stretch = float(np.polyfit(SINGLETS_PPM, at, 1)[0]) - 1
    if lowest >= MIDDLE_PEAK_SNR * found.noise and abs(stretch) > LARGEST_STRETCH:
        if abs(found.offset_ppm) > OFFSET_EDGE_PPM:
            raise PEAKS_NOT_FOUND  # the best of a search that found nothing, as in a phantom of something else
        raise MrsError(
            "peaks-spacing",
            f"NAA, creatine and choline lie {abs(stretch) * 100:.0f} % "
            f"{'farther apart' if stretch > 0 else 'closer together'} "
            f"than they should: the frequency or the sampling interval in the header is wrong, or "
            f"these are other peaks, as in a phantom. {AGAIN}",
        )
    return float(np.median(np.array(at) - SINGLETS_PPM))


PEAKS_NOT_FOUND = MrsError(
    "peaks-not-found",
    "The peaks of NAA, creatine and choline were not found where they should be (2.01, 3.03, 3.22 ppm): a phantom, "
    "the wrong voxel, no signal, or a wrong frequency in the header. Look at the spectrum at the scanner; repeat the "
    "scan if it shows none.",
)
