"""How good a spectrum and its fit are. Poor quality is a value and a flag, never an exception."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.fit import Fit
from sessions.mrs.grid import CENTRE_PPM, longest
from sessions.mrs.model import GAMMA, PHI0, PHI1, SHIFT, VARIANCE, Model

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

BROAD_PPM = 0.1
LOW_SNR = 15.0
LARGE_RESIDUAL = 2.0
LARGE_WATER = 20.0
LARGE_SHIFT_PPM = 0.1
LARGE_PHASE1_DEG_PER_PPM = 8.0


@dataclass(frozen=True)
class Curves:
    """What the fit viewer draws, on the fitted range: ascending ppm; and what other pages draw (`pictures`)."""

    ppm: Real
    data: Real
    fit: Real
    baseline: Real
    residual: Real
    components: dict[str, Real]
    pictures: dict[str, Any] = field(default_factory=dict)


def curves(model: Model, projector: Real, spectrum: Complex, fit: Fit) -> Curves:
    """Return data, fit and parts of a finished fit."""
    parts = model.components(fit.parameters) * fit.amplitudes[:, None]
    data = model.flat(model.rotated(spectrum, fit.parameters))
    whole = parts.sum(axis=0)
    baseline = projector.T @ (projector @ (data - whole))
    # Of a complex fit the real part, which comes first, is shown.
    shown = slice(0, model.points)
    parts, data, whole, baseline = parts[:, shown], data[shown], whole[shown], baseline[shown]
    components = {name: part for name, part in zip(model.names, parts, strict=True) if part.any()}
    return Curves(model.ppm, data, whole + baseline, baseline, data - whole - baseline, components)


def noise_level(fid: Complex, dwell_time_s: float, frequency_mhz: float) -> float:
    """Return the standard deviation of the noise in the real zero-filled spectrum, from where no signal is.

    Of the part of the decay that is fitted (`sessions.mrs.grid.longest`).
    """
    fid = fid[: longest(dwell_time_s)]
    size = 2 * len(fid)
    ppm = CENTRE_PPM + np.fft.fftfreq(size, dwell_time_s) / frequency_mhz
    order = np.argsort(ppm)
    spectrum, ppm = np.fft.fft(fid, size)[order], ppm[order]
    quiet = (ppm < -1.0) | (ppm > 9.0)
    if quiet.sum() < 64:
        quiet = (ppm < np.quantile(ppm, 0.05)) | (ppm > np.quantile(ppm, 0.95))
    second = np.diff(spectrum[quiet], n=2) / np.sqrt(6)
    return float(np.sqrt((np.median(second.real**2) + np.median(second.imag**2)) / 2 / 0.4549)) + 1e-300


def linewidth_hz(model: Model, fit: Fit, name: str) -> float | None:
    """Return the full width at half maximum of a metabolite's largest peak as fitted."""
    if name not in model.names:
        return None
    index = model.names.index(name)
    factors, _ = model.damping(fit.parameters)
    fine = 16 * model.grid.size
    spectrum = np.fft.fft(model.fids[index] * factors[index], fine).real
    step_hz = 1 / (fine * model.grid.dwell_time_s)
    inside = slice(int(model.low * 16), int(model.high * 16))
    spectrum = spectrum[inside]
    top = int(np.argmax(spectrum))
    half = spectrum[top] / 2
    below = np.flatnonzero(spectrum[:top] < half)
    above = np.flatnonzero(spectrum[top:] < half)
    if not len(below) or not len(above):
        return None
    return float((top + above[0] - below[-1] - 1) * step_hz)


def assess(
    model: Model, found: Curves, fit: Fit, *, noise: float, water_residual: float, offset_ppm: float
) -> tuple[dict[str, Any], list[str]]:
    """Return the quality values, and sentences for what is out of the ordinary."""
    p = fit.parameters
    clean = found.data - found.baseline
    near_naa = np.abs(found.ppm - 2.01) < 0.1
    peak = float(clean[near_naa].max()) if near_naa.any() else float(clean.max())
    rms = float(np.sqrt(np.mean(found.residual**2)))
    hertz = linewidth_hz(model, fit, "NAA")
    creatine_hz = linewidth_hz(model, fit, "Cr") or linewidth_hz(model, fit, "PCr")
    frequency = model.grid.frequency_mhz
    quality: dict[str, Any] = {
        "snr": round(peak / (2 * rms), 2),
        "snr_noise": round(peak / (2 * noise), 2),
        "fwhm_hz": _rounded(hertz, 2),
        "fwhm_ppm": _rounded(hertz / frequency if hertz else None, 4),
        "fwhm_creatine_hz": _rounded(creatine_hz, 2),
        "residual_over_noise": round(rms / noise, 3),
        "residual_autocorrelation": round(_autocorrelation(found.residual), 4),
        "water_residual": round(water_residual, 3),
        "shift_ppm": round(float(p[SHIFT]) / frequency, 4),
        "offset_ppm": round(offset_ppm, 4),
        "phase0_deg": round(float(np.rad2deg(np.angle(np.exp(1j * p[PHI0])))), 2),
        "phase1_deg_per_ppm": round(float(np.rad2deg(p[PHI1])), 3),
        "lorentzian_per_s": round(float(p[GAMMA]), 3),
        "gaussian_per_s2": round(float(p[VARIANCE]), 3),
        "iterations": fit.iterations,
        "has_converged": fit.has_converged,
    }
    return quality, _flags(quality)


def _flags(quality: dict[str, Any]) -> list[str]:
    flags = []
    if not quality["has_converged"]:
        flags.append("The fit did not converge: treat the numbers with caution.")
    if quality["fwhm_ppm"] is None or quality["fwhm_ppm"] > BROAD_PPM:
        flags.append("The lines are broad (over 0.1 ppm): poor shim or motion.")
    if quality["snr"] < LOW_SNR:
        flags.append("The signal-to-noise ratio is low (under 15).")
    if quality["residual_over_noise"] > LARGE_RESIDUAL:
        flags.append(
            "The residual is larger than the noise: something in the spectrum is not in the model (lipid, artefact)."
        )
    if quality["water_residual"] > LARGE_WATER:
        flags.append("The residual water is more than 20 times the largest metabolite peak.")
    if abs(quality["shift_ppm"]) > LARGE_SHIFT_PPM:
        flags.append("The spectrum is shifted by more than 0.1 ppm.")
    if abs(quality["phase1_deg_per_ppm"]) > LARGE_PHASE1_DEG_PER_PPM:
        flags.append("The first-order phase is unusually large.")
    return flags


def _autocorrelation(residual: Real) -> float:
    """Return the largest autocorrelation of the residual at lags of 2 to 20 points: 0 for white noise."""
    centred = residual - residual.mean()
    energy = float(centred @ centred) or 1.0
    return max(float(centred[lag:] @ centred[:-lag]) / energy for lag in range(2, 21))


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
