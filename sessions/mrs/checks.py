"""What must hold before any number is computed. Every refusal has a code and a sentence for a radiographer.

Other programs return plausible wrong numbers for a wrong frequency, for real-valued data or for 16 points, and hang on
one NaN: here each is refused within a second.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from sessions.mrs.basis import Basis
from sessions.mrs.errors import MrsError
from sessions.mrs.grid import CENTRE_PPM
from sessions.mrs.phantom import creatine_alone
from sessions.mrs.spectrum import Spectrum

Complex = NDArray[np.complexfloating[Any, Any]]

AGAIN = "Export the file from the scanner again."
FEWEST_POINTS = 256
SPECTRAL_WIDTHS_HZ = (500.0, 20000.0)
LONGEST_POINTS = 65536
LARGEST_MISMATCH = 0.01
SINGLETS_PPM = (2.01, 3.03, 3.22)
MIDDLE_PEAK_SNR, LOWEST_PEAK_SNR = 4.0, 1.5
LARGEST_OFFSET_PPM, SINGLET_WIDTH_PPM = 0.4, 0.03
# Overlap and lipids pull the peaks of good spectra by up to 1.3 % of their distance.
LARGEST_STRETCH = 0.025
CLEAR_DEVIATIONS = 6.0


def check_numbers(spectrum: Spectrum) -> None:
    """Refuse what is not a plausible complex proton signal."""
    if spectrum.points < FEWEST_POINTS:
        raise MrsError(
            "data-too-short",
            f"The signal has {spectrum.points} points; a spectrum needs at least {FEWEST_POINTS}. Export it whole.",
        )
    if spectrum.points > LONGEST_POINTS:
        raise MrsError(
            "data-too-long", "The signal has more than 65536 points: this is no in-vivo spectrum. Send another."
        )
    if not np.isfinite(spectrum.fids).all():
        raise MrsError("data-not-finite", f"The signal holds values that are not numbers (NaN or infinite). {AGAIN}")
    if not np.abs(spectrum.fids).any():
        raise MrsError("data-no-signal", f"The signal is zero everywhere. {AGAIN}")
    if np.abs(spectrum.fids).max() > 1e30:
        raise MrsError("data-not-finite", f"The signal holds values that are too large to be measured ones. {AGAIN}")
    real, imaginary = np.abs(spectrum.fids.real).sum(), np.abs(spectrum.fids.imag).sum()
    if min(real, imaginary) < 1e-6 * max(real, imaginary):
        raise MrsError(
            "data-not-complex",
            "One half of the complex signal is empty: export the raw signal, not a magnitude or real part.",
        )
    if not np.isfinite(spectrum.dwell_time_s) or spectrum.dwell_time_s <= 0:
        raise MrsError("header-dwell-time", f"The file's header gives no valid sampling interval. {AGAIN}")
    width_hz = 1 / spectrum.dwell_time_s
    if not SPECTRAL_WIDTHS_HZ[0] <= width_hz <= SPECTRAL_WIDTHS_HZ[1]:
        raise MrsError(
            "header-dwell-time",
            f"The file's header gives a spectral width of {width_hz:.0f} Hz; proton spectra have 500 to 20000 Hz. "
            f"{AGAIN}",
        )
    if spectrum.nucleus != "1H":
        raise MrsError(
            "nucleus-unsupported",
            f"The signal is of {spectrum.nucleus}; only proton (1H) spectra are quantified. Send the proton scan.",
        )
    if not 20 <= spectrum.frequency_mhz <= 700:
        raise MrsError(
            "header-frequency",
            f"A proton frequency of {spectrum.frequency_mhz:.1f} MHz is not one of a human scanner. {AGAIN}",
        )
    if width_hz < 5.5 * spectrum.frequency_mhz * 0.75:
        raise MrsError(
            "header-dwell-time",
            f"The spectral width is too small for this field: the spectrum would be folded. {AGAIN}",
        )


def check_basis(spectrum: Spectrum, basis: Basis) -> None:
    """Refuse a basis of another field, or one without what every brain spectrum has."""
    if spectrum.header.get("SelectedEditCondition", {}).get("Value") == "DIFF":
        raise MrsError(
            "edit-condition",
            "The difference of edited spectra holds no creatine, so that no ratio can be computed from it. Choose the "
            "condition with the editing pulse off.",
        )
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
        raise MrsError("basis-incomplete", f"The basis set lacks {', '.join(missing)}. Choose another.")


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
        raise MrsError(
            "peaks-spacing",
            f"NAA, creatine and choline lie {abs(stretch):.0%} {'farther' if stretch > 0 else 'less far'} apart than "
            f"they should: the frequency or the sampling interval in the header is wrong. {AGAIN}",
        )
    return float(np.median(np.array(at) - SINGLETS_PPM))


PEAKS_NOT_FOUND = MrsError(
    "peaks-not-found",
    "The peaks of NAA, creatine and choline were not found where they should be (2.01, 3.03, 3.22 ppm): wrong voxel, "
    "no signal, or a wrong frequency in the header. Look at the spectrum at the scanner; repeat the scan if it shows "
    "none.",
)
