"""Frequency and phase alignment of transients (spectral registration, Near et al. 2015, Magn Reson Med 73:44-50).

Only the metabolites' range is looked at, cut out of the spectrum onto a coarser time grid. A start by cross-correlation
of zero-padded spectra with the phase in closed form, then Gauss-Newton steps for all transients at once on the
time-domain difference from a common reference, which is built again after each round. The least that such an estimate
can vary (Cramer-Rao) is known, so that at low signal it is drawn towards the drift that all transients share.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

ROUNDS = 3
STEPS = 3
LONGEST_SECONDS = 0.4
LARGEST_SHIFT_HZ = 20.0
LARGEST_STEP_HZ = 2.0
METABOLITES_PPM, WIDE_PPM = (1.75, 4.05), (0.5, 4.25)
# Over this ratio of residual to noise something in the wide range moves on its own.
QUIET = 1.1
EDGE_PPM = 0.2
CENTRE_PPM = 4.65
# Residual water: where it may lie around 4.65 ppm, and how fast it may decay (1/s).
WATER_REACH_PPM = 0.2
WATER_RATES = (5.0, 15.0, 40.0, 100.0)
FEWEST_FOR_A_TREND = 8
CHUNK = 32


@dataclass(frozen=True)
class Alignment:
    """What was found for each transient.

    Parameters
    ----------
    shifts_hz, phases
        Frequency and phase (rad) against the common reference; both have mean zero.
    shift_bounds_hz, phase_bounds
        Standard deviations that the noise alone gives them.
    scales
        Size of each transient's signal against the reference.
    widths_hz
        How much broader each transient's lines are than the reference's.
    distances
        Norm of what the reference does not explain, over that of the noise: about 1 for a good transient.
    """

    shifts_hz: Real
    phases: Real
    shift_bounds_hz: Real
    phase_bounds: Real
    scales: Real
    widths_hz: Real
    distances: Real


def align(fids: Complex, dwell_time_s: float, frequency_mhz: float) -> tuple[Complex, Real, Real]:
    """Align transients.

    Parameters
    ----------
    fids
        (transients, points), ascending frequencies.

    Returns
    -------
    aligned, shifts_hz, phases
        What was taken off each transient; both have mean zero, so that the average stays where it was.
    """
    found = register(fids, dwell_time_s, frequency_mhz)
    return turned_back(fids, found.shifts_hz, found.phases, dwell_time_s), found.shifts_hz, found.phases


def turned_back(fids: Complex, shifts_hz: Real, phases: Real, dwell_time_s: float) -> Complex:
    """Take frequency and phase off transients (or off each row)."""
    times = np.arange(fids.shape[-1]) * dwell_time_s
    return np.asarray(fids * np.exp(-1j * (2 * np.pi * shifts_hz[:, None] * times + phases[:, None])))


def register(fids: Complex, dwell_time_s: float, frequency_mhz: float) -> Alignment:
    """Find frequency and phase of each transient against what they have in common; see `align`."""
    fids = fids - water_part(fids, dwell_time_s, frequency_mhz)
    every = np.ones(len(fids), dtype=bool)
    first = _pass(*_band(fids, dwell_time_s, frequency_mhz, METABOLITES_PPM), every, is_first=True)
    # The range is cut out of the aligned signals once more: what lies at its edges has moved in and out before.
    turned = turned_back(fids, first.shifts_hz, first.phases, dwell_time_s)
    last = _pass(*_band(turned, dwell_time_s, frequency_mhz, WIDE_PPM), first.usable)
    if np.median(last.distances) > QUIET:
        # Lipids of the scalp or water move on their own: they must not lead.
        last = _pass(*_band(turned, dwell_time_s, frequency_mhz, METABOLITES_PPM), first.usable)
    shifts: Real = first.shifts_hz + last.shifts_hz
    phases: Real = first.phases + last.phases
    usable = last.usable
    bounds = _bounds(last)
    shifts = _shrunk(shifts, bounds[0], usable)
    phases = _shrunk(np.angle(np.exp(1j * (phases - _mean_angle(phases)))), bounds[1], usable)
    shifts, phases = shifts - shifts[usable].mean(), phases - phases[usable].mean()
    widths_hz = _widths(last)
    return Alignment(shifts, np.angle(np.exp(1j * phases)), *bounds, last.scales, widths_hz, last.distances)


@dataclass(frozen=True)
class _Pass:
    """One range of the spectrum aligned: the signals, their reference, and what was found."""

    part: Complex
    times: Real
    reference: Complex
    weight: Real
    noise: float
    shifts_hz: Real
    phases: Real
    scales: Real
    distances: Real
    usable: NDArray[np.bool_]


def _pass(part: Complex, times: Real, usable: NDArray[np.bool_], *, is_first: bool = False) -> _Pass:
    noise = _noise(part)
    shifts, phases = _nothing(len(part)), _nothing(len(part))
    if is_first:
        reference = part[_most_typical(part)]
        shifts, phases = _start(part, reference, times)
    for _ in range(ROUNDS):
        turned = part * np.exp(-2j * np.pi * shifts[:, None] * times - 1j * phases[:, None])
        reference = turned[usable].mean(axis=0)
        weight = _share_of_signal(reference, noise**2 / usable.sum())
        shifts, phases, scales = _refined(part, reference, times, weight, shifts=shifts, phases=phases)
        distances = _distances(part, reference, times, weight, (shifts, phases, scales)) / noise
        usable = _usable(distances, scales)
    shifts = np.where(usable, shifts, np.median(shifts[usable]))
    return _Pass(part, times, reference, weight, noise, shifts, phases, scales, distances, usable)


def _nothing(count: int) -> Real:
    return np.zeros(count)


def water_part(fids: Complex, dwell_time_s: float, frequency_mhz: float) -> Complex:
    """Return what of each transient lies in the span of decays at the water's place, whatever their phase and width.

    Residual water differs from transient to transient and its tails reach the metabolites.
    """
    times = np.arange(fids.shape[1]) * dwell_time_s
    hertz = np.arange(-WATER_REACH_PPM, WATER_REACH_PPM + 0.001, 0.02) * frequency_mhz
    rates = (2j * np.pi * hertz[:, None] - np.array(WATER_RATES)[None, :]).ravel()
    decays = np.exp(rates[:, None] * times)
    decays /= np.linalg.norm(decays, axis=1)[:, None]
    sizes, vectors = np.linalg.eigh(decays @ decays.conj().T)
    chosen = sizes > 1e-4 * sizes[-1]
    span = (vectors[:, chosen].T.conj() @ decays) / np.sqrt(sizes[chosen])[:, None]
    return np.asarray((fids @ span.conj().T) @ span)


def _band(
    fids: Complex, dwell_time_s: float, frequency_mhz: float, range_ppm: tuple[float, float]
) -> tuple[Complex, Real]:
    """Cut a range out, zero-filled, onto its own time grid."""
    points = fids.shape[1]
    hertz = np.fft.fftfreq(2 * points, dwell_time_s)
    ppm = CENTRE_PPM + hertz / frequency_mhz
    inside = np.flatnonzero((ppm > range_ppm[0]) & (ppm < range_ppm[1]))
    inside = inside[np.argsort(ppm[inside])]
    edge = np.clip(np.minimum(ppm[inside] - range_ppm[0], range_ppm[1] - ppm[inside]) / EDGE_PPM, 0, 1)
    width_hz = len(inside) / (2 * points * dwell_time_s)
    kept = max(2, min(len(inside) // 2, int(LONGEST_SECONDS * width_hz)))
    part = np.empty((len(fids), kept), dtype=np.complex128)
    for first in range(0, len(fids), CHUNK):
        spectra = np.fft.fft(fids[first : first + CHUNK], 2 * points, axis=1)[:, inside]
        part[first : first + CHUNK] = np.fft.ifft(spectra * edge, axis=1)[:, :kept]
    return part, np.arange(kept) / width_hz


def _noise(part: Complex) -> float:
    """Return the noise of one point of the cut-out decays, from the late part of the typical transient."""
    late = part[:, -max(8, part.shape[1] // 5) :]
    return float(np.sqrt(np.median(np.mean(np.abs(late) ** 2, axis=1)))) + 1e-300


def _share_of_signal(reference: Complex, noise_power: float) -> Real:
    """Return how much of each point of the reference is signal (Wiener), smoothed in time."""
    power = uniform_filter1d(np.abs(reference) ** 2, max(3, len(reference) // 20), mode="nearest")
    return np.clip(1 - noise_power / np.maximum(power, 1e-300), 1e-6, 1)


def _most_typical(part: Complex) -> int:
    energy = np.linalg.norm(part, axis=1)
    return int(np.argsort(energy, kind="stable")[len(energy) // 2])


def _start(part: Complex, reference: Complex, times: Real) -> tuple[Real, Real]:
    """Find the shift whose product with the reference adds up most, on a zero-padded grid."""
    size = 16 * part.shape[1]
    hertz = np.fft.fftfreq(size, times[1])
    near = np.abs(hertz) <= LARGEST_SHIFT_HZ
    shifts, phases = np.empty(len(part)), np.empty(len(part))
    for first in range(0, len(part), CHUNK):
        product = np.fft.fft(part[first : first + CHUNK] * reference.conj(), size, axis=1)[:, near]
        best = np.abs(product).argmax(axis=1)
        shifts[first : first + CHUNK] = hertz[near][best]
        phases[first : first + CHUNK] = np.angle(product[np.arange(len(best)), best])
    return shifts, phases


def _refined(
    part: Complex, reference: Complex, times: Real, weight: Real, *, shifts: Real, phases: Real
) -> tuple[Real, Real, Real]:
    """Take Gauss-Newton steps; an own scale for each transient keeps motion from turning into shift."""
    scales = np.ones(len(part))
    for _ in range(STEPS):
        model = reference * np.exp(2j * np.pi * shifts[:, None] * times + 1j * phases[:, None])
        scales = (model.conj() * part * weight).sum(axis=1).real / (np.abs(model) ** 2 * weight).sum(axis=1)
        model = model * scales[:, None]
        residual = part - model
        by_phase = 1j * model
        by_shift = 2j * np.pi * times * model
        a = (np.abs(by_shift) ** 2 * weight).sum(axis=1)
        b = (by_shift.conj() * by_phase * weight).sum(axis=1).real
        c = (np.abs(by_phase) ** 2 * weight).sum(axis=1)
        u = (by_shift.conj() * residual * weight).sum(axis=1).real
        v = (by_phase.conj() * residual * weight).sum(axis=1).real
        determinant = a * c - b * b + 1e-300
        shifts = shifts + np.clip((c * u - b * v) / determinant, -LARGEST_STEP_HZ, LARGEST_STEP_HZ)
        phases = phases + (a * v - b * u) / determinant
    return np.clip(shifts, -2 * LARGEST_SHIFT_HZ, 2 * LARGEST_SHIFT_HZ), phases, scales


def _distances(part: Complex, reference: Complex, times: Real, weight: Real, found: tuple[Real, Real, Real]) -> Real:
    shifts, phases, scales = found
    model = reference * np.exp(2j * np.pi * shifts[:, None] * times + 1j * phases[:, None]) * scales[:, None]
    return np.asarray(np.sqrt((np.abs(part - model) ** 2 * weight).sum(axis=1) / weight.sum()))


def _widths(found: _Pass) -> Real:
    """Return by how many Hz each transient is broader, by linear regression on the reference and its width's slope."""
    times, reference, weight = found.times, found.reference, found.weight
    shifts, phases = found.shifts_hz, found.phases
    turned = found.part * np.exp(-2j * np.pi * shifts[:, None] * times - 1j * phases[:, None])
    power = np.abs(reference) ** 2 * weight
    slope = -np.pi * times
    a, b, c = power.sum(), (power * slope).sum(), (power * slope**2).sum()
    projected = (turned * reference.conj()).real * weight
    u, v = projected.sum(axis=1), (projected * slope).sum(axis=1)
    determinant = max(float(a * c - b * b), 1e-300)
    scale, changed = (c * u - b * v) / determinant, (a * v - b * u) / determinant
    return np.asarray(np.clip(changed / np.where(np.abs(scale) > 1e-12, scale, np.inf), -20, 20))


