"""What leaves a run or a session: NIfTI-MRS that says the same as the curves, and BIDS without a name or an order."""

import csv
import gzip
import io
import json
import shutil
import subprocess
import zipfile

import numpy as np
import pytest

from sessions import bids, mrsinmrs
from sessions.models import QuantificationRun, Spectrum, StudySession
from sessions.mrs import Settings, simulate_functional
from sessions.mrs.io import nifti_mrs_bytes, read_nifti_mrs
from sessions.mrs.pictures import decay_document, pictures_of, transients_document, window_decay
from sessions.mrs.preprocess import prepare
from sessions.mrs.spectrum import Spectrum as Decays
from sessions.services import exports, store
from studyportal.errors import NotPermitted
from tests.factories import scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db

VALIDATOR = shutil.which("bids-validator-deno")
HEADER = {"SpectrometerFrequency": [127.74], "ResonantNucleus": ["1H"], "EchoTime": 0.028, "RepetitionTime": 2.0}


@pytest.fixture
def run(world: World, session: StudySession) -> QuantificationRun:
    began = session.doses.get(planned__kind="infusion").started_at
    return scans.finished(world, scans.uploaded(world, session, acquired_at=began), scans.document(blocks=2))


def with_file(run: QuantificationRun) -> Spectrum:
    """Store a real file for the spectrum of a run."""
    spectrum = run.spectrum
    content = simulate_functional([1.0], seed=2)
    spectrum.stored_sha256, spectrum.stored_bytes, spectrum.header = store.put(content), len(content), HEADER
    spectrum.save()
    return spectrum


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_window_becomes_a_decay_and_comes_back() -> None:
    ppm = np.linspace(0.2, 4.2, 401)
    values = np.exp(-((ppm - 2.01) ** 2) / 0.002) - 0.3 * np.exp(-((ppm - 3.03) ** 2) / 0.001)
    fid, dwell = window_decay(ppm, values, 127.74)
    spectrum = np.fft.fft(fid, 2 * len(fid)).real
    axis = 4.65 + np.fft.fftfreq(2 * len(fid), dwell) / 127.74
    order = np.argsort(axis)
    back = np.interp(ppm, axis[order], spectrum[order])
    assert np.abs(back - values).max() < 0.02
    outside = (axis < 0.1) | (axis > 4.3)
    assert np.abs(spectrum[outside]).max() < 1e-9


def test_data_fit_and_residual_leave_as_nifti_mrs(run: QuantificationRun, tmp_path) -> None:
    files = members(exports.nifti_archive(run))
    number, label = run.spectrum.session.participant.number, str(run.spectrum_id)[:8]
    assert list(files) == [f"{number}_{label}_run-1_{kind}.nii.gz" for kind in ("data", "fit", "residual")]
    path = tmp_path / "fit.nii.gz"
    path.write_bytes(files[f"{number}_{label}_run-1_fit.nii.gz"])
    read = read_nifti_mrs(path)
    spectrum = np.fft.fft(read.fids[0, 0], 2 * read.points)
    axis = 4.65 + np.fft.fftfreq(2 * read.points, read.dwell_time_s) / read.frequency_mhz
    assert axis[np.argmax(spectrum.real)] == pytest.approx(2.01, abs=0.05)
    assert exports.nifti_archive(run) == exports.nifti_archive(run)


def test_a_kept_decay_leaves_as_it_went_into_the_fit() -> None:
    fid = np.exp(-np.arange(64) / 9) * (3 + 4j)
    said = decay_document(fid, 5e-4)
    curves = json.loads(json.dumps(scans.CURVES)) | {"processed": said}
    files = exports._decays(curves, HEADER)
    assert list(files) == ["processed", "data", "fit", "residual"]
    back = np.array(said["real"]) + 1j * np.array(said["imaginary"])
    assert np.allclose(back * 5, fid, atol=1e-6)


def test_a_quantified_series_keeps_its_pictures(tmp_path) -> None:
    path = tmp_path / "series.nii.gz"
    path.write_bytes(simulate_functional([1.0], seed=4))
    spectrum = read_nifti_mrs(path)
    prepared = prepare(spectrum, None, Settings(), 0)
    found = pictures_of(prepared, spectrum)
    assert (set(found), found["processed"]["dwell_time_s"]) == ({"processed", "transients"}, spectrum.dwell_time_s)
    assert len(found["transients"]["numbers"]) == spectrum.transients


