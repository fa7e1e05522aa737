"""The linear-combination model of a spectrum and its derivatives.

data * exp(i(phi0 + phi1 (ppm - pivot))), real part  =  sum of c_m * component_m  +  baseline

Each component is damped by exp(-gamma_m t - v_g t^2) and turned by exp(2 pi i delta_m t). gamma_m and delta_m are the
group's value plus the component's own deviation, which has a prior. The Gaussian variance v is the parameter, not its
root: the root has a false stationary point at zero.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from sessions.mrs.basis import Basis
from sessions.mrs.grid import TimeGrid
from sessions.mrs.macromolecules import SOFT_RATIOS
from sessions.mrs.settings import Settings
from sessions.mrs.simulate import geometric_rows

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

PIVOT_PPM = 3.0
# Positions in the vector of non-linear parameters; the deviations of each component follow.
PHI0, PHI1, SHIFT, GAMMA, VARIANCE, MM_GAMMA, MM_VARIANCE, MM_SHIFT = range(8)
GLOBALS = 8


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
    soft_sd: Real

    @property
    def points(self) -> int:
        """Number of fitted points."""
        return self.high - self.low

    @property
    def ppm(self) -> Real:
        """Axis of the fitted range."""
        return self.grid.ppm[self.low : self.high]

    def damping(self, p: Real) -> tuple[Complex, Real]:
        """Return the factor of every component, and which widths are free (not held at zero)."""
        count = len(self.names)
        shifts = p[GLOBALS : GLOBALS + count] + p[SHIFT]
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
        return factors, free.astype(float)

    def spectra(self, fids: Complex) -> Complex:
        """Transform decays on the grid into the fitted range."""
        return np.asarray(scipy.fft.fft(fids, self.grid.size)[..., self.low : self.high])

    def decays(self, p: Real) -> tuple[Complex, Real]:
        """Return the damped decays of the components, and which widths are free."""
        factors, free = self.damping(p)
        return self.fids * factors, free

    def components(self, p: Real) -> Real:
        """Return the real spectra of the components, one a row."""
        return np.ascontiguousarray(self.spectra(self.decays(p)[0]).real)

    def slopes(self, decays: Complex, free: Real) -> tuple[Real, Real, Complex]:
        """Return the slopes of the spectra by own shift (Hz) and own width (1/s), and the decays times t."""
        timed = decays * self.grid.times_s
        transformed = self.spectra(timed)
        return -2 * np.pi * transformed.imag, -transformed.real * free[:, None], timed

    def variance_slope(self, timed: Complex, amplitudes: Real, kind: int) -> Real:
        """Return the slope of the whole model by a group's Gaussian variance."""
        chosen = self.kinds == kind
        decay = (amplitudes[chosen] @ timed[chosen]) * self.grid.times_s
        return np.asarray(-self.spectra(decay).real)

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
    rows, of, sd = _soft_ratios(names, norms)
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
        soft_sd=sd,
    )


def _soft_ratios(names: tuple[str, ...], norms: Real) -> tuple[Real, Real, Real]:
    """Return rows (c_a - r * sum) and what their standard deviations are measured by, for normalised components."""
    rows, of, sd = [], [], []
    position = {name: index for index, name in enumerate(names)}
    for ratio in SOFT_RATIOS:
        whole = [(position[name], weight) for name, weight in ratio.of if name in position]
        if ratio.name not in position or not whole:
            continue
        reference = np.zeros(len(names))
        for index, weight in whole:
            reference[index] = weight / norms[index]
        row = -ratio.mean * reference
        row[position[ratio.name]] += 1 / norms[position[ratio.name]]
        rows.append(row)
        of.append(reference)
        sd.append(ratio.sd)
    shape = (len(rows), len(names))
    return np.array(rows).reshape(shape), np.array(of).reshape(shape), np.array(sd)
