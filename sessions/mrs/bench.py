"""Speed, alignment and functional accuracy, measured on this machine: `python -m sessions.mrs bench`.

Times are processor times of one thread, the shortest of a few. Truth comes from simulations with other basis sets or
from independent series (`fmrs_sim`), never from this engine's own fits.
"""

import csv
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.alignment import register
from sessions.mrs.basis import Basis
from sessions.mrs.basis_loading import load_basis
from sessions.mrs.errors import MrsError
from sessions.mrs.functional import FunctionalOptions
from sessions.mrs.glm import Design, regress
from sessions.mrs.io import read_nifti_mrs
from sessions.mrs.outcomes import amount_rows
from sessions.mrs.pipeline import Fitter, quantify
from sessions.mrs.preprocess import prepare
from sessions.mrs.quality import curves
from sessions.mrs.schedule import windows
from sessions.mrs.settings import ENGINE_VERSION, Settings
from sessions.mrs.spectrum import Spectrum
from sessions.mrs.synthetic import SYNTHETIC_BASIS, simulate_functional

Real = NDArray[np.floating[Any]]

REPEATS = 5
WINDOW = 5
ALIGNED, LARGEST_HZ, LARGEST_RAD = 32, 4.0, 0.7
SEVEN_TESLA = "sim:steam:11,32@7T"
BRAIN = {
    "NAA": 11.4, "NAAG": 1.5, "Cr": 4.0, "PCr": 3.6, "GPC": 0.9, "PCh": 0.4, "Glu": 8.5, "Gln": 2.5, "Ins": 6.0,
    "Tau": 1.6, "GSH": 1.0, "GABA": 1.0, "Asp": 2.0, "Asc": 1.0, "Lac": 0.8, "PE": 1.0,
}  # fmt: skip
FUNCTIONAL_BASIS = "basis/slaser36_7t_json"


