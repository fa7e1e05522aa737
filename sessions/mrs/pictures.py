"""What pages draw of an acquisition beside its fit: its transients before and after alignment, and its processed decay.

All of it is for the eye and for other programs' viewers; no number of a result is computed here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.grid import CENTRE_PPM
from sessions.mrs.preprocess import Prepared
from sessions.mrs.spectrum import Spectrum

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

SHOWN_PPM = (0.5, 4.2)
MOST_ROWS, MOST_POINTS = 32, 128
DIGITS = 7


def pictures_of(prepared: Prepared, spectrum: Spectrum) -> dict[str, Any]:
    """Return what pages draw beside the fit: `processed`, the decay that was fitted, and `transients` where several."""
    stacks = transients_document(
        prepared.combined, prepared.aligned, prepared.kept, spectrum.dwell_time_s, spectrum.frequency_mhz
    )
    processed = decay_document(prepared.mean, spectrum.dwell_time_s)
    return {"processed": processed, **({"transients": stacks} if stacks else {})}


def transients_document(
    combined: Complex, aligned: Complex, kept: NDArray[np.bool_], dwell_time_s: float, frequency_mhz: float
) -> dict[str, Any] | None:
    """Return the stacked spectra of transients, before and after alignment, on few enough points for a page.

    Parameters
    ----------
    combined, aligned
        (transients, points): after coil combination, and after alignment.
    kept
        Which transients went into the average.
    dwell_time_s, frequency_mhz
        Of the data.

    Returns
    -------
    document
        `ppm` (descending), `numbers` of the transients shown (counted from 1), `is_kept`, and `before` and `after`: one
        row a transient, magnitude spectra whose largest value is 1; None for a single transient. Of more than 32
        transients every second, third ... is shown.
    """
    count, points = combined.shape
    if count < 2:
        return None
    chosen = np.arange(0, count, -(-count // MOST_ROWS))
    size = 2 * points
    ppm = CENTRE_PPM + np.fft.fftfreq(size, dwell_time_s) / frequency_mhz
    inside = np.flatnonzero((ppm >= SHOWN_PPM[0]) & (ppm <= SHOWN_PPM[1]))
    inside = inside[np.argsort(-ppm[inside])]
    width = -(-len(inside) // MOST_POINTS)
    used = len(inside) // width * width
    # A little smoothing, as a matched filter does it: single transients are noisy, and their place is the question.
    window = np.exp(-np.arange(points) * dwell_time_s * np.pi * 0.03 * frequency_mhz)

    def rows(fids: Complex) -> Real:
        spectra = np.abs(np.fft.fft(fids[chosen] * window, size, axis=1)[:, inside[:used]])
        return np.asarray(spectra.reshape(len(chosen), -1, width).mean(axis=2))

    before, after = rows(combined), rows(aligned)
    top = max(float(before.max()), float(after.max())) or 1.0
    return {
        "ppm": [round(float(value), 3) for value in ppm[inside[:used]].reshape(-1, width).mean(axis=1)],
        "numbers": [int(index) + 1 for index in chosen],
        "is_kept": [bool(value) for value in kept[chosen]],
        "before": [[round(float(value), 3) for value in row] for row in before / top],
        "after": [[round(float(value), 3) for value in row] for row in after / top],
    }


def decay_document(fid: Complex, dwell_time_s: float) -> dict[str, Any]:
    """Return a decay as numbers: what went into the fit, at seven significant digits of its largest value."""
    top = float(np.abs(fid).max()) or 1.0
    return {
        "dwell_time_s": dwell_time_s,
        "real": [round(float(value), DIGITS) for value in fid.real / top],
        "imaginary": [round(float(value), DIGITS) for value in fid.imag / top],
    }


def window_decay(ppm: Real, values: Real, frequency_mhz: float) -> tuple[Complex, float]:
    """Return a decay whose spectrum has exactly these real values in their window, and nothing beside it.

    A real spectrum belongs to a decay that is symmetric in time; twice its causal half has the same real part, and the
    imaginary part that goes with it (Ernst 1969, J Magn Reson 1:7-26).

    Parameters
    ----------
    ppm
        Axis of the values, evenly spaced, ascending.
    values
        Real part of a spectrum.
    frequency_mhz
        Of the data.

    Returns
    -------
    fid, dwell_time_s
        From 4.65 ppm, higher shifts at higher frequencies, on a grid that holds the window on both sides of 4.65 ppm.
    """
    step_hz = float(ppm[-1] - ppm[0]) / (len(ppm) - 1) * frequency_mhz
    first = round((float(ppm[0]) - CENTRE_PPM) * frequency_mhz / step_hz)
    size = 2 ** int(np.ceil(np.log2(2 * (abs(first) + len(ppm)))))
    spectrum = np.zeros(size)
    spectrum[(first + np.arange(len(ppm))) % size] = values
    fid = 2 * np.fft.ifft(spectrum)[: size // 2]
    fid[0] /= 2
    return np.asarray(fid), 1 / (size * step_hz)
