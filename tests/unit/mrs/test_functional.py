"""Lists of fits, changes after a dose, effects of events: on simulated series whose truth is known."""

import dataclasses
import json

import numpy as np
import pytest

from sessions.mrs import SYNTHETIC_BASIS, MrsError, Settings, quantify, simulate_functional
from sessions.mrs.bench import functional_accuracy
from sessions.mrs.functional import FunctionalOptions
from sessions.mrs.io import nifti_mrs_bytes, read_nifti_mrs
from tests.factories.spectra import shared_data

# Eight blocks of four transients of 30 s: the dose is given from minute 4 on.
TRUTH = [1.2, 1.2, 1.32, 1.38, 1.38, 1.38, 1.2, 1.2]
DATA = shared_data()


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    path = tmp_path_factory.mktemp("series") / "series.nii.gz"
    path.write_bytes(simulate_functional(TRUTH, seed=4, transients_per_block=4, snr=60, block_minutes=2))
    return path


@pytest.fixture(scope="module")
def run(series):
    def fitted(path=series, **options):
        settings = Settings(sensitivity_factors=())
        asked = FunctionalOptions(**options)
        return quantify(path, basis=SYNTHETIC_BASIS, settings=settings, blocks="none", functional=asked).document

    return fitted


@pytest.fixture(scope="module")
def dosed(run):
    return run(window=4, step=4, dose_minutes=(4.0, 12.0))


def glx(document) -> np.ndarray:
    return np.array([entry["ratios"]["Glx/tNAA"]["value"] for entry in document["series"]])


def test_windows_follow_the_truth_and_say_what_they_are_of(dosed) -> None:
    assert [entry["transients"] for entry in dosed["series"]] == [list(range(i, i + 4)) for i in range(0, 32, 4)]
    assert [entry["index"] for entry in dosed["series"]] == list(range(8))
    first = dosed["series"][0]
    assert (first["minutes"], first["minutes_from"], first["minutes_to"]) == (1.0, 0.0, 2.0)
    assert first["minutes_from_dose"] == -3.0
    assert glx(dosed) == pytest.approx(TRUTH, abs=0.06)
    assert set(first["quality"]) >= {"snr", "snr_noise", "fwhm_hz", "shift_hz", "phase_deg", "has_converged"}
    assert first["metabolites"]["NAA"]["amplitude"] == pytest.approx(10, rel=0.06)
    assert dosed["functional"]["series_of"] == "windows of 4 transients, step 4"
    json.dumps(dosed, allow_nan=False)


def test_the_change_from_before_the_dose_has_limits_that_hold_the_truth(dosed) -> None:
    functional = dosed["functional"]
    assert functional["clock"] == {"transient_seconds": 30.0, "dose_minutes": [4.0, 12.0]}
    assert functional["predose"]["transients"] == list(range(8))
    assert functional["predose"]["values"]["Glx/tNAA"] == pytest.approx(1.2, abs=0.04)
    change = functional["change_after_dose"]["Glx/tNAA"]
    true = 100 * (np.mean(TRUTH[2:]) / 1.2 - 1)
    low, high = change["percent"]["ci95"]
    assert low < true < high
    assert change["minutes"] == 12.0
    assert change["auc_percent_minutes"]["value"] == pytest.approx(12 * change["percent"]["value"], rel=1e-3)
    assert dosed["series"][3]["change_percent"]["Glx/tNAA"] == pytest.approx(15, abs=6)


def test_the_dose_is_a_regressor_with_what_follows_it(dosed) -> None:
    glm = dosed["functional"]["glm"]
    assert glm["regressors"] == ["dose", "after dose", "drift", "baseline"]
    outcome = glm["outcomes"]["Glx/tNAA"]
    # What the model makes of the true course, which is no boxcar.
    transients = np.arange(32)
    dose, after = (transients >= 8) & (transients < 24), transients >= 24
    table = np.column_stack([dose, after, transients - 15.5, np.ones(32)]).astype(float)
    true, *_ = np.linalg.lstsq(table, np.repeat(TRUTH, 4), rcond=None)
    low, high = outcome["regressors"]["dose"]["ci95"]
    assert low < true[0] < high
    assert outcome["regressors"]["dose"]["p"] < 0.05
    assert glm["degrees_of_freedom"] == 32 - 4
    assert outcome["baseline"]["estimate"] == pytest.approx(1.2, abs=0.08)


