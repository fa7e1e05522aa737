"""What must hold before any number is computed. Every refusal has a code and a sentence for a radiographer.

Other programs return plausible wrong numbers for a wrong frequency, for real-valued data or for 16 points, and hang on
one NaN: here each is refused within a second.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from sessions.mrs.basis import Basis
from sessions.mrs.errors import MrsError
from sessions.mrs.grid import CENTRE_PPM
from sessions.mrs.spectrum import Spectrum

Complex = NDArray[np.complexfloating[Any, Any]]

FEWEST_POINTS = 256
SPECTRAL_WIDTHS_HZ = (500.0, 20000.0)
LONGEST_POINTS = 65536
LARGEST_MISMATCH = 0.01
SINGLETS_PPM = (2.01, 3.03, 3.22)
MIDDLE_PEAK_SNR, LOWEST_PEAK_SNR = 4.0, 1.5


def check_numbers(spectrum: Spectrum) -> None:
    """Refuse what is not a plausible complex proton signal."""
    if spectrum.points < FEWEST_POINTS:
        raise MrsError(
            "data-too-short", f"The signal has {spectrum.points} points; a spectrum needs at least {FEWEST_POINTS}."
        )
    if spectrum.points > LONGEST_POINTS:
        raise MrsError("data-too-long", "The signal has more than 65536 points: this is no in-vivo spectrum.")
    if not np.isfinite(spectrum.fids).all():
        raise MrsError("data-not-finite", "The signal holds values that are not numbers (NaN or infinite).")
    if not np.abs(spectrum.fids).any():
        raise MrsError("data-no-signal", "The signal is zero everywhere.")
    if np.abs(spectrum.fids).max() > 1e30:
        raise MrsError("data-not-finite", "The signal holds values that are too large to be measured ones.")
    real, imaginary = np.abs(spectrum.fids.real).sum(), np.abs(spectrum.fids.imag).sum()
    if min(real, imaginary) < 1e-6 * max(real, imaginary):
        raise MrsError(
            "data-not-complex",
            "One half of the complex signal is empty: export the raw signal, not a magnitude or real part.",
        )
    if not np.isfinite(spectrum.dwell_time_s) or spectrum.dwell_time_s <= 0:
        raise MrsError("header-dwell-time", "The file's header gives no valid sampling interval.")
    width_hz = 1 / spectrum.dwell_time_s
    if not SPECTRAL_WIDTHS_HZ[0] <= width_hz <= SPECTRAL_WIDTHS_HZ[1]:
        raise MrsError(
            "header-dwell-time",
            f"The file's header gives a spectral width of {width_hz:.0f} Hz; proton spectra have 500 to 20000 Hz.",
        )
    if spectrum.nucleus != "1H":
        raise MrsError(
            "nucleus-unsupported", f"The signal is of {spectrum.nucleus}; only proton (1H) spectra are quantified."
        )
    if not 20 <= spectrum.frequency_mhz <= 700:
        raise MrsError(
            "header-frequency", f"A proton frequency of {spectrum.frequency_mhz:.1f} MHz is not one of a human scanner."
        )
    if width_hz < 5.5 * spectrum.frequency_mhz * 0.75:
        raise MrsError(
            "header-dwell-time", "The spectral width is too small for this field: the spectrum would be folded."
        )


def check_basis(spectrum: Spectrum, basis: Basis) -> None:
    """Refuse a basis of another field, or one without what every brain spectrum has."""
    mismatch = abs(spectrum.frequency_mhz / basis.frequency_mhz - 1)
    if mismatch > LARGEST_MISMATCH:
        raise MrsError(
            "basis-frequency-mismatch",
            f"The basis set was made for {basis.frequency_mhz:.1f} MHz but the spectrum was measured at "
            f"{spectrum.frequency_mhz:.1f} MHz: choose the basis set of this scanner.",
        )
    missing = [name for name in ("NAA", "Glu") if name not in basis.names]
    if not {"Cr", "PCr"} & set(basis.names):
        missing.append("Cr")
    if missing:
        raise MrsError("basis-incomplete", f"The basis set lacks {', '.join(missing)}.")


def oriented(spectrum: Spectrum) -> tuple[Spectrum, bool]:
    """Turn the direction of frequency so that metabolites lie between 0.2 and 4.2 ppm.

    Returns
    -------
    spectrum, was_turned
        Power in that range is compared with power in its mirror image.
    """
    mean = spectrum.fids.reshape(-1, spectrum.points)
    # Second differences: the tail of strong water crosses the middle, is smooth, and must have no say.
    spectra = np.fft.fft(mean[:: max(1, len(mean) // 64)], axis=1)
    power = (np.abs(np.diff(spectra, n=2, axis=1, append=spectra[:, :2])) ** 2).sum(axis=0)
    ppm = CENTRE_PPM + np.fft.fftfreq(spectrum.points, spectrum.dwell_time_s) / spectrum.frequency_mhz
    upper = power[(ppm > 0.2) & (ppm < 4.2)].sum()
    lower = power[(2 * CENTRE_PPM - ppm > 0.2) & (2 * CENTRE_PPM - ppm < 4.2)].sum()
    return (spectrum, False) if upper >= lower else (spectrum.conjugated(), True)


def find_singlets(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> float:
    """Return how far (ppm) the singlets of NAA, creatine and choline lie from their shifts.

    Raises
    ------
    MrsError
        `peaks-not-found`: no such triple stands out, so that frequency, nucleus or data must be wrong.
    """
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
    width = max(1, round(0.03 / step))
    local = maximum_filter1d(np.maximum(spectrum - smooth, 0), 2 * width + 1)
    offsets = np.arange(-0.4, 0.4001, step)
    at = np.stack([np.interp(shift + offsets, ppm, local) for shift in SINGLETS_PPM])
    scores = np.sqrt(at).sum(axis=0)
    best = int(np.argmax(scores * (1 - 0.2 * np.abs(offsets))))
    second = np.diff(np.fft.fft(fid), n=2) / np.sqrt(6)
    noise = float(np.median(np.abs(second)) / 1.1774) * float(np.sqrt(np.mean(apodization**2)))
    lowest, middle, _ = np.sort(at[:, best])
    if lowest < LOWEST_PEAK_SNR * noise or middle < MIDDLE_PEAK_SNR * noise:
        raise MrsError(
            "peaks-not-found",
            "The peaks of NAA, creatine and choline were not found where they should be (2.01, 3.03, 3.22 ppm): "
            "wrong voxel, no signal, or a wrong frequency in the header.",
        )
    found = []
    for shift in SINGLETS_PPM:
        near = np.flatnonzero(np.abs(ppm - shift - offsets[best]) <= width * step)
        found.append(float(ppm[near[np.argmax(spectrum[near])]]) - shift)
    return float(np.median(found))
