"""The fit: derivatives, recovery of a known truth, bounds against the scatter of repeated fits."""

import numpy as np
import pytest

from sessions.mrs.basis_loading import load_basis
from sessions.mrs.fit import Priors, Search
from sessions.mrs.model import GLOBALS, MM_GAMMA, MM_SHIFT, MM_VARIANCE
from sessions.mrs.pipeline import Fitter
from sessions.mrs.preprocess import prepare
from sessions.mrs.settings import Settings
from tests.factories.spectra import BASIS, CONCENTRATIONS, FREQUENCY_MHZ, brain

PLAIN = Settings(default_macromolecules=False, default_lipids=False, remove_water=False)


def fitter(spectrum, settings=PLAIN) -> tuple[Fitter, object]:
    prepared = prepare(spectrum, None, settings, 0)
    return Fitter(spectrum, load_basis(BASIS, frequency_mhz=FREQUENCY_MHZ), settings, prepared), prepared


def test_recovers_concentrations_without_noise() -> None:
    spectrum = brain(noise=1e-4)
    fit_with, prepared = fitter(spectrum)
    fit, _ = fit_with.fit(prepared.mean, fit_with.start(prepared))
    assert fit.has_converged
    found = dict(zip(fit_with.model.names, fit.amplitudes / fit_with.model.norms, strict=True))
    for name in ("NAA", "GPC", "Glu", "Gln", "Ins"):
        assert found[name] == pytest.approx(CONCENTRATIONS[name], rel=0.03), name
    assert found["Cr"] + found["PCr"] == pytest.approx(8.0, rel=0.02)


def test_slopes_agree_with_differences() -> None:
    spectrum = brain(noise=0.01)
    fit_with, prepared = fitter(spectrum, Settings(remove_water=False))
    model = fit_with.model
    search = Search(model, fit_with.projector, fit_with.spectrum(prepared.mean), Priors(0.1, 0.01, 0.05))
    start = fit_with.start(prepared)
    generator = np.random.default_rng(4)
    start = start + 0.1 * generator.random(len(start))
    state = search.at(start, None)
    everything = np.ones(len(start), dtype=bool)
    slopes = search.slopes(state, everything)

    def residual(p: np.ndarray) -> np.ndarray:
        return model.rotated(search.spectrum, p).real - state.c @ model.components(p)

    checked = [index for index in range(len(start)) if index not in (MM_GAMMA, MM_VARIANCE, MM_SHIFT)]
    for index in checked:
        step = np.zeros(len(start))
        step[index] = 1e-5
        difference = (residual(start + step) - residual(start - step)) / 2e-5
        scale = max(float(np.abs(difference).max()), 1e-9)
        np.testing.assert_allclose(slopes[index], difference, atol=2e-4 * scale + 1e-9, err_msg=str(index))


def test_bounds_agree_with_the_scatter_of_repeated_fits() -> None:
    found, bounds = [], []
    first = None
    fit_with, prepared = fitter(brain(noise=1.0))
    for seed in range(40):
        fid = brain(seed=seed, noise=1.0).fids[0, 0]
        fit, _ = fit_with.fit(fid, first or fit_with.start(prepared))
        first = first or fit
        values = fit_with.estimates(fid, fit)
        ratio = values.ratio("Glx", "tNAA")
        found.append(ratio[0])
        bounds.append(ratio[0] * ratio[1] / 100)
    # 40 repeats know a standard deviation to 11 %.
    assert np.std(found) == pytest.approx(np.mean(bounds), rel=0.25)
    assert np.mean(found) == pytest.approx(11.5 / 11.0, rel=0.03)


def test_a_width_is_never_negative() -> None:
    spectrum = brain(noise=0.05)
    fit_with, prepared = fitter(spectrum)
    fit, _ = fit_with.fit(prepared.mean, fit_with.start(prepared))
    assert (fit.parameters[3:7] >= 0).all()
    assert np.abs(fit.parameters[GLOBALS : GLOBALS + len(fit_with.model.names)]).max() < 3


def test_ratios_without_denominator_are_none() -> None:
    spectrum = brain(noise=0.05)
    fit_with, prepared = fitter(spectrum)
    fit, _ = fit_with.fit(prepared.mean, fit_with.start(prepared))
    values = fit_with.estimates(prepared.mean, fit)
    assert values.ratio("Glx", "unknown") is None
    assert values.quantity("unknown") is None
    nothing = type(values)(values.names, np.zeros(len(values.names)), values.covariance)
    assert nothing.ratio("Glx", "tNAA") == (None, None)
    only_naa = type(values)(values.names, np.array([float(n == "NAA") for n in values.names]), values.covariance)
    assert only_naa.ratio("Glx", "tNAA") == (0.0, None)