def test_single_transients_average_to_the_mean(run) -> None:
    document = run(per_transient=True)
    assert len(document["series"]) == 32
    assert glx(document).mean() == pytest.approx(document["ratios"]["Glx/tNAA"]["value"], rel=0.01)
    assert "glm" not in document["functional"]
    table = document["transients"]
    assert {len(table[name]) for name in ("shift_hz", "phase_deg", "fwhm_hz", "snr", "scale", "minutes")} == {32}
    assert np.mean(table["fwhm_hz"]) == pytest.approx(document["quality"]["fwhm_hz"], abs=0.3)
    assert np.mean(table["snr"]) == pytest.approx(document["quality"]["snr_noise"] / np.sqrt(32), rel=0.05)


def test_bounds_are_the_size_of_the_scatter(run) -> None:
    document = run(per_transient=True)
    entries = document["series"]
    errors = glx(document) - np.repeat(TRUTH, 4)
    said = np.array([e["ratios"]["Glx/tNAA"]["crlb_percent"] * e["ratios"]["Glx/tNAA"]["value"] / 100 for e in entries])
    assert 0.6 < errors.std() / said.mean() < 1.4


def test_events_make_a_list_and_a_model(run, tmp_path) -> None:
    events = tmp_path / "events.tsv"
    events.write_text("onset\tduration\ttrial_type\n240\t480\tinfusion\n720\t240\tlater\n")
    document = run(events=events, contrasts=("infusion - later",), drift_order=0)
    assert [(entry["name"], len(entry["transients"])) for entry in document["series"]] == [
        ("infusion", 16),
        ("later", 8),
    ]
    assert glx(document) == pytest.approx([np.mean(TRUTH[2:6]), 1.2], abs=0.05)
    glm = document["functional"]["glm"]
    assert (glm["response"], glm["regressors"]) == ("boxcar", ["infusion", "later", "baseline"])
    difference = glm["outcomes"]["Glx/tNAA"]["contrasts"]["infusion - later"]
    low, high = difference["ci95"]
    assert low < np.mean(TRUTH[2:6]) - 1.2 < high
    assert difference["estimate"] == pytest.approx(
        glm["outcomes"]["Glx/tNAA"]["regressors"]["infusion"]["estimate"]
        - glm["outcomes"]["Glx/tNAA"]["regressors"]["later"]["estimate"],
        abs=1e-5,
    )


def test_the_linewidth_can_be_a_regressor_too(run) -> None:
    glm = run(window=8, dose_minutes=(4.0, 12.0), linewidth=True)["functional"]["glm"]
    assert glm["regressors"] == ["dose", "after dose", "linewidth", "drift", "baseline"]


def test_blocks_of_a_file_leave_outliers_out_and_say_so(series, run, tmp_path) -> None:
    spectrum = read_nifti_mrs(series)
    fids = spectrum.fids.copy()
    fids[[5, 9]] *= 0.1
    path = tmp_path / "spoilt.nii.gz"
    path.write_bytes(nifti_mrs_bytes(dataclasses.replace(spectrum, fids=fids)))
    blocks = tmp_path / "blocks.json"
    blocks.write_text('{"one": [4, 5, 6], "two": [9], "three": [20, 30]}')
    document = run(path, blocks=blocks)
    assert [(entry["name"], entry["transients"]) for entry in document["series"]] == [
        ("one", [4, 6]),
        ("three", [20, 30]),
    ]
    assert document["functional"]["left_out"] == [{"transients": [9], "because": "outliers only"}]
    assert document["flags"] == ["2 of 32 transients were left out as outliers (counted from 0): 5, 9."]