def _usable(distances: Real, scales: Real) -> NDArray[np.bool_]:
    """Say which transients may have a part in the reference and in the mean of shifts and phases."""
    middle = np.median(distances)
    spread = 1.4826 * np.median(np.abs(distances - middle)) + 0.02 * middle
    usable = (distances <= middle + 8 * spread) & (scales > 0.3 * np.median(scales))
    return usable if usable.any() else np.ones(len(distances), dtype=bool)


def _bounds(found: _Pass) -> tuple[Real, Real]:
    """Return the Cramer-Rao bounds of shift (Hz) and phase (rad); noise is complex, of which half counts."""
    times = found.times
    power = np.abs(found.reference) ** 2 * found.weight
    a, b, c = (power * (2 * np.pi * times) ** 2).sum(), (power * 2 * np.pi * times).sum(), power.sum()
    determinant = max(float(a * c - b * b), 1e-300)
    size = np.maximum(np.abs(found.scales), 0.05)
    each = found.noise / np.sqrt(2) / size
    return each * np.sqrt(c / determinant), each * np.sqrt(a / determinant)


def _shrunk(values: Real, bounds: Real, usable: NDArray[np.bool_]) -> Real:
    """Draw estimates towards their common linear drift, the more the less the noise lets them say (Stein).

    Where transients differ by much more than their bounds this changes nothing.
    """
    if usable.sum() < FEWEST_FOR_A_TREND:
        return values
    index = np.arange(len(values)) - len(values) / 2
    trend = np.polyval(np.polyfit(index[usable], values[usable], 1), index)
    spread = max(float(np.mean((values - trend)[usable] ** 2) - np.mean(bounds[usable] ** 2)), 0.0)
    return np.asarray(trend + (values - trend) * spread / (spread + bounds**2))


def _mean_angle(phases: Real) -> float:
    return float(np.angle(np.exp(1j * phases).mean()))