def test_stacks_of_transients_show_before_and_after() -> None:
    times = np.arange(512) * 5e-4
    shifts = np.linspace(-4, 4, 100)
    base = np.exp(2j * np.pi * (2.01 - 4.65) * 127.74 * times - 15 * times)
    combined = base * np.exp(2j * np.pi * shifts[:, None] * times)
    kept = np.ones(100, dtype=bool)
    kept[8] = False
    found = transients_document(combined, np.repeat(base[None], 100, axis=0), kept, 5e-4, 127.74)
    assert (len(found["numbers"]), found["numbers"][:3], found["is_kept"][:2]) == (25, [1, 5, 9], [True, True])
    assert found["is_kept"][2] is False
    tops = {key: [found["ppm"][int(np.argmax(row))] for row in found[key]] for key in ("before", "after")}
    assert max(tops["before"]) - min(tops["before"]) == pytest.approx(8 / 127.74, abs=0.03)
    assert len(set(tops["after"])) == 1
    assert transients_document(combined[:1], combined[:1], kept[:1], 5e-4, 127.74) is None


def test_a_session_leaves_as_bids_without_identity_or_order(world: World, run: QuantificationRun) -> None:
    spectrum = with_file(run)
    session = spectrum.session
    water = scans.uploaded(world, session, b"water", "water")
    Spectrum.objects.filter(pk=spectrum.pk).update(water_reference=water)
    Spectrum.objects.filter(pk=water.pk).update(
        status="stored", stored_sha256=spectrum.stored_sha256, stored_bytes=9, header=HEADER
    )
    with pytest.raises(NotPermitted):
        exports.bids_archive(session, by=world.coordinator)
    with exports.bids_archive(session, by=world.imaging_analyst) as whole:
        files = members(whole.read())
    subject, label = f"sub-{session.participant.number.replace('-', '')}", session.pk.hex[:8]
    stem = f"{subject}/ses-{label}/mrs/{subject}_ses-{label}"
    assert list(files) == [
        "dataset_description.json", "README", "participants.tsv", "participants.json",
        f"{stem}_task-infusion_run-1_svs.nii.gz", f"{stem}_task-infusion_run-1_svs.json",
        f"{stem}_task-infusion_run-1_events.tsv", f"{stem}_task-infusion_run-1_events.json",
        f"{stem}_run-1_mrsref.nii.gz", f"{stem}_run-1_mrsref.json",
        "derivatives/studyportal/dataset_description.json", "derivatives/studyportal/.bidsignore",
        "derivatives/studyportal/README",
        f"derivatives/studyportal/{stem}_task-infusion_run-1_desc-estimates_mrs.tsv",
    ]  # fmt: skip
    assert json.loads(files["dataset_description.json"])["BIDSVersion"] == "1.10.0"
    assert files["participants.tsv"].decode() == f"participant_id\n{subject}\n"
    assert files[f"{stem}_task-infusion_run-1_events.tsv"].decode() == (
        "onset\tduration\ttrial_type\n0.0\t2400.0\tinfusion\n"
    )
    said = json.loads(files[f"{stem}_task-infusion_run-1_svs.json"])
    assert said == {
        "TaskName": "infusion", "ResonantNucleus": ["1H"], "SpectrometerFrequency": [127.74], "EchoTime": 0.028,
        "RepetitionTime": 2.0, "MagneticFieldStrength": 3.0, "SpectralWidth": 2000.0, "NumberOfSpectralPoints": 1024,
        "ReferenceSignal": f"bids::{stem}_run-1_mrsref.nii.gz",
    }  # fmt: skip
    assert json.loads(files[f"{stem}_run-1_mrsref.json"])["WaterSuppression"] is False
    rows = list(csv.reader(io.StringIO(files[list(files)[-1]].decode()), delimiter="\t"))
    assert rows[0] == ["block", "minutes_from_infusion", "quantity", "name", "value", "crlb_percent"]
    assert ["n/a", "n/a", "ratio", "Glx/tNAA", "0.959", "4.6"] in rows
    text = b"".join(name.encode() + content for name, content in files.items() if not name.endswith(".gz"))
    for word in (b"period", b"sequence", str(session.started_at.year).encode(), session.pk.hex.encode()):
        assert word not in text.lower()


@pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno (PyPI) is not installed")
def test_the_bids_validator_finds_no_error(run: QuantificationRun, world: World, tmp_path) -> None:
    session = with_file(run).session
    with exports.bids_archive(session, by=world.imaging_analyst) as whole, zipfile.ZipFile(whole) as archive:
        archive.extractall(tmp_path / "set")
    for folder in (tmp_path / "set", tmp_path / "set" / "derivatives" / "studyportal"):
        answer = subprocess.run(
            [VALIDATOR, folder, "--format", "json"], capture_output=True, check=False, env={"HOME": str(tmp_path)}
        )
        issues = json.loads(answer.stdout)["issues"]["issues"]
        assert [one for one in issues if one["severity"] == "error"] == []