def test_outliers_alone_make_no_fit_and_no_baseline(series, run, tmp_path) -> None:
    spectrum = read_nifti_mrs(series)
    fids = spectrum.fids.copy()
    fids[[0, 1, 9]] = 0
    path = tmp_path / "dead.nii.gz"
    path.write_bytes(nifti_mrs_bytes(dataclasses.replace(spectrum, fids=fids)))
    blocks = tmp_path / "blocks.json"
    blocks.write_text("[[0, 9]]")
    document = run(path, blocks=blocks, dose_minutes=(1.0, 12.0))
    assert document["series"] == []
    assert document["functional"]["left_out"] == [{"transients": [0, 9], "because": "outliers only"}]
    assert document["functional"]["predose"] is None
    assert document["functional"]["change_after_dose"] is None


def test_a_fit_of_both_parts_with_a_polynomial_has_a_series_too(series) -> None:
    settings = Settings(domain="complex", baseline="polynomial", sensitivity_factors=())
    asked = FunctionalOptions(window=4, step=4)
    document = quantify(series, basis=SYNTHETIC_BASIS, settings=settings, blocks="none", functional=asked).document
    mean = document["ratios"]["Glx/tNAA"]["value"]
    assert glx(document).mean() == pytest.approx(mean, rel=0.02)
    assert glx(document) / mean == pytest.approx(np.array(TRUTH) / np.mean(TRUTH), abs=0.06)


def test_without_alignment_the_fit_follows_the_drift_itself(run, series) -> None:
    settings = Settings(sensitivity_factors=(), align=False)
    asked = FunctionalOptions(per_transient=True)
    document = quantify(series, basis=SYNTHETIC_BASIS, settings=settings, blocks="none", functional=asked).document
    assert document["preprocessing"][3]["because"] == "switched off"
    shifts = np.array([entry["quality"]["shift_hz"] for entry in document["series"]])
    assert np.polyfit(np.arange(32), shifts, 1)[0] * 31 == pytest.approx(1.5, abs=0.5)
    assert glx(document).mean() == pytest.approx(np.mean(TRUTH), rel=0.03)


def test_what_does_not_go_with_the_file_is_refused_before_the_fit(run, series, tmp_path) -> None:
    single = tmp_path / "single.nii.gz"
    spectrum = read_nifti_mrs(series)
    single.write_bytes(nifti_mrs_bytes(dataclasses.replace(spectrum, fids=spectrum.fids[:1])))
    events = tmp_path / "events.tsv"
    events.write_text("onset\tduration\n0\t960\n")
    for code, options in (
        ("series-invalid", {"window": 33}),
        ("series-invalid", {"window": 4, "step": 40}),
        ("series-invalid", {"window": 4, "per_transient": True}),
        ("series-invalid", {"path": single, "per_transient": True}),
        ("dose-invalid", {"dose_minutes": (0.5, 3.0)}),
        ("dose-invalid", {"dose_minutes": (16.0, 20.0)}),
        ("design-invalid", {"events": events}),
        ("contrast-invalid", {"per_transient": True, "contrasts": ("a - b",)}),
        ("contrast-invalid", {"dose_minutes": (4.0, 12.0), "contrasts": ("a - b",)}),
    ):
        with pytest.raises(MrsError) as refusal:
            run(**options)
        assert refusal.value.code == code, options


@pytest.mark.validation
@pytest.mark.skipif(not DATA.is_dir(), reason="the reference spectra are not beside this checkout")
def test_the_functional_gate_is_met() -> None:
    found = functional_accuracy(DATA)
    assert all(abs(one["bias_percent"]) <= 2 for one in found["series"].values())
    assert found["largest_window_rmse"] <= 0.03
    assert int(found["glutamate_effects_within_2_se"].split()[0]) >= 6
