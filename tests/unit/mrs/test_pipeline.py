"""From a file to the document, and the command line."""

import dataclasses
import json

import numpy as np
import pytest

import sessions.mrs
from sessions.mrs import ENGINE_VERSION, SYNTHETIC_BASIS, MrsError, Settings, quantify, simulate_functional
from sessions.mrs.__main__ import main
from sessions.mrs.io import read_nifti_mrs
from sessions.mrs.synthetic import simulated_macromolecules
from tests.factories.spectra import BASIS, DWELL_TIME_S, brain, write

TRUTH = [1.20, 1.30, 1.40]


@pytest.fixture(scope="module")
def functional(tmp_path_factory):
    path = tmp_path_factory.mktemp("mrs") / "functional.nii.gz"
    path.write_bytes(simulate_functional(TRUTH, seed=11, transients_per_block=4, snr=90))
    return path


@pytest.fixture(scope="module")
def document(functional):
    told = []
    result = quantify(
        functional, basis=SYNTHETIC_BASIS, progress=lambda stage, fraction: told.append((stage, fraction))
    )
    return result, told


def test_recovers_the_truth_of_every_block(document) -> None:
    blocks = document[0].document["blocks"]
    assert [block["block"] for block in blocks] == [0, 1, 2]
    assert [block["minutes_from_start"] for block in blocks] == [0.0, 8.0, 16.0]
    found = [block["ratios"]["Glx/tNAA"]["value"] for block in blocks]
    assert found == pytest.approx(TRUTH, rel=0.05)
    assert document[0].document["ratios"]["Glx/tNAA"]["value"] == pytest.approx(1.3, rel=0.02)


def test_the_document_holds_what_is_promised(document) -> None:
    found = document[0].document
    assert found["engine_version"] == ENGINE_VERSION
    assert found["settings_sha256"] == Settings().sha256(SYNTHETIC_BASIS.lower())
    assert set(found["metabolites"]) >= {"NAA", "Glu", "Gln", "tNAA", "tCr", "tCho", "Glx", "MM09"}
    assert found["metabolites"]["NAA"]["amplitude"] == pytest.approx(10, rel=0.05)
    low, high = found["sensitivity"]["Glx/tNAA"]
    assert low <= found["ratios"]["Glx/tNAA"]["value"] <= high
    assert found["flags"] == []
    assert found["header"]["SYNTHETIC"]["Value"] is True
    assert [step["step"] for step in found["preprocessing"]] == [
        "orientation", "coil combination", "outlying transients", "alignment", "averaging", "eddy currents",
        "residual water",
    ]  # fmt: skip
    assert found["quality"]["fwhm_hz"] == pytest.approx(4.5, abs=0.6)
    json.dumps(found, allow_nan=False)


def test_the_curves_add_up(document) -> None:
    found = document[0].curves
    assert len(found["ppm"]) <= 700
    data, fit, residual = (np.array(found[name]) for name in ("data", "fit", "residual"))
    np.testing.assert_allclose(fit + residual, data, atol=3e-5)
    components = np.sum(list(found["components"].values()), axis=0)
    np.testing.assert_allclose(components + np.array(found["baseline"]), fit, atol=1e-3)


def test_progress_goes_forward(document) -> None:
    stages = [stage for stage, _ in document[1]]
    assert sorted(set(stages), key=stages.index) == ["checking", "preprocessing", "fitting"]
    assert document[1][-1] == ("fitting", 1.0)


def test_the_last_digit_is_the_same_again(functional, document) -> None:
    again = quantify(functional, basis=SYNTHETIC_BASIS)
    first = document[0].document
    assert {k: v for k, v in again.document.items() if k != "seconds"} == {
        k: v for k, v in first.items() if k != "seconds"
    }
    assert again.curves == document[0].curves


def test_a_simulation_is_small_marked_and_repeatable(functional) -> None:
    content = simulate_functional([1.25] * 6, seed=3)
    assert content == simulate_functional([1.25] * 6, seed=3)
    assert content != simulate_functional([1.25] * 6, seed=4)
    assert len(content) < 300_000
    spectrum = read_nifti_mrs(functional)
    assert spectrum.header["SYNTHETIC"]["Value"] is True
    assert spectrum.transients == 12


def test_blocks_can_be_asked_for_or_switched_off(functional, tmp_path) -> None:
    assert "blocks" not in quantify(functional, basis=SYNTHETIC_BASIS, blocks="none").document
    path = write(tmp_path, brain(transients=6, noise=0.3))
    document = quantify(path, basis=BASIS, blocks="2").document
    assert [block["minutes_from_start"] for block in document["blocks"]] == [0.0, 0.1]
    plain = brain(transients=6, noise=0.3)
    plain = dataclasses.replace(plain, header={k: v for k, v in plain.header.items() if k != "RepetitionTime"})
    path = write(tmp_path, plain)
    assert quantify(path, basis=BASIS, blocks="2").document["blocks"][1]["minutes_from_start"] is None
    for wrong in ("7", "0", "x", "-1"):
        with pytest.raises(MrsError) as refusal:
            quantify(path, basis=BASIS, blocks=wrong)
        assert refusal.value.code == "blocks-invalid"


