"""The linear-combination model of a spectrum and its derivatives.

data * exp(i(phi0 + phi1 (ppm - pivot))), real part  =  sum of c_m * component_m  +  baseline

Each component is damped by exp(-gamma_m t - v_g t^2) and turned by exp(2 pi i delta_m t). gamma_m and delta_m are the
group's value plus the component's own deviation, which has a prior. The Gaussian variance v is the parameter, not its
root: the root has a false stationary point at zero.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from sessions.mrs.basis import Basis
from sessions.mrs.grid import TimeGrid
from sessions.mrs.macromolecules import BIG3, SOFT_RATIOS
from sessions.mrs.settings import Settings
from sessions.mrs.simulate import geometric_rows

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

PIVOT_PPM = 3.0
# Positions in the vector of non-linear parameters; the deviations of each component follow.
PHI0, PHI1, SHIFT, GAMMA, VARIANCE, MM_GAMMA, MM_VARIANCE, MM_SHIFT = range(8)
# The lineshape's departure from a Voigt profile: so many phases and logarithms of the magnitude, common to all.
SHAPE, PHASES, MAGNITUDES = 8, 3, 2
GLOBALS = SHAPE + PHASES + MAGNITUDES
SHAPE_SECONDS = 0.08


@dataclass(frozen=True)
class Model:
    """Everything about a basis on a grid that does not change during a fit.

    Parameters
    ----------
    grid, names
        Where the data live, and the components.
    fids
        Components on the grid's times, normalised to unit norm within the fitted range.
    norms
        What they were divided by.
    kinds
        0 metabolite, 1 measured macromolecules, 2 modelled macromolecule or lipid.
    low, high
        The fitted range as indices of the grid.
    shift_sd_hz, width_sd_hz
        Prior of each component's own deviations.
    is_complex
        Fit both parts of the spectrum, not the real one.
    soft_mean, soft_sd
        Rows of the soft ratios: coefficient of every component; the standard deviation goes by `soft_of`.
    """

    grid: TimeGrid
    names: tuple[str, ...]
    fids: Complex
    norms: Real
    kinds: NDArray[np.int64]
    low: int
    high: int
    shift_sd_hz: Real
    width_sd_hz: Real
    soft_rows: Real
    soft_of: Real
    soft_least: Real
    soft_sd: Real
    is_complex: bool = False

    @cached_property
    def shapes(self) -> Complex:
        """Smooth functions of time that bend the lineshape (i times those of the phase first): zero at time zero.

        Polynomials of 1 - exp(-t/T), freed of what shift and widths can do, of size one while there is signal.
        """
        times = self.grid.times_s
        weight = np.exp(-times / SHAPE_SECONDS)
        rising = 1 - weight
        rows = []
        for count, known, turn in ((PHASES, [times], 1j), (MAGNITUDES, [times, times**2], 1)):
            found: list[Real] = [part / np.sqrt((part**2 * weight).sum()) for part in known]
            if len(found) == 2:
                found[1] = found[1] - (found[1] * found[0] * weight).sum() * found[0]
                found[1] /= np.sqrt((found[1] ** 2 * weight).sum())
            for power in range(1, count + 1):
                part = rising**power
                for _ in range(2):
                    for other in found:
                        part = part - (part * other * weight).sum() * other
                found.append(part / np.sqrt((part**2 * weight).sum()))
            rows += [turn * part * np.sqrt(weight.sum()) for part in found[len(known) :]]
        return np.array(rows)

    @property
    def points(self) -> int:
        """Number of points of the fitted range."""
        return self.high - self.low

    @property
    def ppm(self) -> Real:
        """Axis of the fitted range."""
        return self.grid.ppm[self.low : self.high]

    def damping(self, p: Real) -> tuple[Complex, Real]:
        """Return the factor of every component, and which widths are free (not held at zero)."""
        count = len(self.names)
        shifts = p[GLOBALS : GLOBALS + count] + p[SHIFT]
        shape = np.exp(p[SHAPE:GLOBALS] @ self.shapes)
        own = p[GLOBALS + count :]
        gamma = np.where(self.kinds == 0, p[GAMMA], np.where(self.kinds == 1, p[MM_GAMMA], 0)) + own
        shifts = shifts + np.where(self.kinds == 1, p[MM_SHIFT], 0)
        free = (gamma > 0) | (self.kinds == 2)
        gamma = np.where(free, gamma, 0)
        rates = (-gamma + 2j * np.pi * shifts) * self.grid.dwell_time_s
        factors = geometric_rows(rates, len(self.grid.times_s))
        squared = self.grid.times_s**2
        factors[self.kinds == 0] *= np.exp(-p[VARIANCE] * squared)
        if (self.kinds == 1).any():
            factors[self.kinds == 1] *= np.exp(-p[MM_VARIANCE] * squared)
        return factors * shape, free.astype(float)

    def spectra(self, fids: Complex) -> Complex:
        """Transform decays on the grid into the fitted range."""
        return np.asarray(scipy.fft.fft(fids, self.grid.size)[..., self.low : self.high])

    def decays(self, p: Real) -> tuple[Complex, Real]:
        """Return the damped decays of the components, and which widths are free."""
        factors, free = self.damping(p)
        return self.fids * factors, free

    def components(self, p: Real) -> Real:
        """Return what is fitted of the components' spectra, one a row."""
        return self.flat(self.spectra(self.decays(p)[0]))

    def flat(self, spectra: Complex) -> Real:
        """Return what is fitted of complex spectra: the real part, or both parts one after the other."""
        if self.is_complex:
            return np.concatenate([spectra.real, spectra.imag], axis=-1)
        return np.ascontiguousarray(spectra.real)

    def slopes(self, decays: Complex, free: Real) -> tuple[Real, Real]:
        """Return the slopes of spectra by own shift (Hz) and own width (1/s)."""
        transformed = self.spectra(decays * self.grid.times_s)
        return self.flat(2j * np.pi * transformed), -self.flat(transformed) * free[:, None]

    def variance_slope(self, decays: Complex, amplitudes: Real, kind: int) -> Real:
        """Return the slope of the whole model by a group's Gaussian variance."""
        chosen = self.kinds == kind
        return -self.flat(self.spectra((amplitudes[chosen] @ decays[chosen]) * self.grid.times_s**2))

    def rotated(self, spectrum: Complex, p: Real) -> Complex:
        """Return the data's fitted range, phased."""
        angle = p[PHI0] + p[PHI1] * (self.ppm - PIVOT_PPM)
        return np.asarray(spectrum[self.low : self.high] * np.exp(1j * angle))


