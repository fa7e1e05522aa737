"""From files to a result: the order of checks, preprocessing, fits, bounds, quality and the sensitivity band."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.baseline import departure_projector, make_projector
from sessions.mrs.basis import Basis
from sessions.mrs.basis_loading import basis_identity
from sessions.mrs.concentration import Scaling, concentrations, relative, water_signal
from sessions.mrs.conversion import read_spectrum
from sessions.mrs.document import curves_document, metabolites, ratios, significant
from sessions.mrs.fit import Fit, Priors, fit_spectrum
from sessions.mrs.functional import FunctionalOptions, Plan, functional_document, make_plan
from sessions.mrs.grid import make_grid
from sessions.mrs.macromolecules import completed, proton_scale
from sessions.mrs.measured import measured_macromolecules
from sessions.mrs.model import GAMMA, GLOBALS, MM_GAMMA, MM_VARIANCE, PHI0, SHIFT, VARIANCE, Model, build_model
from sessions.mrs.opening import Opened, Progress, opened, untold
from sessions.mrs.pictures import pictures_of
from sessions.mrs.preprocess import Prepared, prepare
from sessions.mrs.quality import Curves, assess, curves, noise_level
from sessions.mrs.schedule import make_clock
from sessions.mrs.series import Series, transients_table
from sessions.mrs.series_fit import BASELINE_SHARE
from sessions.mrs.settings import ENGINE_VERSION, Settings
from sessions.mrs.spectrum import Spectrum
from sessions.mrs.uncertainty import Estimates, estimates

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

PRIMARY = ("Glx", "tNAA")
START_WIDTH_PPM = 0.035
SECONDS_PER_MINUTE = 60.0
WIDE_BAND = 0.1


@dataclass(frozen=True)
class Result:
    """What a quantification found.

    Parameters
    ----------
    document
        The JSON object of the command line.
    curves
        What the fit viewer draws, at most 700 points.
    """

    document: dict[str, Any]
    curves: dict[str, Any]


def quantify(
    path: str | Path,
    *,
    basis: str | Path,
    water: str | Path | None = None,
    settings: Settings = Settings(),  # noqa: B008 - frozen
    blocks: str = "auto",
    macromolecules: str | Path | None = None,
    condition: str | None = None,
    functional: FunctionalOptions | None = None,
    scaling: Scaling = Scaling(),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> Result:
    """Quantify one file.

    Parameters
    ----------
    path, water
        Spectrum and water reference: NIfTI-MRS or a vendor's file.
    basis
        .BASIS file, folder, or simulation (`sessions.mrs.basis.load_basis`).
    blocks
        `auto` (as the header says), `none`, or a number of consecutive blocks of transients.
    macromolecules
        A measured macromolecule spectrum (NIfTI-MRS) that replaces the modelled ones.
    condition
        Which condition of edited data; without, the one with the editing pulse off.
    functional
        A list of fits to add (`series`), and what of it goes with events or a dose (`functional`).
    scaling
        Tissue fractions and unit of the concentrations that a water reference gives.
    progress
        Told the stage (`checking`, `preprocessing`, `fitting`) and its fraction.

    Raises
    ------
    MrsError
        No number may be computed from this.
    """
    tell = progress or untold
    files = opened(path, basis=basis, water=water, settings=settings, blocks=blocks, condition=condition, tell=tell)
    return quantify_opened(
        files, settings=settings, macromolecules=macromolecules, functional=functional, scaling=scaling, progress=tell
    )


def quantify_opened(
    files: Opened,
    *,
    settings: Settings,
    macromolecules: str | Path | None = None,
    functional: FunctionalOptions | None = None,
    scaling: Scaling = Scaling(),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> Result:
    """Quantify files that were opened and checked; see `quantify` for the parameters and errors."""
    tell = progress or untold
    spectrum, identity = files.spectrum, files.basis_identity
    plan = None if functional is None else make_plan(spectrum, functional)
    loaded = files.basis
    if macromolecules is not None:
        loaded = loaded.extended((measured_macromolecules(read_spectrum(macromolecules), spectrum.frequency_mhz),))
        identity += f"+{basis_identity(macromolecules)}"
    tell("checking", 1.0)
    document, found = quantify_spectrum(
        spectrum, files.water, loaded, settings, block_count=files.block_count, tell=tell, plan=plan, scaling=scaling
    )
    document["settings_sha256"] = settings.sha256(identity)
    document["settings"] = settings.as_dict()
    document["header"] = spectrum.header
    return Result(document, curves_document(found))


def quantify_spectrum(
    spectrum: Spectrum,
    water: Spectrum | None,
    basis: Basis,
    settings: Settings,
    *,
    block_count: int,
    tell: Progress,
    plan: Plan | None = None,
    scaling: Scaling = Scaling(),  # noqa: B008 - frozen
) -> tuple[dict[str, Any], Curves]:
    """Quantify data in memory; see `quantify` for the file's side."""
    tell("preprocessing", 0.0)
    prepared = prepare(spectrum, water, settings, block_count)
    tell("preprocessing", 1.0)
    fitter = Fitter(spectrum, basis, settings, prepared)
    tell("fitting", 0.0)
    began = time.perf_counter()
    fit, noise = fitter.fit(prepared.mean, fitter.start(prepared))
    values = fitter.estimates(prepared.mean, fit)
    seconds = time.perf_counter() - began
    tell("fitting", 0.3)
    found = curves(fitter.model, fitter.projector, fitter.spectrum(prepared.mean), fit)
    found.pictures.update(pictures_of(prepared, spectrum))
    quality, flags = assess(
        fitter.model, found, fit, noise=noise, water_residual=prepared.water_residual, offset_ppm=prepared.offset_ppm
    )
    band = fitter.sensitivity(prepared.mean, fit, values)
    low, high = band
    if low is not None and high is not None and high - low > WIDE_BAND * high:
        flags.append("Glx/tNAA moves by more than 10 % with the flexibility of the baseline.")
    tell("fitting", 0.5)
    document: dict[str, Any] = {
        "metabolites": metabolites(values),
        "ratios": ratios(values),
        "relative": relative(values),
        "quality": quality,
        "sensitivity": {"/".join(PRIMARY): [significant(low), significant(high)]},
        "flags": flags,
        "engine_version": ENGINE_VERSION,
        "seconds": round(seconds, 4),
        "preprocessing": list(prepared.steps),
        "transients": transients_table(prepared, quality, make_clock(spectrum, None, None)),
    }
    if prepared.water is not None:
        proton, signal = proton_scale(basis, fitter.model.grid), water_signal(prepared.water, spectrum.dwell_time_s)
        document["concentrations"] = concentrations(values, spectrum, proton=proton, water=signal, scaling=scaling)
    flags += prepared.flags()
    if block_count or plan is not None:
        series = fitter.series(fit, found, prepared, quality)
        if block_count:
            document["blocks"] = series.blocks(block_minutes(spectrum, block_count))
        if plan is not None:
            document |= functional_document(series, plan, lambda fraction: tell("fitting", 0.5 + fraction / 2))
    tell("fitting", 1.0)
    return document, found