def bench(data: Path | None = None, *, transients: int = 300) -> dict[str, Any]:
    """Measure.

    Parameters
    ----------
    data
        Folder of reference spectra; without, only what needs none is measured.
    transients
        Length of the series whose way from file to document is timed.
    """
    if data is not None and not (data / "fmrs_sim").is_dir():
        raise MrsError("bench-data-missing", "The folder holds no fmrs_sim: give the folder of reference spectra.")
    found: dict[str, Any] = {"engine_version": ENGINE_VERSION, "speed": _speed(transients), "alignment": alignment()}
    if data is not None:
        found["functional"] = functional_accuracy(data)
    found["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def _shortest(work: Callable[[], object], repeats: int = REPEATS) -> float:
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return round(min(times), 4)


def _speed(transients: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "series.nii.gz"
        path.write_bytes(simulate_functional([1.25] * max(1, transients // 10), seed=1, transients_per_block=10))
        spectrum = read_nifti_mrs(path)
        prepared = prepare(spectrum, None, Settings(), 0)
        basis = load_basis(SYNTHETIC_BASIS, frequency_mhz=spectrum.frequency_mhz)
        fitter = Fitter(spectrum, basis, Settings(), prepared)
        start = fitter.start(prepared)
        asked = FunctionalOptions(per_transient=True)
        whole = _shortest(lambda: quantify(path, basis=SYNTHETIC_BASIS, blocks="none", functional=asked), 1)
        return {
            "basis_of_20_metabolites_s": _shortest(lambda: load_basis(SYNTHETIC_BASIS)),
            "one_3t_spectrum_s": _shortest(lambda: fitter.fit(prepared.mean, start)),
            "preprocessing_per_transient_s": round(
                _shortest(lambda: prepare(spectrum, None, Settings(), 0), 2) / spectrum.transients, 5
            ),
            "series_of_transients": spectrum.transients,
            "series_end_to_end_s": whole,
            "series_per_transient_s": round(whole / spectrum.transients, 5),
        }


def alignment(snr: float = 15.0, seeds: int = 10) -> dict[str, float]:
    """Align simulated transients at 7 T with drifts of 4 Hz and 0.7 rad; return the root mean square errors.

    Parameters
    ----------
    snr
        Of one transient: height of NAA over twice the noise, as in the raw 7 T data.
    """
    basis = load_basis(SEVEN_TESLA)
    dwell, points, frequency = 1 / 6000, 2048, basis.frequency_mhz
    times = np.arange(points) * dwell
    clean = sum(
        BRAIN.get(part.name, 0.0) * part.lines.fid(dwell, points) for part in basis.components if part.lines is not None
    ) * np.exp(-25 * times - (15 * times) ** 2)
    spectrum = np.fft.fft(clean, 2 * points)
    ppm = 4.65 + np.fft.fftfreq(2 * points, dwell) / frequency
    noise = float(np.abs(spectrum[np.abs(ppm - 2.01) < 0.1]).max()) / (2 * snr) / np.sqrt(points)
    errors = []
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        shifts = generator.uniform(-LARGEST_HZ, LARGEST_HZ, ALIGNED)
        phases = generator.uniform(-LARGEST_RAD, LARGEST_RAD, ALIGNED)
        fids = clean * np.exp(2j * np.pi * shifts[:, None] * times + 1j * phases[:, None])
        fids = fids + noise * (generator.normal(size=fids.shape) + 1j * generator.normal(size=fids.shape))
        found = register(fids, dwell, frequency)
        errors.append((np.std(found.shifts_hz - shifts), np.rad2deg(np.std(found.phases - phases))))
    hertz, degrees = np.sqrt(np.mean(np.square(errors), axis=0))
    return {"snr": snr, "rmse_hz": round(float(hertz), 3), "rmse_deg": round(float(degrees), 3)}


def functional_accuracy(data: Path) -> dict[str, Any]:
    """Quantify the four independent series in windows and single transients; compare with their truth."""
    design = np.loadtxt(data / "fmrs_sim/designmat.csv", delimiter=",")
    with (data / "fmrs_sim/true_values.csv").open() as stream:
        head, *rows = csv.reader(stream)
    table = {}
    basis = load_basis(data / FUNCTIONAL_BASIS)
    for row in rows:
        truth = dict(zip(head[2:], (float(value) for value in row[2:]), strict=True))
        name = f"{row[0]}_{row[1]}"
        spectrum = read_nifti_mrs(data / f"fmrs_sim/{name}.nii.gz")
        table[name] = _one_series(spectrum, basis, truth, design)
    inside = [abs(z) < 2 for one in table.values() for z in one["glutamate_z"]]
    return {
        "series": table,
        "mean_bias_percent": round(float(np.mean([one["bias_percent"] for one in table.values()])), 3),
        "largest_window_rmse": max(one["window_rmse"] for one in table.values()),
        "glutamate_effects_within_2_se": f"{sum(inside)} of {len(inside)}",
    }


def _one_series(spectrum: Spectrum, basis: Basis, truth: dict[str, float], design: Real) -> dict[str, Any]:
    def course(*names: str) -> Real:
        betas = [[truth[f"{name}_beta{index}"] for index in range(design.shape[1])] for name in names]
        return np.asarray(design @ np.sum(betas, axis=0))

    settings = Settings(sensitivity_factors=())
    prepared = prepare(spectrum, None, settings, 0)
    fitter = Fitter(spectrum, basis, settings, prepared)
    mean, _ = fitter.fit(prepared.mean, fitter.start(prepared))
    found = curves(fitter.model, fitter.projector, fitter.spectrum(prepared.mean), mean)
    series = fitter.series(mean, found, prepared, {})
    true = course("Glu", "Gln") / course("NAA", "NAAG")
    errors = {}
    for label, length in (("window", WINDOW), ("single", 1)):
        parts, _ = series.kept_parts(windows(spectrum.transients, length, 1))
        values = series.fit(parts)
        amounts = {name: values.amplitudes @ row for name, row in amount_rows(values).items()}
        errors[label] = amounts["Glx"] / amounts["tNAA"] - [true[list(used)].mean() for used in values.used]
    kept = np.array([used[0] for used in values.used])
    # Amounts have a scale of their own: that of NAA, whose mean is known.
    scale = course("NAA", "NAAG")[kept].mean() / amounts["tNAA"].mean()
    names = tuple(str(index) for index in range(design.shape[1]))
    fitted = regress(
        Design(names, design[kept], (True,) * len(names)),
        np.asarray(amounts["Glu"] * scale),
        np.ones(len(kept), dtype=bool),
    )
    effects = [fitted.effect(np.eye(len(names))[k]) for k in range(2)]
    z = [(effect.estimate - truth[f"Glu_beta{k}"]) / effect.se for k, effect in enumerate(effects)]
    return {
        "bias_percent": round(100 * float(errors["single"].mean() / true.mean()), 3),
        "window_rmse": round(float(np.sqrt(np.mean(errors["window"] ** 2))), 4),
        "transient_sd": round(float(errors["single"].std()), 4),
        "glutamate_z": [round(value, 2) for value in z],
    }
