"""The LCModel adapter: our control file in, its own numbers out; and every way in which it may fail."""

import dataclasses
import json
import os
import re
import select
import subprocess
import sys

import numpy as np
import pytest

from sessions.mrs import MrsError
from sessions.mrs.__main__ import main
from sessions.mrs.conversion import read_spectrum
from sessions.mrs.importers import read_results
from sessions.mrs.lcmodel import BINARY_VARIABLE, lcmodel_binary, raw_text, run_lcmodel
from sessions.mrs.text_formats import Known
from tests.factories.lcmodel_stand_in import FAILURES, stand_in
from tests.factories.malformed_nifti import lcmodel_basis
from tests.factories.spectra import DWELL_TIME_S, FREQUENCY_MHZ, brain, shared_data, write


@pytest.fixture
def files(tmp_path):
    (tmp_path / "set.basis").write_text(lcmodel_basis())
    return write(tmp_path, brain(transients=3)), tmp_path / "set.basis"


def test_runs_on_our_control_file_and_reads_its_table_back(files, tmp_path) -> None:
    path, basis = files
    run = run_lcmodel(path, basis=basis, binary=stand_in(tmp_path))
    assert [one.name for one in run.result.metabolites] == ["NAA", "Cr", "PCr", "Glu"]
    assert [one.percent_sd for one in run.result.metabolites] == ["3", "4", "5", "6"]
    assert [one.estimates[1].value for one in run.result.metabolites] == ["0.000", "0.143", "0.286", "0.429"]
    assert (run.result.program, run.result.version) == ("LCModel", "6.3-1R")
    assert run.result.document()["imported"] is True
    first = run_lcmodel(path, basis=basis, binary=stand_in(tmp_path))
    assert first == run
    said = dict(re.findall(r"(\w+) = (.*)", run.control))
    assert said["HZPPPM"] == "127.740000"
    assert float(said["DELTAT"]) == DWELL_TIME_S
    assert said["NUNFIL"] == "1024"
    assert said["ECHOT"] == "28.000"
    assert {one for one in said.values() if one.startswith("'")} == {
        "'spectrum'", "''", "'data.raw'", "'set.basis'", "'result.table'", "'result.ps'",
    }  # fmt: skip


