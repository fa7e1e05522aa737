"""The fit of a series: many like spectra at once, around the fit of their mean.

Within one session the shape of the model stays: relative shifts, lineshape and first-order phase are those of the mean,
and macromolecules and lipids stay near their share in it. Free in each spectrum are the concentrations, its frequency,
phase and linewidth, and a departure of the baseline from the mean's. The concentrations that the mean needs are solved
for without a bound at zero: a bound would turn noise into bias, which averaging over transients does not remove.
All spectra take the same Gauss-Newton steps in a few matrix products.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.fit import Fit
from sessions.mrs.model import PHI0, PHI1, PIVOT_PPM, Model

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

STEPS = 8
CONVERGED = 1e-3
CHUNK = 16
# Deviations from the mean's, beyond alignment: frequency in ppm, phase in rad, width in Hz.
# A width that is held tighter is drawn to the mean's, and the BOLD effect then looks like a change of concentration.
SHIFT_SD_PPM, PHASE_SD, WIDTH_SD_HZ = 0.002, 0.1, 3.0
SHIFT_SD_UNALIGNED_PPM, PHASE_SD_UNALIGNED = 0.03, 1.0
MACROMOLECULES_SD = 0.05
SMALLEST_MACROMOLECULE = 0.05
# The baseline's departure from that of the mean may bend this much of what a baseline may.
BASELINE_SHARE = 0.6
REFERENCES = ("NAA", "NAAG", "Cr", "PCr")


@dataclass(frozen=True)
class SeriesFit:
    """What was found in each spectrum of a series, one row a spectrum.

    Parameters
    ----------
    amplitudes, covariances
        Concentrations in the basis' units (spectra, components) and their covariance for unit noise.
    shifts_hz, phases, widths_hz
        Against the mean.
    residual_rms
        Of the real fitted spectrum.
    has_converged
        Whether the last step was small.
    """

    amplitudes: Real
    covariances: Real
    shifts_hz: Real
    phases: Real
    widths_hz: Real
    residual_rms: Real
    has_converged: NDArray[np.bool_]


class SeriesFitter:
    """Everything that the spectra of a series have in common.

    Parameters
    ----------
    model, mean
        The model, and the fit of the mean.
    baseline
        Baseline of the mean, on the fitted range.
    projector
        Smoother of the baseline's departures.
    is_aligned
        Whether the transients were aligned, so that little is left of their shifts and phases.
    """

    def __init__(self, model: Model, mean: Fit, baseline: Real, projector: Real, *, is_aligned: bool) -> None:
        self.model, self.mean, self.baseline = model, mean, baseline
        left, values, right = np.linalg.svd(projector, full_matrices=False)
        del left
        # (1 - Q'Q) = R'R with R = 1 - V (1 - sqrt(1 - s^2)) V': in that metric the baseline is profiled out.
        self.directions = right
        self.taken = 1 - np.sqrt(np.clip(1 - values**2, 0, 1))
        self.active = np.flatnonzero(mean.positive)
        decays, _ = model.decays(mean.parameters)
        decays = decays[self.active]
        times = model.grid.times_s
        # Spectra, and their first and half the second derivative by the common width (metabolites broaden).
        broadens = (model.kinds[self.active] == 0)[:, None]
        self.tables = [
            self._profiled(model.spectra(decays).real),
            self._profiled(-model.spectra(decays * times).real * broadens),
            self._profiled(model.spectra(decays * times**2).real / 2 * broadens),
        ]
        self.turn = np.exp(1j * (mean.parameters[PHI0] + mean.parameters[PHI1] * (model.ppm - PIVOT_PPM)))
        self.anchors = self._anchors()
        ppm = SHIFT_SD_PPM if is_aligned else SHIFT_SD_UNALIGNED_PPM
        phase = PHASE_SD if is_aligned else PHASE_SD_UNALIGNED
        self.deviations = np.array([ppm * model.grid.frequency_mhz, phase, np.pi * WIDTH_SD_HZ])

    def _profiled(self, rows: Real) -> Real:
        return np.asarray(rows - ((rows @ self.directions.T) * self.taken) @ self.directions)

    def _anchors(self) -> Real:
        """Return rows that hold macromolecules and lipids near their share in the mean, for unit noise."""
        model, amplitudes = self.model, self.mean.amplitudes
        reference = np.isin(model.names, REFERENCES) / model.norms
        others = [index for index in self.active if model.kinds[index] != 0]
        total = float(reference @ amplitudes)
        if not others or total <= 0:
            return np.zeros((0, len(self.active)))
        largest = max(amplitudes[others].max(), 1e-300)
        rows = np.zeros((len(others), len(model.names)))
        for row, index in enumerate(others):
            rows[row] = -amplitudes[index] / total * reference
            rows[row, index] += 1
            size = max(amplitudes[index], SMALLEST_MACROMOLECULE * largest)
            rows[row] /= MACROMOLECULES_SD * size
        return rows[:, self.active]

    def fit(self, fids: Complex, noise: float) -> SeriesFit:
        """Fit decays, one a row.

        Parameters
        ----------
        noise
            Standard deviation of the noise in the real spectrum of one of them.
        """
        # Late noise, which the grid leaves out, is not carried along.
        fids = fids[:, : self.model.grid.source_points]
        parts = [self._fit_chunk(fids[first : first + CHUNK], noise) for first in range(0, len(fids), CHUNK)]
        return SeriesFit(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))

    def _fit_chunk(self, fids: Complex, noise: float) -> SeriesFit:
        count, known = len(fids), len(self.active)
        own = np.zeros((count, 3))
        amplitudes = np.tile(self.mean.amplitudes[self.active], (count, 1))
        weights = np.concatenate([np.zeros(known), noise**2 / self.deviations**2])
        anchors = np.zeros((known + 3, known + 3))
        anchors[:known, :known] = noise**2 * self.anchors.T @ self.anchors
        anchors[np.diag_indices(known + 3)] += weights
        moved = np.full(count, np.inf)
        for _ in range(STEPS):
            rows, y = self._linear(fids, own, amplitudes)
            gram = rows @ rows.transpose(0, 2, 1) + anchors
            gram[:, np.arange(known + 3), np.arange(known + 3)] *= 1 + 1e-10
            right = np.einsum("tkp,tp->tk", rows, y)
            right[:, known:] -= weights[known:] * own
            solution = np.linalg.solve(gram, right[..., None])[..., 0]
            amplitudes = solution[:, :known]
            limit = 4 * self.deviations
            step = np.clip(solution[:, known:], -limit, limit)
            own = own + step
            moved = (np.abs(step) / self.deviations).max(axis=1)
            if (moved < CONVERGED).all():
                break
        residual = y - np.einsum("tkp,tk->tp", rows, solution)
        inverse = np.linalg.inv(gram)[:, :known, :known]
        everything = np.zeros((count, len(self.model.names)))
        everything[:, self.active] = amplitudes
        covariances = np.zeros((count, everything.shape[1], everything.shape[1]))
        covariances[np.ix_(np.arange(count), self.active, self.active)] = inverse
        norms = self.model.norms
        return SeriesFit(
            amplitudes=everything / norms,
            covariances=covariances / norms[:, None] / norms[None, :],
            shifts_hz=own[:, 0],
            phases=own[:, 1],
            widths_hz=own[:, 2] / np.pi,
            residual_rms=np.sqrt((residual**2).mean(axis=1)),
            has_converged=moved < 30 * CONVERGED,
        )

    def _linear(self, fids: Complex, own: Real, amplitudes: Real) -> tuple[Real, Real]:
        """Return the slopes of the model at a point, (spectra, parameters, points), and the data less the baseline."""
        grid = self.model.grid
        inside = slice(self.model.low, self.model.high)
        times = np.arange(fids.shape[1]) * grid.source_dwell_time_s
        turned = fids * np.exp(-1j * (2 * np.pi * own[:, :1] * times + own[:, 1:2]))
        spectra = grid.spectrum(turned)[:, inside] * self.turn
        timed = grid.spectrum(turned * times)[:, inside] * self.turn
        width = own[:, 2][:, None, None]
        plain, first, second = self.tables
        rows = np.empty((len(fids), len(self.active) + 3, plain.shape[1]))
        rows[:, :-3] = plain + width * first + width**2 * second
        # Turning the data back by more of shift or phase changes them by minus these.
        rows[:, -3] = self._profiled(-2 * np.pi * timed.imag)
        rows[:, -2] = self._profiled(-spectra.imag)
        by_width = amplitudes @ first + 2 * own[:, 2:3] * (amplitudes @ second)
        rows[:, -1] = by_width
        return rows, self._profiled(spectra.real - self.baseline)


_FIELDS = tuple(SeriesFit.__dataclass_fields__)
