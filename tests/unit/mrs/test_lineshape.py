"""What the fit must bear: bent lineshapes, fat, both parts of the spectrum, widths at their bound."""

import dataclasses

import numpy as np
import pytest

from sessions.mrs import Settings
from sessions.mrs.baseline import make_projector
from sessions.mrs.basis_loading import load_basis
from sessions.mrs.errors import MrsError
from sessions.mrs.macromolecules import completed, default_macromolecules
from sessions.mrs.model import MAGNITUDES, PHASES, SHAPE, SHAPE_SECONDS, build_model
from sessions.mrs.pipeline import Fitter, quantify_spectrum
from sessions.mrs.preprocess import prepare
from sessions.mrs.search import _step
from sessions.mrs.settings import FSL_LIKE
from tests.factories.spectra import BASIS, CONCENTRATIONS, DWELL_TIME_S, FREQUENCY_MHZ, brain

TRUTH = (CONCENTRATIONS["Glu"] + CONCENTRATIONS["Gln"]) / (CONCENTRATIONS["NAA"] + CONCENTRATIONS.get("NAAG", 0))
WITHOUT_MACROMOLECULES = Settings(default_macromolecules=False, sensitivity_factors=())


def basis():
    return load_basis(BASIS, frequency_mhz=FREQUENCY_MHZ)


def document(spectrum, settings) -> dict:
    return quantify_spectrum(spectrum, None, basis(), settings, block_count=0, tell=lambda *_: None)[0]


def bent(spectrum, radians: float):
    times = np.arange(spectrum.points) * DWELL_TIME_S
    return dataclasses.replace(spectrum, fids=spectrum.fids * np.exp(1j * radians * (1 - np.exp(-times / 0.03))))


def test_an_eddy_current_without_water_reference_does_not_reach_the_ratio() -> None:
    straight = document(brain(noise=0.3), WITHOUT_MACROMOLECULES)
    stiff = dataclasses.replace(WITHOUT_MACROMOLECULES, lineshape_sd=0.0)
    crooked = bent(brain(noise=0.3), 0.9)
    soft, hard = document(crooked, WITHOUT_MACROMOLECULES), document(crooked, stiff)
    assert straight["ratios"]["Glx/tNAA"]["value"] == pytest.approx(TRUTH, rel=0.02)
    assert soft["ratios"]["Glx/tNAA"]["value"] == pytest.approx(TRUTH, rel=0.02)
    assert soft["quality"]["residual_over_noise"] < 0.7 * hard["quality"]["residual_over_noise"]


def test_the_shapes_start_at_zero_and_leave_shift_and_widths_alone() -> None:
    spectrum = brain()
    fitter = Fitter(spectrum, basis(), Settings(), prepare(spectrum, None, Settings(), 0))
    shapes = fitter.model.shapes
    times = fitter.model.grid.times_s
    weight = np.exp(-times / SHAPE_SECONDS)
    assert shapes.shape == (PHASES + MAGNITUDES, len(times))
    np.testing.assert_allclose(shapes[:, 0], 0, atol=1e-12)
    np.testing.assert_allclose(shapes @ (times * weight), 0, atol=1e-9)
    np.testing.assert_allclose(shapes[PHASES:] @ (times**2 * weight), 0, atol=1e-9)
    np.testing.assert_allclose((np.abs(shapes) ** 2 * weight).sum(axis=1) / weight.sum(), 1)
    assert fitter.start(prepare(spectrum, None, Settings(), 0))[SHAPE] == 0


def test_fat_from_outside_is_not_taken_for_metabolites() -> None:
    spectrum = brain(noise=0.3)
    times = np.arange(spectrum.points) * DWELL_TIME_S
    fat = 40 * np.exp(2j * np.pi * (1.28 - 4.65) * FREQUENCY_MHZ * times - 0.5 * (50 * times) ** 2)
    fatty = dataclasses.replace(spectrum, fids=spectrum.fids + fat)
    with_lipids = document(fatty, WITHOUT_MACROMOLECULES)
    without = document(fatty, dataclasses.replace(WITHOUT_MACROMOLECULES, default_lipids=False))
    assert with_lipids["ratios"]["Glx/tNAA"]["value"] == pytest.approx(TRUTH, rel=0.05)
    error = abs(with_lipids["ratios"]["Glx/tNAA"]["value"] - TRUTH)
    assert error < 0.5 * abs(without["ratios"]["Glx/tNAA"]["value"] - TRUTH)


@pytest.mark.parametrize("phase", [0.5, 2.2, -1.5])
def test_fat_of_any_phase_is_taken_as_fat(phase) -> None:
    spectrum = brain(noise=0.3)
    times = np.arange(spectrum.points) * DWELL_TIME_S
    fat = 25 * np.exp(2j * np.pi * (1.28 - 4.65) * FREQUENCY_MHZ * times - 0.5 * (50 * times) ** 2 + 1j * phase)
    fatty = dataclasses.replace(spectrum, fids=spectrum.fids + fat)
    found = document(fatty, WITHOUT_MACROMOLECULES)
    assert found["ratios"]["Glx/tNAA"]["value"] == pytest.approx(TRUTH, rel=0.05)
    assert max(found["metabolites"][name]["amplitude"] for name in ("LipOut90", "LipOut180", "LipOut270")) > 0