def build_model(basis: Basis, grid: TimeGrid, settings: Settings) -> Model:
    """Bring a basis onto the grid of the data."""
    low, high = np.searchsorted(grid.ppm, [settings.ppm_low, settings.ppm_high])
    # A coarser grid sums fewer samples: the factor keeps amplitudes on the scale of the data.
    fids = basis.on(grid) * (grid.dwell_time_s / grid.source_dwell_time_s)
    kind_number = {"metabolite": 0, "measured": 1, "modelled": 2}
    kinds = np.array([kind_number[component.kind] for component in basis.components])
    linewidth = np.exp(-np.pi * 4 * grid.times_s)
    seen = scipy.fft.fft(fids * linewidth, grid.size)[:, low:high].real
    norms = np.sqrt((seen**2).sum(axis=1))
    # A component without signal in the range would only make the equations singular.
    visible = norms > 1e-4 * np.sqrt((np.abs(fids) ** 2).sum(axis=1))
    fids, norms, kinds = fids[visible], norms[visible], kinds[visible]
    names = tuple(name for name, is_visible in zip(basis.names, visible, strict=True) if is_visible)
    rows, of, least, sd = _soft_ratios(names if settings.soft_ratios else (), norms)
    shift_sd_ppm = np.where(kinds == 0, settings.shift_sd_ppm, np.where(kinds == 1, 0.004, 0.02))
    width_sd = np.where(kinds == 0, settings.width_sd_hz, np.where(kinds == 1, 0.01, 4.0))
    return Model(
        grid=grid,
        names=names,
        fids=fids / norms[:, None],
        norms=norms,
        kinds=kinds,
        low=int(low),
        high=int(high),
        shift_sd_hz=shift_sd_ppm * grid.frequency_mhz,
        width_sd_hz=width_sd * np.pi,
        soft_rows=rows,
        soft_of=of,
        soft_least=least,
        soft_sd=sd,
        is_complex=settings.domain == "complex",
    )


def _soft_ratios(names: tuple[str, ...], norms: Real) -> tuple[Real, Real, Real, Real]:
    """Return rows (c_a - r * sum), what their standard deviations are measured by, and the least that may be."""
    rows, of, least, sd = [], [], [], []
    position = {name: index for index, name in enumerate(names)}

    def weights(parts: tuple[tuple[str, float], ...]) -> Real:
        row = np.zeros(len(norms))
        for name, weight in parts:
            if name in position:
                row[position[name]] = weight / norms[position[name]]
        return row

    for ratio in SOFT_RATIOS:
        reference = weights(ratio.of)
        if ratio.name not in position or not reference.any():
            continue
        rows.append(weights(((ratio.name, 1.0),)) - ratio.mean * reference)
        of.append(reference)
        least.append(ratio.least * weights(BIG3))
        sd.append(ratio.sd)
    shape = (len(rows), len(norms))
    table = [np.array(part).reshape(shape) for part in (rows, of, least)]
    return table[0], table[1], table[2], np.array(sd)
