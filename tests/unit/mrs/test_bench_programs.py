"""Other programs in the benchmark: run where installed, a sentence where absent or failing, never an end of it."""

import stat
import sys

import pytest

from benchmarks.spectra.programs import Silent, amounts, fsl_mrs, lcmodel
from sessions.mrs.importers import read_results
from sessions.mrs.lcmodel import BINARY_VARIABLE
from tests.factories.foreign_results import FSL_SUMMARY, lcmodel_table
from tests.factories.lcmodel_stand_in import stand_in
from tests.factories.malformed_nifti import lcmodel_basis
from tests.factories.spectra import brain, write

FSL = """
import sys
from pathlib import Path
given = dict(zip(sys.argv[1:-1], sys.argv[2:]))
assert Path(given["--data"]).is_file() and given["--basis"] and sys.argv[-1] == "--overwrite"
out = Path(given["--output"])
out.mkdir()
(out / "summary.csv").write_text({summary!r})
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Return a function that puts an `fsl_mrs` of our own on the path."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))

    def put(body: str) -> None:
        path = place / "fsl_mrs"
        path.write_text(f"#!{sys.executable} -I\n{body}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return put


@pytest.fixture
def data(tmp_path):
    return write(tmp_path, brain())


def test_fsl_mrs_is_run_and_its_summary_read(program, data, tmp_path) -> None:
    program(FSL.format(summary=FSL_SUMMARY))
    (tmp_path / "summary.csv").write_text(FSL_SUMMARY)
    assert fsl_mrs(data, tmp_path, basis="set") == amounts(read_results(tmp_path / "summary.csv"))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise SystemExit('no basis here')", "it ended with code 1: no basis here."),
        ("raise SystemExit(3)", "it ended with code 3: nothing was said."),
        ("pass", "The result file was not found|file was not found"),
        ("import signal; signal.pause()", "it took longer than 1 s and was stopped."),
        (FSL.format(summary="something else\n"), "The folder holds no result"),
    ],
)
def test_what_fails_is_a_sentence(body, sentence, program, data, tmp_path) -> None:
    program(body)
    with pytest.raises(Silent, match=sentence):
        fsl_mrs(data, tmp_path, basis="set", seconds=1 if "signal" in body else 60)


def test_a_program_that_cannot_start_is_a_sentence(program, data, tmp_path) -> None:
    program("")
    (tmp_path / "bin/fsl_mrs").write_bytes(b"\x7fELF" + bytes(60))
    with pytest.raises(Silent, match="it could not be started"):
        fsl_mrs(data, tmp_path, basis="set")


def test_absent_programs_are_said_to_be_absent(data, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(BINARY_VARIABLE, raising=False)
    with pytest.raises(Silent, match=r"^not installed\.$"):
        fsl_mrs(data, tmp_path)
    with pytest.raises(Silent, match="not installed"):
        lcmodel(data, tmp_path)


def test_lcmodel_is_run_and_fails_in_words(data, tmp_path) -> None:
    (tmp_path / "set.basis").write_text(lcmodel_basis())
    found = lcmodel(data, tmp_path, basis=tmp_path / "set.basis", binary=stand_in(tmp_path))
    # The stand-in divides one number by 2, 3, 4 and 5 for NAA, Cr, PCr and Glu.
    assert found == pytest.approx(
        [0.2 / (1 / 3 + 1 / 4), 0, 0.2 / (1 / 3 + 1 / 4), 0.5 / (1 / 3 + 1 / 4), 0, 0.4], rel=0.01
    )
    with pytest.raises(Silent, match="LCModel ended without a result"):
        lcmodel(data, tmp_path, basis=tmp_path / "set.basis", binary=stand_in(tmp_path, "error"))


def test_names_and_gaps_of_other_programs(tmp_path) -> None:
    (tmp_path / "a.table").write_text(lcmodel_table((("2.000", "5", "0.5", "mI"), ("4.0", "3", "1.0", "Cr"))))
    assert amounts(read_results(tmp_path / "a.table")) == [0, 0, 0, 0, 0.5, None]
