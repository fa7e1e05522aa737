"""Eddy currents are corrected once: by the scanner or here, and the record says by whom."""

import dataclasses
import json

import numpy as np
import pytest

from sessions.mrs.conversion import read_spectrum
from sessions.mrs.eddy import bend, evidence
from sessions.mrs.io import nifti_mrs_bytes, read_nifti_mrs
from sessions.mrs.preprocess import prepare
from sessions.mrs.settings import Settings
from sessions.mrs.spectrum import kept_header
from sessions.mrsinmrs import STEPS
from tests.factories.spectra import DWELL_TIME_S, FREQUENCY_MHZ, brain, shared_data

TIMES = np.arange(1024) * DWELL_TIME_S
COURSE = 6.0 * np.exp(-TIMES / 0.03)
DATA = shared_data()
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no reference spectra in {DATA}")


def reference(course):
    return dataclasses.replace(brain(), fids=(3000 * np.exp(-25 * TIMES + 1j * course)).reshape(1, 1, -1))


def turned(course):
    return dataclasses.replace(brain(), fids=brain().fids * np.exp(1j * course))


def eddy_step(spectrum, water, **options):
    prepared = prepare(spectrum, water, Settings(**options), 0)
    return prepared, next(step for step in prepared.steps if step["step"] == "eddy currents")


def test_what_bends_the_water_is_taken_off_the_data() -> None:
    prepared, step = eddy_step(turned(COURSE), reference(COURSE))
    assert (step["corrected"], step["by"]) == (True, "engine")
    assert step["sharper_by"] > 1.1
    clean, _ = eddy_step(brain(), None)
    a, b = (one.fids[0] / np.linalg.norm(one.fids[0]) for one in (prepared, clean))
    assert np.abs(np.vdot(a, b)) > 0.995


def test_what_the_scanner_has_taken_off_is_not_taken_off_again() -> None:
    prepared, step = eddy_step(brain(), reference(COURSE))
    assert (step["corrected"], step["by"], step["because"]) == (False, "before", "the lines show that it was done")
    assert step["sharper_by"] < 0.95
    assert np.array_equal(prepared.fids, eddy_step(brain(), None)[0].fids)
    assert STEPS["eddy currents"](step) == "eddy currents corrected before"


def test_a_straight_reference_has_been_corrected_itself() -> None:
    _, step = eddy_step(brain(), reference(0.4 + 2 * np.pi * 7 * TIMES))
    assert step == {
        "step": "eddy currents", "corrected": False, "by": "before", "water_bend_deg": 0.0,
        "because": "the phase of the water reference is straight already",
    }  # fmt: skip


def test_a_small_bend_is_corrected_without_asking_the_lines() -> None:
    _, step = eddy_step(brain(), reference(0.3 * np.exp(-TIMES / 0.02)))
    assert 1 < step["water_bend_deg"] < 8
    assert step["corrected"]
    assert "sharper_by" not in step


@pytest.mark.parametrize("who", ["data", "water"])
def test_a_file_that_says_so_is_believed(who) -> None:
    done = {"ProcessingApplied": [{"Method": "Eddy current correction"}]}
    spectrum, water = turned(COURSE), reference(COURSE)
    if who == "data":
        spectrum = dataclasses.replace(spectrum, header=spectrum.header | done)
    else:
        water = dataclasses.replace(water, header=water.header | done)
    _, step = eddy_step(spectrum, water)
    assert step == {
        "step": "eddy currents", "corrected": False, "by": "before", "because": "the file says that it was done",
    }  # fmt: skip


def test_the_switch_comes_first() -> None:
    _, step = eddy_step(turned(COURSE), reference(COURSE), eddy_current=False)
    assert step == {"step": "eddy currents", "corrected": False, "because": "switched off"}
    assert STEPS["eddy currents"](step) == "eddy currents not corrected"


def test_of_the_record_of_processing_only_the_methods_are_kept(tmp_path) -> None:
    header = brain().header | {
        "ProcessingApplied": [
            {"Time": "1903-02-01T09:00", "Program": "SEEDED^TEST^NAME", "Method": "Eddy current correction"},
            {"Method": "Something of SEEDED^TEST^NAME"}, "no object",
        ]
    }  # fmt: skip
    path = tmp_path / "one.nii.gz"
    path.write_bytes(nifti_mrs_bytes(dataclasses.replace(brain(), header=header)))
    kept = read_nifti_mrs(path).header["ProcessingApplied"]
    assert kept == [{"Method": "Eddy current correction"}]
    assert "SEEDED" not in json.dumps(kept_header(header))
    assert "ProcessingApplied" not in kept_header(brain().header | {"ProcessingApplied": "SEEDED^TEST^NAME"})


def test_the_bend_is_what_is_left_of_the_straight_line() -> None:
    course, degrees = bend(np.exp(-10 * TIMES + 1j * (0.2 + 30 * TIMES)))
    assert degrees == pytest.approx(0, abs=1e-6)
    assert np.abs(course).max() < 1e-9
    assert bend(np.exp(-10 * TIMES + 1j * COURSE))[1] > 8


def test_short_decays_tell_nothing() -> None:
    assert evidence(np.ones(200, complex), np.ones(200, complex), DWELL_TIME_S, FREQUENCY_MHZ) is None


@needs_data
def test_an_average_of_another_program_is_told_from_the_scanner_s_raw_data() -> None:
    folder = DATA / "steam7t_nifti"
    water = read_spectrum(folder / "wref_raw.nii.gz")
    _, step = eddy_step(read_spectrum(folder / "metab.nii.gz"), water)
    assert (step["corrected"], step["because"]) == (False, "the lines show that it was done")
    assert step["simpler_by"] < 0.6
    _, step = eddy_step(read_spectrum(folder / "metab_raw.nii.gz"), water)
    assert (step["corrected"], step["by"]) == (True, "engine")


@needs_data
@pytest.mark.parametrize("subject", ["01", "02"])
def test_philips_data_of_the_scanner_s_store_still_need_it(subject) -> None:
    folder = DATA / f"philips3t_sdat/sub-{subject}/ses-01/mrs"
    spectrum, water = (
        read_spectrum(folder / f"sub-{subject}_ses-01_press{kind}/sub-{subject}_PRESS_35_{end}.sdat")
        for kind, end in (("", "act"), ("-ref", "ref"))
    )
    _, step = eddy_step(spectrum, water)
    assert (step["corrected"], step["by"]) == (True, "engine")
    assert 9 < step["water_bend_deg"] < 12
