"""Preprocessing: alignment, coils, outliers, eddy currents, residual water."""

import dataclasses

import numpy as np
import pytest

from sessions.mrs.alignment import align
from sessions.mrs.hlsvd import hlsvd
from sessions.mrs.preprocess import prepare
from sessions.mrs.settings import Settings
from sessions.mrs.singlets import find_singlets, oriented
from sessions.mrs.water import correct_eddy_currents, remove_residual_water, water_model, water_phase
from tests.factories.spectra import DWELL_TIME_S, FREQUENCY_MHZ, brain

TIMES = np.arange(1024) * DWELL_TIME_S


def test_alignment_finds_drifts_and_phases() -> None:
    generator = np.random.default_rng(5)
    shifts, phases = generator.uniform(-4, 4, 32), generator.uniform(-0.7, 0.7, 32)
    clean = brain(noise=0).fids[0, 0]
    turned = clean * np.exp(2j * np.pi * shifts[:, None] * TIMES + 1j * phases[:, None])
    noisy = turned + 1.5 * (generator.normal(size=turned.shape) + 1j * generator.normal(size=turned.shape))
    _, found_hz, found_phases = align(noisy, DWELL_TIME_S, FREQUENCY_MHZ)
    assert np.sqrt(np.mean((found_hz - (shifts - shifts.mean())) ** 2)) < 0.2
    error = found_phases - phases
    assert np.rad2deg(np.std(error)) < 1.5


def test_the_order_of_transients_does_not_matter() -> None:
    spectrum = brain(noise=0.5, transients=12)
    mixed = dataclasses.replace(spectrum, fids=spectrum.fids[np.random.default_rng(0).permutation(12)])
    one, two = prepare(spectrum, None, Settings(), 0), prepare(mixed, None, Settings(), 0)
    np.testing.assert_allclose(one.mean, two.mean, atol=0.02 * np.abs(one.mean).max())


def test_outlying_transients_are_left_out() -> None:
    spectrum = brain(noise=0.2, transients=16)
    fids = spectrum.fids.copy()
    fids[5] += 60 * np.random.default_rng(1).normal(size=1024)
    prepared = prepare(dataclasses.replace(spectrum, fids=fids), None, Settings(), 4)
    assert prepared.steps[2] == {"step": "outlying transients", "rejected": [5]}
    assert prepared.transients["rejected"] == [5]
    assert len(prepared.blocks) == 4


def test_a_block_of_outliers_is_still_averaged() -> None:
    spectrum = brain(noise=0.2, transients=16)
    fids = spectrum.fids.copy()
    fids[15] += 60 * np.random.default_rng(1).normal(size=1024)
    prepared = prepare(dataclasses.replace(spectrum, fids=fids), None, Settings(remove_water=False), 16)
    assert np.abs(prepared.blocks[15]).max() > np.abs(prepared.blocks[14]).max()


def test_coils_are_weighted_by_water_or_signal() -> None:
    spectrum = brain(noise=0.0)
    weights = np.array([1.0, 0.5j, -0.2])
    generator = np.random.default_rng(2)
    fids = spectrum.fids * weights[None, :, None]
    fids = fids + 0.1 * (generator.normal(size=fids.shape) + 1j * generator.normal(size=fids.shape))
    coils = dataclasses.replace(spectrum, fids=fids)
    water_fid = 500 * np.exp(-20 * TIMES) * weights[None, :, None]
    water = dataclasses.replace(spectrum, fids=water_fid + 0.1 * generator.normal(size=water_fid.shape))
    by_signal = prepare(coils, None, Settings(remove_water=False), 0)
    by_water = prepare(coils, water, Settings(remove_water=False, eddy_current=False), 0)
    assert (by_signal.steps[1]["by"], by_water.steps[1]["by"]) == ("signal", "water")
    for prepared in (by_signal, by_water):
        correlation = np.vdot(prepared.mean, spectrum.fids[0, 0])
        size = np.linalg.norm(prepared.mean) * np.linalg.norm(spectrum.fids)
        assert np.abs(correlation) / size == pytest.approx(1, abs=1e-3)


def test_eddy_currents_are_taken_off() -> None:
    clean = brain(noise=0.0).fids[0, 0]
    course = 2.5 * np.exp(-TIMES / 0.05) + 2 * np.pi * 1.5 * TIMES
    noise = 0.3 * np.random.default_rng(0).normal(size=(2, 1024))
    water = 2000 * np.exp(-TIMES * 25) * np.exp(1j * course) + noise[0] + 1j * noise[1]
    corrected = correct_eddy_currents((clean * np.exp(1j * course))[None], water)[0]
    assert np.linalg.norm(corrected - clean) < 0.02 * np.linalg.norm(clean)


def test_eddy_currents_of_a_short_clean_reference() -> None:
    clean = brain(noise=0.0).fids[0, 0]
    corrected = correct_eddy_currents(clean[None], np.exp(0.3j) * np.exp(-TIMES[:512] * 2))
    np.testing.assert_allclose(corrected[0], clean[:512] * np.exp(-0.3j), atol=1e-9)


def test_hlsvd_finds_damped_exponentials() -> None:
    n = np.arange(1024)
    poles = np.exp(np.array([-0.01 + 0.3j, -0.02 - 0.5j, -0.005 + 1.1j]))
    signal = (np.array([3, 2j, 1 + 1j])[:, None] * poles[:, None] ** n).sum(axis=0)
    found, amplitudes = hlsvd(signal, 3)
    order = np.argsort(np.angle(found))
    np.testing.assert_allclose(found[order], poles[[1, 0, 2]], atol=1e-6)
    np.testing.assert_allclose(amplitudes[order], np.array([2j, 3, 1 + 1j]), atol=1e-4)