class Fitter:
    """A model made once for an acquisition, and the fits with it."""

    def __init__(self, spectrum: Spectrum, basis: Basis, settings: Settings, prepared: Prepared) -> None:
        self.settings = settings
        self.frequency_mhz, self.dwell_time_s = spectrum.frequency_mhz, spectrum.dwell_time_s
        grid = make_grid(spectrum.frequency_mhz, spectrum.dwell_time_s, len(prepared.mean))
        self.model: Model = build_model(completed(basis, grid, settings), grid, settings)
        self.projector = make_projector(self.model, settings)

    def spectrum(self, fid: Complex) -> Complex:
        """Return the window of a decay's spectrum."""
        return self.model.grid.spectrum(fid)

    def start(self, prepared: Prepared) -> Real:
        """Return parameters to start from: shift from the singlets, phase from their correlation with the data."""
        model = self.model
        p = np.zeros(GLOBALS + 2 * len(model.names))
        width_hz = START_WIDTH_PPM * self.frequency_mhz
        p[GAMMA] = 0.4 * np.pi * width_hz
        p[VARIANCE] = (0.6 * np.pi * width_hz) ** 2 / (4 * np.log(2))
        # From no broadening at all, macromolecules do not find a Lorentzian one.
        p[MM_GAMMA], p[MM_VARIANCE] = p[GAMMA] / 2, p[VARIANCE] / 2
        p[SHIFT] = prepared.offset_ppm * self.frequency_mhz
        factors, _ = model.damping(p)
        spectra = model.spectra(model.fids * factors)
        template = np.zeros(model.points, dtype=np.complex128)
        for name, size in (("NAA", 12.0), ("Cr", 4.0), ("PCr", 4.0), ("GPC", 1.2), ("PCh", 0.3)):
            if name in model.names:
                index = model.names.index(name)
                template += spectra[index] * model.norms[index] * size
        data = self.spectrum(prepared.mean)[model.low : model.high]
        # Differences, so that broad signals have no say.
        p[PHI0] = -np.angle(np.vdot(np.diff(template), np.diff(data)))
        return p

    def fit(self, fid: Complex, start: Fit | Real) -> tuple[Fit, float]:
        """Fit one decay; return the fit and the noise of its spectrum."""
        noise = noise_level(fid, self.dwell_time_s, self.frequency_mhz)
        priors = Priors.of(self.settings, noise)
        return fit_spectrum(self.model, self.projector, self.spectrum(fid), priors, start), noise

    def estimates(self, fid: Complex, fit: Fit) -> Estimates:
        """Return concentrations and covariance."""
        return estimates(self.model, self.projector, self.spectrum(fid), fit, fit.noise)

    def sensitivity(self, fid: Complex, fit: Fit, values: Estimates) -> tuple[float | None, float | None]:
        """Fit again with other flexibilities of the baseline; return the lowest and highest primary ratio."""
        upper, lower = PRIMARY
        first = values.ratio(upper, lower)
        found = [first[0] if first else None]
        priors = Priors.of(self.settings, noise_level(fid, self.dwell_time_s, self.frequency_mhz))
        for factor in self.settings.sensitivity_factors:
            other = fit_spectrum(
                self.model, make_projector(self.model, self.settings, factor), self.spectrum(fid), priors, fit
            )
            ratio = Estimates(self.model.names, other.amplitudes / self.model.norms, values.covariance).ratio(
                upper, lower
            )
            found.append(ratio[0] if ratio else None)
        numbers = [value for value in found if value is not None]
        return (min(numbers), max(numbers)) if len(numbers) == len(found) else (None, None)

    def series(self, mean: Fit, found: Curves, prepared: Prepared, quality: dict[str, Any]) -> Series:
        """Return what fits parts of the acquisition around the fit of its mean."""
        departures = departure_projector(self.model, self.settings, BASELINE_SHARE)
        return Series(self.model, mean, found, departures=departures, prepared=prepared, quality=quality)


def block_minutes(spectrum: Spectrum, count: int) -> list[float | None]:
    """Return when each block began: as the header says, else by the repetition time, else unknown."""
    marked = spectrum.header.get("BlockStartMinutes", {}).get("Value", [])
    if len(marked) == count:
        return [round(float(value), 4) for value in marked]
    repetition_s = spectrum.header.get("RepetitionTime")
    if not repetition_s:
        return [None] * count
    firsts = [int(part[0]) for part in np.array_split(np.arange(spectrum.transients), count)]
    return [round(first * float(repetition_s) / SECONDS_PER_MINUTE, 4) for first in firsts]
