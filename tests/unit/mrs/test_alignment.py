"""Frequency and phase of transients: how near to the truth, and what must not lead it astray."""

import numpy as np
import pytest

from sessions.mrs.alignment import align, register, turned_back
from sessions.mrs.bench import alignment
from tests.factories.spectra import DWELL_TIME_S, FREQUENCY_MHZ, brain

TIMES = np.arange(1024) * DWELL_TIME_S


def transients(count=32, *, noise=1.5, seed=5, shifts=None, phases=None):
    generator = np.random.default_rng(seed)
    shifts = generator.uniform(-4, 4, count) if shifts is None else shifts
    phases = generator.uniform(-0.7, 0.7, count) if phases is None else phases
    clean = brain(noise=0).fids[0, 0]
    fids = clean * np.exp(2j * np.pi * shifts[:, None] * TIMES + 1j * phases[:, None])
    return fids + noise * (generator.normal(size=fids.shape) + 1j * generator.normal(size=fids.shape)), shifts, phases


def errors(found, shifts, phases):
    return np.std(found.shifts_hz - shifts), np.rad2deg(np.std(found.phases - phases))


def test_the_gate_of_7_tesla_is_met() -> None:
    found = alignment(seeds=2)
    assert found["rmse_hz"] <= 0.2
    assert found["rmse_deg"] <= 1.0


def test_the_noise_alone_sets_the_error() -> None:
    fids, shifts, phases = transients()
    found = register(fids, DWELL_TIME_S, FREQUENCY_MHZ)
    hertz, degrees = errors(found, shifts, phases)
    assert hertz < 1.3 * found.shift_bounds_hz.mean()
    assert degrees < 1.3 * np.rad2deg(found.phase_bounds.mean())
    assert found.distances == pytest.approx(np.ones(32), abs=0.15)
    assert found.scales == pytest.approx(np.ones(32), abs=0.03)


def test_what_was_found_is_taken_off_and_the_average_stays_where_it_was() -> None:
    fids, _, _ = transients(8, noise=0.1)
    aligned, shifts, phases = align(fids, DWELL_TIME_S, FREQUENCY_MHZ)
    assert (abs(shifts.mean()), abs(phases.mean())) == pytest.approx((0, 0), abs=1e-9)
    np.testing.assert_array_equal(aligned, turned_back(fids, shifts, phases, DWELL_TIME_S))
    spread = np.linalg.norm(aligned - aligned.mean(axis=0), axis=1) / np.linalg.norm(aligned, axis=1)
    assert spread.max() < 0.05


def test_residual_water_of_any_phase_does_not_lead() -> None:
    fids, shifts, phases = transients()
    generator = np.random.default_rng(9)
    size = 40 * np.abs(fids[0, :20]).mean()
    water = size * np.exp(-25 * TIMES + 2j * np.pi * 2 * TIMES)
    wet = fids + water * np.exp(1j * generator.uniform(-np.pi, np.pi, 32))[:, None]
    hertz, degrees = errors(register(wet, DWELL_TIME_S, FREQUENCY_MHZ), shifts, phases)
    assert hertz < 0.05
    assert degrees < 0.9


def test_lipids_that_move_on_their_own_do_not_lead() -> None:
    fids, shifts, phases = transients()
    generator = np.random.default_rng(3)
    lipid = 0.15 * np.abs(fids[0, :20]).mean() * np.exp(2j * np.pi * (1.3 - 4.65) * FREQUENCY_MHZ * TIMES - 50 * TIMES)
    moved = fids + lipid * np.exp(1j * generator.uniform(-np.pi, np.pi, 32))[:, None]
    hertz, degrees = errors(register(moved, DWELL_TIME_S, FREQUENCY_MHZ), shifts, phases)
    assert hertz < 0.15
    assert degrees < 1.5


def test_at_low_signal_estimates_are_drawn_to_the_common_drift() -> None:
    drift, turn = np.linspace(-3, 3, 64), np.linspace(0, 0.3, 64)
    fids, _, _ = transients(64, noise=12, shifts=drift, phases=turn)
    found = register(fids, DWELL_TIME_S, FREQUENCY_MHZ)
    hertz, degrees = errors(found, drift, turn)
    assert hertz < 0.7 * found.shift_bounds_hz.mean()
    assert degrees < 0.7 * np.rad2deg(found.phase_bounds.mean())


def test_broadening_is_seen() -> None:
    fids, _, _ = transients(16, noise=0.5)
    broader = fids * np.exp(-np.pi * np.where(np.arange(16) < 8, 0, 1.0)[:, None] * TIMES)
    found = register(broader, DWELL_TIME_S, FREQUENCY_MHZ)
    assert found.widths_hz[8:].mean() - found.widths_hz[:8].mean() == pytest.approx(1.0, abs=0.1)


def test_a_dead_or_lost_transient_spoils_nothing() -> None:
    fids, shifts, phases = transients(16, noise=0.5)
    fids[3] = 0
    fids[9] *= np.exp(2j * np.pi * 200 * TIMES)
    found = register(fids, DWELL_TIME_S, FREQUENCY_MHZ)
    others = np.setdiff1d(np.arange(16), [3, 9])
    assert np.std((found.shifts_hz - shifts)[others]) < 0.05
    assert np.rad2deg(np.std((found.phases - phases)[others])) < 0.5
    assert np.isfinite(found.shifts_hz).all()
    assert np.isfinite(found.widths_hz).all()
