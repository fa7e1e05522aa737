"""Concentrations: the arithmetic by hand, the water's beginning, and what is refused."""

import dataclasses

import numpy as np
import pytest
from scipy.signal import find_peaks

from sessions.mrs import quantify
from sessions.mrs.basis_loading import load_basis
from sessions.mrs.concentration import Scaling, Tissue, concentrations, relative, water_signal
from sessions.mrs.errors import MrsError
from sessions.mrs.grid import make_grid
from sessions.mrs.macromolecules import proton_scale
from sessions.mrs.phantom import _highest_two, creatine_alone
from sessions.mrs.uncertainty import Estimates
from tests.factories.spectra import BASIS, CONCENTRATIONS, DWELL_TIME_S, FREQUENCY_MHZ, brain, write

VALUES = Estimates(("NAA", "Cr", "Glu", "MM09"), np.array([10.0, 8.0, 9.0, 4.0]), np.diag([0.01, 0.04, 0.09, 1.0]))


def test_without_tissue_the_assumed_water_scales_all_alike() -> None:
    found = concentrations(VALUES, brain(), proton=2.0, water=8.0, scaling=Scaling())
    assert found["values"]["NAA"]["value"] == pytest.approx(10 * 2 / 4 * 35880)
    assert found["values"]["NAA"]["crlb_percent"] == pytest.approx(1.0)
    assert found["values"]["tCr"]["value"] == pytest.approx(8 * 2 / 4 * 35880)
    assert "MM09" not in found["values"]
    assert found["assumptions"]["relaxation_corrected"] is False
    assert found["assumptions"]["relaxation"] is None


@pytest.mark.parametrize("unit", ["mM", "mmol/kg"])
def test_tissue_and_relaxation_by_hand(unit) -> None:
    scaling = Scaling(Tissue(0.6, 0.3, 0.1), unit)
    found = concentrations(VALUES, brain(), proton=1.0, water=2.0, scaling=scaling)
    left = {
        "gm": (1 - np.exp(-2 / 1.331)) * np.exp(-0.028 / 0.110),
        "wm": (1 - np.exp(-2 / 0.832)) * np.exp(-0.028 / 0.0792),
        "csf": (1 - np.exp(-2 / 3.817)) * np.exp(-0.028 / 0.503),
    }
    water = {"gm": 0.6 * 0.78, "wm": 0.3 * 0.65, "csf": 0.1 * 0.97}
    if unit == "mmol/kg":
        whole = sum(water.values())
        visible = sum(water[name] / whole * left[name] for name in water) / (1 - water["csf"] / whole)
    else:
        visible = sum(water[name] * left[name] for name in water) / 0.9
    creatine = (1 - np.exp(-2 / 1.46)) * np.exp(-0.028 / 0.152)
    assert found["values"]["Cr"]["value"] == pytest.approx(8 * 55510 * visible / creatine, rel=1e-5)
    assert found["values"]["tCr"] == found["values"]["Cr"]
    assert found["assumptions"]["relaxation_corrected"] is True
    assert "Wansapura" in found["assumptions"]["relaxation"]["source"]


def test_at_another_field_or_without_times_relaxation_is_not_corrected() -> None:
    scaling = Scaling(Tissue(0.6, 0.4, 0.0))
    unknown_field = dataclasses.replace(brain(), frequency_mhz=200.0)
    timeless = dataclasses.replace(brain(), header={})
    for spectrum in (unknown_field, timeless):
        found = concentrations(VALUES, spectrum, proton=1.0, water=2.0, scaling=scaling)
        assert found["assumptions"]["relaxation_corrected"] is False
        assert found["values"]["NAA"]["value"] == pytest.approx(10 * 55510 * (0.6 * 0.78 + 0.4 * 0.65), rel=1e-5)


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (-0.1, 1.0, 0.1), (0.01, 0.01, 0.98), (float("nan"), 1, 0)])
def test_refuses_impossible_tissue(fractions) -> None:
    with pytest.raises(MrsError) as refusal:
        Tissue(*fractions)
    assert refusal.value.code == "tissue-invalid"