def test_a_file_that_is_no_nifti_has_no_sampling() -> None:
    for content in (gzip.compress(b"short"), b"no gzip at all", gzip.compress(b"cut" * 999)[:20], b""):
        assert bids.sampling(content) == (0.0, 0)
    header = HEADER | {"ExcitationFlipAngle": 90.0, "SequenceName": "PRESS"}
    content = nifti_mrs_bytes(Decays(np.ones((1, 1, 8), complex), 5e-4, 127.74, "1H", HEADER))
    said = bids.sidecar(header, content)
    assert (said["FlipAngle"], said["PulseSequenceType"], said["NumberOfSpectralPoints"]) == (90.0, "PRESS", 8)
    assert "NumberOfTransients" not in said
    header |= {"dim_5": "DIM_COIL", "dim_6": "DIM_DYN", "WaterSuppressed": True}
    content = nifti_mrs_bytes(Decays(np.ones((3, 2, 8), complex), 5e-4, 127.74, "1H", header))
    said = bids.sidecar(header, content)
    assert (said["NumberOfTransients"], said["WaterSuppression"]) == (3, True)
    assert "NumberOfTransients" not in bids.sidecar(header, b"no file")


def test_the_reporting_table_shows_what_is_known_and_what_is_missing(run: QuantificationRun) -> None:
    with_file(run)
    run.result.document |= {
        "transients": {"count": 8},
        "preprocessing": [
            {"step": "orientation"}, {"step": "coil combination", "coils": 32, "by": "water"},
            {"step": "outlying transients", "rejected": [2]}, {"step": "alignment", "by": "spectral registration"},
            {"step": "averaging", "transients": 8, "averaged": 7, "blocks": 2},
            {"step": "eddy currents", "corrected": False, "because": "no water reference"},
            {"step": "residual water", "removed_energy_share": 0.1}, {"step": "something new"},
        ],
        "settings": {"ppm_low": 0.2, "ppm_high": 4.2, "baseline_ed_per_ppm": 2.5},
    }  # fmt: skip
    lines = {line.number: line for line in exports.reporting_table(run)}
    assert lines["1a"].value == "3.0 T (127.74 MHz)"
    assert lines["2d"].value == "TR 2000 ms, TE 28 ms"
    assert lines["2f"].value == "2000 Hz, 1024 points"
    assert lines["3b"].value == (
        "32 coils combined, weighted by water; 1 outlying transient left out; "
        "aligned in frequency and phase by spectral registration; 7 transients averaged, and in 2 blocks; "
        "eddy currents not corrected (no water reference); residual water removed (HLSVD); something new"
    )
    assert lines["3e"].value.endswith("0.2 to 4.2 ppm, P-spline baseline, effective dimension 2.5 per ppm")
    assert lines["4b"].value == "SNR 20 or more; FWHM under 0.1; CRLB of Glx/tNAA 20 % or less"
    assert [number for number, line in lines.items() if line.is_gap] == [
        "1b", "1c", "1e", "2a", "2b", "2c", "2g", "2h", "2i",
    ]  # fmt: skip


def test_a_table_of_nothing_is_all_gaps() -> None:
    lines = mrsinmrs.table({}, basis="", thresholds=[])
    filled = {line.item for line in lines if not line.is_gap}
    assert filled == {"Analysis software", "Fitting model", "Sample spectrum"}
    assert mrsinmrs.gaps(lines)[0] == "Field strength"
    header = {"WaterSuppressed": False, "ResonantNucleus": ["1H"]}
    values = {line.number: line.value for line in mrsinmrs.table({"header": header}, basis="B", thresholds=[])}
    assert (values["2g"], values["1d"]) == ("Off", "1H; channels and type not on record")
    steps = [
        {"step": "coil combination", "by": "scanner"}, {"step": "outlying transients"},
        {"step": "alignment", "by": "scanner"}, {"step": "alignment", "by": "nobody", "because": "switched off"},
        {"step": "averaging", "by": "scanner"}, {"step": "eddy currents", "corrected": True},
        {"step": "residual water", "removed": False, "because": "switched off"},
    ]  # fmt: skip
    assert list(mrsinmrs.step_words(steps)) == [
        "coils combined by the scanner", "no transient left out", "one average in the file, nothing to align",
        "transients not aligned (switched off)", "averaged by the scanner", "eddy currents corrected with water",
        "residual water not removed (switched off)",
    ]  # fmt: skip