def test_residual_water_is_removed_and_metabolites_stay() -> None:
    clean = brain(noise=0.05).fids[0, 0]
    water = 400 * np.exp(2j * np.pi * 3 * TIMES - 30 * TIMES)
    cleaned, share = remove_residual_water(clean + water, DWELL_TIME_S, FREQUENCY_MHZ)
    assert share > 0.9
    assert np.linalg.norm(cleaned - clean) < 0.05 * np.linalg.norm(clean)


def test_without_water_nothing_is_removed() -> None:
    single = np.exp(2j * np.pi * -300 * TIMES - 10 * TIMES) + 1e-6 * np.random.default_rng(0).normal(size=1024)
    cleaned, share = remove_residual_water(single, DWELL_TIME_S, FREQUENCY_MHZ)
    assert share < 1e-6
    assert np.linalg.norm(cleaned - single) < 1e-3 * np.linalg.norm(single)


def test_orientation_is_found() -> None:
    spectrum = brain()
    assert oriented(spectrum)[1] is False
    turned, was_turned = oriented(spectrum.conjugated())
    assert was_turned
    np.testing.assert_array_equal(turned.fids, spectrum.fids)


def test_singlets_are_found_where_the_field_has_drifted() -> None:
    fid = brain(noise=0.05).fids[0, 0] * np.exp(2j * np.pi * 10 * TIMES)
    assert find_singlets(fid, DWELL_TIME_S, FREQUENCY_MHZ) == pytest.approx(10 / FREQUENCY_MHZ, abs=0.02)


def test_the_waters_phase_is_believed_only_while_the_water_is_there() -> None:
    course = 1.5 * np.exp(-TIMES / 0.03) + 2 * np.pi * 2 * TIMES
    noise = np.random.default_rng(1).normal(size=(2, 1024))
    strong = 2000 * np.exp(-TIMES * 25) * np.exp(1j * course)
    other = 3 * np.exp(-TIMES * 1.0 + 2j * np.pi * 60 * TIMES)
    phase, believed = water_phase(strong + other + 0.05 * (noise[0] + 1j * noise[1]), 1024)
    # exp(-25 t) falls to 1.5 % after 168 ms.
    assert believed == pytest.approx(0.168 / DWELL_TIME_S, abs=25)
    slopes = np.diff(phase[believed:]) / DWELL_TIME_S / (2 * np.pi)
    assert slopes == pytest.approx(np.full(len(slopes), slopes[0]))
    assert slopes[0] == pytest.approx(2, abs=0.6)


def test_water_that_drifts_in_a_series_is_taken_off_each_transient() -> None:
    generator = np.random.default_rng(6)
    clean = brain(noise=0.3, transients=24).fids[:, 0]
    drift = generator.normal(0, 0.5, 24)[:, None]
    size = 1000 * generator.uniform(0.7, 1.3, 24)[:, None]
    water = size * np.exp(2j * np.pi * (2 + drift) * TIMES - 25 * TIMES + 1j * drift)
    wet = clean + water
    model = water_model(wet.mean(axis=0), DWELL_TIME_S, FREQUENCY_MHZ)
    ppm = 4.65 + np.fft.fftfreq(1024, DWELL_TIME_S) / FREQUENCY_MHZ
    inside = (ppm > 0.2) & (ppm < 4.2)

    def size_inside(fids):
        return np.linalg.norm(np.fft.fft(fids, axis=1)[:, inside])

    assert size_inside(wet - model.of(wet) - clean) < 0.02 * size_inside(clean)
    assert size_inside(water) > size_inside(clean)


def test_where_no_water_is_there_is_no_model_of_it() -> None:
    single = np.exp(2j * np.pi * -300 * TIMES - 10 * TIMES) + 1e-9 * np.random.default_rng(0).normal(size=1024)
    silent = dataclasses.replace(brain(transients=2), fids=np.stack([single, single])[:, None])
    model = water_model(single, DWELL_TIME_S, FREQUENCY_MHZ)
    assert model is None or np.linalg.norm(model.of(silent.fids[:, 0])) < 1e-3 * np.linalg.norm(single)


@pytest.mark.parametrize(
    ("options", "step", "because"),
    [
        ({"align": False}, 3, "switched off"),
        ({"reject_outliers": False}, 2, "switched off"),
        ({"eddy_current": False}, 5, "switched off"),
        ({"remove_water": False}, 6, "switched off"),
    ],
)
def test_each_step_can_be_switched_off_and_says_so(options, step, because) -> None:
    bent = 500 * np.exp(-20 * TIMES + 0.3j * np.exp(-TIMES / 0.02))
    water = dataclasses.replace(brain(), fids=bent.reshape(1, 1, -1))
    prepared = prepare(brain(transients=10, noise=0.5), water, Settings(**options), 0)
    assert prepared.steps[step]["because"] == because
    whole = prepare(brain(transients=10, noise=0.5), water, Settings(), 0)
    assert "because" not in whole.steps[step]


def test_what_the_scanner_has_done_is_on_record() -> None:
    steps = prepare(brain(), None, Settings(), 0).steps
    assert steps[1] == {"step": "coil combination", "coils": 1, "by": "scanner"}
    assert steps[3] == {"step": "alignment", "by": "scanner"}
    assert steps[4] == {"step": "averaging", "by": "scanner", "transients": 1, "averaged": 1, "blocks": 0}
    assert steps[5] == {"step": "eddy currents", "corrected": False, "because": "no water reference"}