def test_refuses_unknown_units_and_impossible_water() -> None:
    with pytest.raises(MrsError, match="mmol/kg") as unit:
        Scaling(unit="furlong")
    assert unit.value.code == "unit-unknown"
    with pytest.raises(MrsError) as water:
        Scaling(water_mmol=0.0)
    assert water.value.code == "water-concentration-invalid"


def test_the_water_is_drawn_back_past_its_distorted_first_point() -> None:
    times = np.arange(1024) * DWELL_TIME_S
    water = 700 * np.exp(-14 * times - 200 * times**2 + 0.4j)
    water[0] *= 0.6
    assert water_signal(water, DWELL_TIME_S) == pytest.approx(700, rel=1e-3)


def test_from_files_to_the_millimoles_that_were_put_in(tmp_path) -> None:
    times = np.arange(1024) * DWELL_TIME_S
    # One proton of 1 mM gives 1: water of 35880 mM with two protons gives 71760.
    water = dataclasses.replace(brain(), fids=(71760 * np.exp(-20 * times + 0.3j)).reshape(1, 1, -1))
    document = quantify(
        write(tmp_path, brain(noise=0.1)), basis=BASIS, water=write(tmp_path, water, "water.nii.gz")
    ).document
    found = document["concentrations"]["values"]
    for name in ("NAA", "Glu", "Ins"):
        assert found[name]["value"] == pytest.approx(CONCENTRATIONS[name], rel=0.08), name
    assert document["relative"]["tNAA"]["Glx"] == document["ratios"]["Glx/tNAA"]
    assert document["relative"]["tCr"]["Ins"] == document["ratios"]["Ins/tCr"]


def test_internal_references_leave_macromolecules_out() -> None:
    found = relative(VALUES)
    assert set(found) == {"tCr", "tNAA"}
    assert found["tCr"]["tNAA"]["value"] == pytest.approx(1.25)
    assert "MM09" not in found["tCr"]


def test_one_proton_is_found_under_any_own_width() -> None:
    grid = make_grid(FREQUENCY_MHZ, DWELL_TIME_S, 1024)
    simulated = load_basis(BASIS, frequency_mhz=FREQUENCY_MHZ)
    assert proton_scale(simulated, grid) == pytest.approx(1.0, rel=0.01)


def creatine(offset_ppm: float = 0.0, other: float = 0.0) -> np.ndarray:
    times = np.arange(2048) / 4000
    lines = ((3.027, 3.0), (3.913, 2.0), (2.01, other))
    clean = sum(
        size * np.exp(2j * np.pi * (ppm + offset_ppm - 4.65) * FREQUENCY_MHZ * times - 9 * times) for ppm, size in lines
    )
    noise = np.random.default_rng(3).normal(0, 0.02, (2, 2048))
    return clean + noise[0] + 1j * noise[1]


@pytest.mark.parametrize("apart", [1, 3, 20])
def test_the_two_highest_peaks_are_those_that_scipy_finds(apart) -> None:
    generator = np.random.default_rng(apart)
    for points in range(3, 120):
        curve = np.abs(np.convolve(generator.normal(size=points), np.ones(3), "same"))
        peaks, _ = find_peaks(curve, distance=apart)
        expected = tuple(sorted(peaks[np.argsort(curve[peaks])[::-1]][:2])) if len(peaks) > 1 else None
        assert _highest_two(curve, apart) == expected


def test_creatine_alone_is_told_from_a_brain_and_from_nothing() -> None:
    assert creatine_alone(creatine(0.05), 1 / 4000, FREQUENCY_MHZ) == pytest.approx(0.05, abs=0.01)
    assert creatine_alone(creatine(0.5), 1 / 4000, FREQUENCY_MHZ) is None
    assert creatine_alone(creatine(other=4.0), 1 / 4000, FREQUENCY_MHZ) is None
    assert creatine_alone(creatine() * 0 + 1e-9, 1 / 4000, FREQUENCY_MHZ) is None
    noise = np.random.default_rng(5).normal(size=(2, 2048))
    assert creatine_alone(noise[0] + 1j * noise[1], 1 / 4000, FREQUENCY_MHZ) is None
