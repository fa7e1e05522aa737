"""What must hold before any number is computed. Every refusal has a code and a sentence for a radiographer.

Other programs return plausible wrong numbers for a wrong frequency, for real-valued data or for 16 points, and hang on
one NaN: here each is refused within a second.
"""

from typing import TYPE_CHECKING

import numpy as np

from sessions.mrs.errors import MrsError
from sessions.mrs.spectrum import Spectrum

# Nothing of scipy is loaded here: most bad files are refused by these checks, before the engine is needed at all.
if TYPE_CHECKING:
    from sessions.mrs.basis import Basis

AGAIN = "Export the file from the scanner again."
FEWEST_POINTS = 256
SPECTRAL_WIDTHS_HZ = (500.0, 20000.0)
LONGEST_POINTS = 65536
LARGEST_MISMATCH = 0.01


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


def check_basis(spectrum: Spectrum, basis: "Basis") -> None:
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