def test_from_the_command_line(files, tmp_path, capsys) -> None:
    path, basis = files
    command = ["lcmodel", str(path), "--basis", str(basis), "--binary", str(stand_in(tmp_path)), "--json"]
    assert main(command) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["imported"] is True
    assert [one["name"] for one in document["metabolites"]] == ["NAA", "Cr", "PCr", "Glu"]
    assert main([*command[:4], "--binary", "/nowhere", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "lcmodel-missing"


def test_with_water_it_scales_by_it(files, tmp_path) -> None:
    path, basis = files
    times = np.arange(900) * DWELL_TIME_S
    fids = {height: height * np.exp(-20 * times + 0.2j).reshape(1, 1, -1) for height in (3000.0, 6000.0)}
    found = {}
    for height, one in fids.items():
        water = write(tmp_path, dataclasses.replace(brain(), fids=one), f"water{height:.0f}.nii.gz")
        run = run_lcmodel(path, basis=basis, water=water, binary=stand_in(tmp_path))
        assert " DOWS = T\n FILH2O = 'water.raw'\n" in run.control
        assert " NUNFIL = 900\n" in run.control
        found[height] = float(run.result.metabolites[0].estimates[0].value)
    assert found[3000.0] == pytest.approx(2 * found[6000.0], rel=0.01)
    other = write(tmp_path, dataclasses.replace(brain(), dwell_time_s=1 / 3000), "other.nii.gz")
    with pytest.raises(MrsError):
        run_lcmodel(path, basis=basis, water=other, binary=stand_in(tmp_path))


def test_a_table_of_a_real_lcmodel_comes_back_number_by_number(files, tmp_path) -> None:
    """The program is a stand-in; the table is one that LCModel 6.3 wrote."""
    path, basis = files
    table = shared_data() / "lcmodel_results/svs_97.TABLE"
    if not table.is_file():
        pytest.skip("the shared reference data are not on this machine")
    run = run_lcmodel(path, basis=basis, binary=stand_in(tmp_path, table=table))
    assert run.result == read_results(table)
    assert len(run.result.metabolites) > 20


def test_a_program_of_another_kind_of_computer_fails_in_words(files, tmp_path) -> None:
    path, basis = files
    program = tmp_path / "lcmodel"
    program.write_bytes(b"\x7fELF" + bytes(60))
    program.chmod(0o700)
    with pytest.raises(MrsError) as refusal:
        run_lcmodel(path, basis=basis, binary=program)
    assert refusal.value.code == "lcmodel-failed"


def test_stricter_limits_of_who_runs_us_are_kept(files, tmp_path) -> None:
    """As in the portal's sandbox: an ordinary user cannot raise a limit."""
    path, basis = files
    program = stand_in(tmp_path)
    code = (
        "import resource, sys; from sessions.mrs.__main__ import main; "
        "resource.setrlimit(resource.RLIMIT_CPU, (50, 50)); "
        f"sys.exit(main(['lcmodel', {str(path)!r}, '--basis', {str(basis)!r}, '--binary', {str(program)!r}, '--json']))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        ("crash", "lcmodel-failed"), ("error", "lcmodel-failed"), ("silence", "lcmodel-failed"),
        ("hang", "lcmodel-timeout"), ("nonsense", "lcmodel-output"), ("half a table", "lcmodel-output"),
        ("another program's table", "lcmodel-output"), ("a link", "lcmodel-failed"), ("flood", "lcmodel-output"),
    ],
)  # fmt: skip
def test_every_failure_is_a_sentence(failure, code, files, tmp_path, capfd) -> None:
    path, basis = files
    with pytest.raises(MrsError) as refusal:
        run_lcmodel(path, basis=basis, binary=stand_in(tmp_path, failure), seconds=1.5 if failure == "hang" else 60)
    assert refusal.value.code == code
    assert refusal.value.message.endswith(".")
    assert "/tmp" not in refusal.value.message
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a program outlives who started it")
def test_it_ends_with_the_engine_that_started_it(files, tmp_path) -> None:
    """The sandbox kills the engine and its group; LCModel stands in a session of its own."""
    path, basis = files
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    program = tmp_path / "lcmodel"
    program.write_text(f"#!{sys.executable} -I\nimport signal\nheld = open({str(pipe)!r}, 'wb')\nsignal.pause()\n")
    program.chmod(0o755)
    command = ["-m", "sessions.mrs", "lcmodel", str(path), "--basis", str(basis), "--binary", str(program), "--json"]
    # Opening the pipe waits until LCModel runs.
    with (
        subprocess.Popen([sys.executable, *command], start_new_session=True) as engine,
        pipe.open("rb", buffering=0) as alive,
    ):
        engine.kill()
        assert select.select([alive], [], [], 60)[0], "LCModel goes on"
        assert alive.read() == b""


def test_all_failures_are_tried() -> None:
    assert len(FAILURES) == 9


def test_without_the_program_it_says_so(files, tmp_path, monkeypatch) -> None:
    path, basis = files
    monkeypatch.delenv(BINARY_VARIABLE, raising=False)
    plain = tmp_path / "not-executable"
    plain.write_text("x")
    for binary in (None, "", "lcmodel", tmp_path, plain, tmp_path / "nothing"):
        with pytest.raises(MrsError) as refusal:
            run_lcmodel(path, basis=basis, binary=binary)
        assert refusal.value.code == "lcmodel-missing"
    monkeypatch.setenv(BINARY_VARIABLE, str(stand_in(tmp_path)))
    assert lcmodel_binary() == tmp_path / "lcmodel"


def test_only_a_basis_file_of_this_field_will_do(files, tmp_path) -> None:
    path, _ = files
    binary = stand_in(tmp_path)
    with pytest.raises(MrsError) as refusal:
        run_lcmodel(path, basis="sim:press:14,14@3T", binary=binary)
    assert refusal.value.code == "lcmodel-basis"
    (tmp_path / "other.basis").write_text(lcmodel_basis(297.2, width_hz=5000))
    with pytest.raises(MrsError) as refusal:
        run_lcmodel(path, basis=tmp_path / "other.basis", binary=binary)
    assert refusal.value.code == "basis-frequency-mismatch"


def test_the_data_have_the_direction_of_lcmodels_own(tmp_path) -> None:
    (tmp_path / "ours.raw").write_text(raw_text(brain().fids[0, 0]))
    again = read_spectrum(tmp_path / "ours.raw", known=Known(FREQUENCY_MHZ, DWELL_TIME_S)).fids[0, 0]
    ours = brain().fids[0, 0]
    assert abs(np.vdot(ours, again)) == pytest.approx(np.linalg.norm(ours) * np.linalg.norm(again), rel=1e-9)
    if not shared_data().is_dir():
        pytest.skip("the shared reference data are not on this machine")
    from sessions.mrs.singlets import oriented

    theirs = read_spectrum(shared_data() / "lcmodel_test/data.raw", known=Known(127.7861, 5e-4))
    assert oriented(theirs)[1] is False