def test_lipids_and_macromolecules_are_added_only_where_a_basis_has_none() -> None:
    spectrum = brain()
    grid = Fitter(spectrum, basis(), Settings(), prepare(spectrum, None, Settings(), 0)).model.grid
    own = basis()
    assert [name for name in completed(own, grid, Settings()).names if name.startswith(("MM", "Lip"))] == [
        "MM09", "MM12", "MM14", "MM17", "MM20", "MM22", "MM30", "MM37", "Lip09", "Lip13", "LipOut90",
        "LipOut180", "LipOut270", "Lip20",
    ]  # fmt: skip
    made = default_macromolecules(own, grid)
    with_macromolecules = own.extended(tuple(part for part in made if part.name.startswith("MM")))
    assert completed(with_macromolecules, grid, Settings()).names[-6:] == (
        "Lip09", "Lip13", "LipOut90", "LipOut180", "LipOut270", "Lip20",
    )  # fmt: skip
    full = own.extended(made)
    assert completed(full, grid, Settings()) is full
    assert completed(own, grid, Settings(default_lipids=False, default_macromolecules=False)) is own


def test_both_parts_with_a_polynomial_find_the_truth_and_honest_bounds() -> None:
    spectrum = brain(noise=0.5)
    real, both = document(spectrum, WITHOUT_MACROMOLECULES), document(spectrum, FSL_LIKE)
    assert both["ratios"]["Glx/tNAA"]["value"] == pytest.approx(TRUTH, rel=0.03)
    # A zero-filled spectrum's imaginary part adds nothing: bounds of half the size would be wrong.
    one, two = (found["ratios"]["Glu/tCr"]["crlb_percent"] for found in (both, real))
    assert 0.6 < one / two < 1.1


def test_the_polynomial_is_orthonormal_and_its_order_goes_by_the_factor() -> None:
    spectrum = brain()
    fitter = Fitter(spectrum, basis(), FSL_LIKE, prepare(spectrum, None, FSL_LIKE, 0))
    model = fitter.model
    assert model.is_complex
    projector = make_projector(model, FSL_LIKE)
    assert projector.shape == (6, 2 * model.points)
    np.testing.assert_allclose(projector @ projector.T, np.eye(6), atol=1e-12)
    assert make_projector(model, FSL_LIKE, 1.6).shape[0] == 8
    assert make_projector(build_model(basis(), model.grid, Settings()), Settings(baseline="polynomial")).shape[0] == 3


@pytest.mark.parametrize("text", [
    '{"domain": "imaginary"}', '{"baseline": 3}', '{"baseline_order": 9}', '{"baseline_order": true}',
    '{"baseline_order": 1.5}', '{"lineshape_sd": "no"}', '{"soft_ratios": 1}',
])  # fmt: skip
def test_refuses_settings_that_make_no_sense(text) -> None:
    with pytest.raises(MrsError) as refusal:
        Settings.from_json(text)
    assert refusal.value.code == "settings-invalid"


def test_reads_the_settings_of_another_program() -> None:
    read = Settings.from_json('{"domain": "complex", "baseline": "polynomial", "baseline_order": 3}')
    assert (read.domain, read.baseline, read.baseline_order) == ("complex", "polynomial", 3)
    assert read.sha256("x") != Settings().sha256("x")


def test_a_step_that_would_cross_a_bound_stops_there_and_the_rest_is_best() -> None:
    hessian = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 1.0]])
    gradient = np.array([3.0, -1.0, 0.2])
    least = np.array([-0.4, -np.inf, -np.inf])
    step = _step(hessian, gradient, least)
    assert step[0] == -0.4
    np.testing.assert_allclose((hessian @ step + gradient)[1:], 0, atol=1e-12)
    np.testing.assert_allclose(_step(hessian, gradient, np.full(3, -np.inf)), -np.linalg.solve(hessian, gradient))


def test_repeats_are_identical_to_the_last_bit() -> None:
    spectrum = brain(noise=0.5)
    one, two = document(spectrum, Settings()), document(spectrum, Settings())
    for found in (one, two):
        del found["seconds"]
    assert one == two


def test_late_noise_is_not_fitted() -> None:
    long = brain(noise=0.5, points=4096)
    fitter = Fitter(long, basis(), Settings(), prepare(long, None, Settings(), 0))
    assert fitter.model.grid.source_points == int(0.6 / DWELL_TIME_S)
    assert document(long, WITHOUT_MACROMOLECULES)["ratios"]["Glx/tNAA"]["value"] == pytest.approx(TRUTH, rel=0.03)
