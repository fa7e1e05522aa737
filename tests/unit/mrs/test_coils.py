"""Coil combination: what weights are for, and one scale for data and water."""

import dataclasses

import numpy as np
import pytest

from sessions.mrs.coils import combine
from tests.factories.spectra import DWELL_TIME_S, brain

TIMES = np.arange(1024) * DWELL_TIME_S
WEIGHTS = np.array([1.0, 0.5j, -0.2, 0.05])


def array(transients=6, *, noises=(0.1, 0.1, 0.1, 0.1), dtype=np.complex128):
    generator = np.random.default_rng(2)
    clean = brain(noise=0.0, transients=transients)
    fids = clean.fids * WEIGHTS[None, :, None]
    shape = fids.shape
    noise = generator.normal(size=shape) + 1j * generator.normal(size=shape)
    return dataclasses.replace(clean, fids=(fids + noise * np.array(noises)[None, :, None]).astype(dtype))


def water(weights=WEIGHTS, size=500.0):
    fids = size * np.exp(-20 * TIMES) * weights[None, :, None]
    noise = np.random.default_rng(4).normal(size=(*fids.shape, 2)) @ np.array([1, 1j])
    return dataclasses.replace(brain(), fids=fids + 0.1 * noise)


def likeness(one, other):
    return abs(np.vdot(one, other)) / np.linalg.norm(one) / np.linalg.norm(other)


@pytest.mark.parametrize("by_water", [True, False])
def test_weights_follow_the_coils_sensitivities(by_water) -> None:
    combined = combine(array(), water(), by_water=by_water)
    assert combined.record["by"] == ("water" if by_water else "signal")
    assert combined.record["weights"] == pytest.approx(np.abs(WEIGHTS), abs=0.06)
    assert likeness(combined.fids[0], brain(noise=0).fids[0, 0]) > 0.9995
    # The same weights for both: water over metabolites stays what it was.
    ratio = np.abs(combined.water[0]) / np.abs(combined.fids[:, 0]).mean()
    assert ratio == pytest.approx(500 / np.abs(brain(noise=0).fids[0, 0, 0]), rel=0.02)


def test_a_noisy_coil_has_little_say() -> None:
    quiet = combine(array(), None).record["weights"]
    noisy = combine(array(noises=(2.0, 0.1, 0.1, 0.1)), None).record["weights"]
    assert quiet[0] == pytest.approx(1.0, abs=0.01)
    assert noisy[0] < 0.1


def test_drift_and_one_spoilt_transient_do_not_decide() -> None:
    spectrum = array(16)
    generator = np.random.default_rng(7)
    turned = spectrum.fids * np.exp(1j * generator.uniform(-np.pi, np.pi, 16))[:, None, None]
    turned[5, 3] += 1e4 * generator.normal(size=1024)
    weights = combine(dataclasses.replace(spectrum, fids=turned), None).record["weights"]
    assert weights == pytest.approx(np.abs(WEIGHTS), abs=0.1)


def test_single_precision_gives_the_same() -> None:
    one, two = combine(array(), None), combine(array(dtype=np.complex64), None)
    np.testing.assert_allclose(two.fids, one.fids, rtol=1e-4, atol=1e-3)
    assert two.fids.dtype == np.complex128


def test_a_water_reference_of_other_coils_gives_no_weights() -> None:
    other = water(np.array([1.0, 1j]))
    combined = combine(array(), other)
    assert combined.record["by"] == "signal"
    assert likeness(combined.water, np.exp(-20 * TIMES)) > 0.999
    single = dataclasses.replace(other, fids=other.fids[:, :1])
    np.testing.assert_allclose(combine(array(), single).water, single.fids[0, 0])


def test_one_coil_was_combined_by_the_scanner() -> None:
    combined = combine(brain(transients=3), water(np.array([1.0])))
    assert combined.record == {"coils": 1, "by": "scanner"}
    assert (combined.fids.shape, combined.water.shape) == ((3, 1024), (1024,))
    assert combine(brain(), None).water is None


def test_coils_without_any_signal_or_noise_do_no_harm() -> None:
    spectrum = array(2)
    fids = spectrum.fids.copy()
    fids[:, 2] = 0
    combined = combine(dataclasses.replace(spectrum, fids=fids), None)
    assert np.isfinite(combined.fids).all()
    assert likeness(combined.fids[0], brain(noise=0).fids[0, 0]) > 0.999


def test_water_transients_of_several_phases_add_up() -> None:
    one = 500 * np.exp(-20 * TIMES)
    turned = one * np.exp(1j * np.array([0.2, 2.0, -2.5]))[:, None]
    combined = combine(brain(transients=2), dataclasses.replace(brain(), fids=turned[:, None]))
    np.testing.assert_allclose(combined.water, one * np.exp(0.2j), atol=1e-9)