def test_water_must_belong_to_the_spectrum(tmp_path) -> None:
    spectrum = write(tmp_path, brain())
    times = np.arange(1024) * DWELL_TIME_S
    fids = (3000 * np.exp(-20 * times) * np.exp(0.2j + 0.3j * np.exp(-times / 0.02))).reshape(1, 1, -1)
    water = dataclasses.replace(brain(), fids=fids)
    document = quantify(spectrum, basis=BASIS, water=write(tmp_path, water, "water.nii.gz")).document
    step = document["preprocessing"][5]
    assert (step["step"], step["corrected"]) == ("eddy currents", True)
    # exp(-20 t) falls to 1.5 % after 210 ms.
    assert step["points_believed"] == pytest.approx(0.21 / DWELL_TIME_S, abs=5)
    other = dataclasses.replace(water, dwell_time_s=1 / 3000)
    with pytest.raises(MrsError) as refusal:
        quantify(spectrum, basis=BASIS, water=write(tmp_path, other, "other.nii.gz"))
    assert refusal.value.code == "water-mismatch"
    longer = dataclasses.replace(water, header={**water.header, "EchoTime": 0.144})
    with pytest.raises(MrsError, match="at an echo time of 144 ms, the spectrum at 28 ms") as refusal:
        quantify(spectrum, basis=BASIS, water=write(tmp_path, longer, "longer.nii.gz"))
    assert refusal.value.code == "water-mismatch"


def test_measured_macromolecules_replace_the_modelled(tmp_path) -> None:
    times = np.arange(1024) * DWELL_TIME_S
    fids = simulated_macromolecules(times).reshape(1, 1, -1)
    path = write(tmp_path, dataclasses.replace(brain(), fids=fids), "mm.nii.gz")
    document = quantify(write(tmp_path, brain()), basis=BASIS, macromolecules=path).document
    assert "MM" in document["metabolites"]
    assert "MM09" not in document["metabolites"]


def test_poor_spectra_are_flagged_not_refused(tmp_path) -> None:
    spectrum = brain(noise=0.2)
    times = np.arange(1024) * DWELL_TIME_S
    broad = dataclasses.replace(spectrum, fids=spectrum.fids * np.exp(-30 * times))
    wet = dataclasses.replace(spectrum, fids=spectrum.fids + 8000 * np.exp(-12 * times))
    noisy = brain(noise=5.0)
    for poor, word in ((broad, "broad"), (wet, "residual water"), (noisy, "signal-to-noise")):
        document = quantify(write(tmp_path, poor), basis=BASIS).document
        assert any(word in flag for flag in document["flags"]), word


def test_a_basis_without_naa_is_refused(tmp_path) -> None:
    path = write(tmp_path, brain())
    with pytest.raises(MrsError, match="lacks NAA"):
        quantify(path, basis=BASIS, settings=Settings(exclude=("NAA",)))
    with pytest.raises(MrsError, match="lacks Cr"):
        quantify(path, basis=BASIS, settings=Settings(exclude=("Cr", "PCr")))


def test_settings_are_read_checked_and_hashed() -> None:
    settings = Settings.from_json('{"ppm_high": 4.0, "exclude": ["Glc"], "sensitivity_factors": [0.5]}')
    assert (settings.ppm_high, settings.exclude, settings.sensitivity_factors) == (4.0, ("Glc",), (0.5,))
    assert settings.sha256("sim:a") != Settings().sha256("sim:a")
    assert Settings().sha256("sim:a") != Settings().sha256("sim:b")
    for wrong in (
        "[", "[]", '{"other": 1}', '{"ppm_high": "4"}', '{"ppm_high": true}', '{"remove_water": 1}',
        '{"exclude": "Glc"}', '{"exclude": [1]}', '{"sensitivity_factors": [-1]}',
        '{"ppm_low": 4.0}', '{"ppm_high": 99}',
    ):  # fmt: skip
        with pytest.raises(MrsError) as refusal:
            Settings.from_json(wrong)
        assert refusal.value.code == "settings-invalid"


def test_the_command_line(functional, tmp_path, capsys) -> None:
    curves = tmp_path / "curves.json"
    common = ["quantify", str(functional), "--basis", SYNTHETIC_BASIS, "--blocks", "none"]
    assert main([*common, "--json", "--progress", "--curves", str(curves), "--settings", '{"ppm_high": 4.0}']) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["settings"]["ppm_high"] == 4.0
    assert json.loads(printed.err.splitlines()[0]) == {"stage": "checking", "fraction": 0.0}
    assert set(json.loads(curves.read_text())) >= {"ppm", "data", "fit", "baseline", "residual", "components"}
    assert main(common) == 0
    assert "Glx/tNAA" in capsys.readouterr().out
    assert main(["convert", str(functional), "--out", str(tmp_path / "out.nii.gz")]) == 0
    assert "sha256" in capsys.readouterr().out


def test_out_of_memory_is_a_refusal(functional, capsys, monkeypatch) -> None:
    def exhausted(*_arguments: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr("sessions.mrs.pipeline.quantify_opened", exhausted)
    assert main(["quantify", str(functional), "--basis", SYNTHETIC_BASIS]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "data-too-large"


def test_the_package_offers_its_promise_only() -> None:
    assert sessions.mrs.ENGINE_VERSION == "1.2.0"
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = sessions.mrs.other
